#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "clade/training/observer.h"

namespace clade {

/// A folder for one test, and folders in it for the runs of the test.
class Folder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("clade_" + std::to_string(::getpid()) + "_" + std::string(test->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder(const std::string& name) const {
    std::filesystem::create_directories(folder_ / name);
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

/// Stops training after so many steps.
class StopAfter : public TrainingObserver {
 public:
  explicit StopAfter(int64_t steps) : left_(steps) {}
  bool after_step(const TrainingProgress&) override { return --left_ > 0; }

 private:
  int64_t left_;
};

}  // namespace clade
