#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

inline std::string read(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

inline void write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

struct Outcome {
  int code;
  std::string out, err;
};

/// A folder for one test, and programs run in it.
class CommandFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = test->name();
    std::replace(name.begin(), name.end(), '/', '_');  // of a test with a parameter
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("clade_command_" + std::to_string(::getpid()) + "_" + name);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ::unsetenv("CLADE_DATA");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Three groups in four dimensions, with a header and a label column.
  void write_points(const std::string& name, int rows = 150) const {
    std::mt19937 random(1);
    std::normal_distribution<double> noise;
    std::ostringstream csv;
    csv << "a,b,c,d,kind\n";
    for (int i = 0; i < rows; ++i) {
      for (int d = 0; d < 4; ++d) csv << 3 * ((i % 3) == d) + 0.3 * noise(random) << ",";
      csv << "xyz"[i % 3] << "\n";
    }
    write(folder_ / name, csv.str());
  }

  /// Starts a program, found as a shell would find it, in the folder; its streams in files.
  pid_t start_program(std::vector<std::string> words) const {
    std::fflush(nullptr);  // or the child would print what this process has not yet
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(folder_.c_str()) != 0 || !std::freopen("out.txt", "w", stdout) ||
          !std::freopen("err.txt", "w", stderr)) {
        ::_exit(99);
      }
      std::vector<char*> argv;
      for (auto& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execvp(argv.front(), argv.data());
      ::_exit(98);
    }
    return child;
  }

  Outcome finish(pid_t child) const {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(folder_ / "out.txt"),
            read(folder_ / "err.txt")};
  }

  std::filesystem::path folder_;
};
