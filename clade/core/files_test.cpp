#include "clade/core/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "clade/core/error.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  /// Names in the folder, so that a test sees files left behind.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("clade_files_test_" + std::to_string(::getpid()));
  const fs::path file_ = folder_ / "file.txt";
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(Files, WritesAndReadsBackEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  write_atomically(file_, bytes);
  EXPECT_EQ(read_file(file_), bytes);
  write_atomically(file_, "");
  EXPECT_EQ(read_file(file_), "");
  EXPECT_EQ(names(), std::vector<std::string>{"file.txt"});
}

TEST_F(Files, AnInterruptedWriteLeavesTheOldFile) {
  write_atomically(file_, "old");
  const auto interrupted = [](std::ostream& out) {
    out << "half of the new";
    throw NumericalError("in the middle");
  };
  EXPECT_THROW(write_atomically(file_, interrupted), NumericalError);
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"file.txt"});
}

TEST_F(Files, AFullDiskLeavesTheOldFile) {
  write_atomically(file_, "old");
  // A limit on the size of files fails a write where a full disk would, for root too.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = before;
  limit.rlim_cur = 1 << 16;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string message =
      message_of([&] { write_atomically(file_, std::string(1 << 20, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write " + file_.string()), std::string::npos) << message;
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"file.txt"});
}

TEST_F(Files, APlaceIsAskedForBeforeThereIsWhatIsToLieThere) {
  EXPECT_NO_THROW(require_place_for(file_));
  EXPECT_NO_THROW(require_place_for("-"));
  EXPECT_NE(message_of([&] { require_place_for(folder_); }).find("is a folder"), std::string::npos);
  const auto message = message_of([&] { require_place_for(folder_ / "nowhere" / "x.csv"); });
  EXPECT_NE(message.find("there is no folder " + (folder_ / "nowhere").string()), std::string::npos)
      << message;
  EXPECT_TRUE(names().empty());
}

TEST_F(Files, FoldersThatCannotHoldTheFile) {
  write_atomically(file_, "a file, not a folder");
  for (const fs::path& path : {folder_ / "missing" / "a.txt", file_ / "a.txt"}) {
    const std::string message = message_of([&] { write_atomically(path, "x"); });
    EXPECT_NE(message.find("cannot create " + path.string() + ": "), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(path));
  }
  fs::create_directories(folder_ / "taken" / "inside");
  EXPECT_EQ(message_of([&] { write_atomically(folder_ / "taken", "x"); }),
            (folder_ / "taken").string() + " is a folder; give a file");
  EXPECT_TRUE(fs::is_directory(folder_ / "taken"));
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(Files, ReadingNamesWhatCannotBeRead) {
  EXPECT_NE(message_of([&] { read_file(file_); }).find("cannot read " + file_.string()),
            std::string::npos);
  EXPECT_EQ(message_of([&] { read_file(folder_); }),
            folder_.string() + " is a folder; give a file");
  EXPECT_EQ(message_of([&] { read_file("/dev/zero"); }), "/dev/zero is a device; give a file");
  // Opens, but its first page is no memory of anyone: a read error after a successful open.
  if (fs::exists("/proc/self/mem")) {
    EXPECT_THROW(read_file("/proc/self/mem"), Error);
  }
}

TEST_F(Files, LinksAreWrittenThroughToTheirEnd) {
  write_atomically(folder_ / "target", "old");
  fs::create_symlink("target", folder_ / "link");
  write_atomically(folder_ / "link", "new");
  EXPECT_EQ(read_file(folder_ / "target"), "new");

  fs::create_symlink("not yet", folder_ / "dangling");
  write_atomically(folder_ / "dangling", "made");
  EXPECT_EQ(read_file(folder_ / "not yet"), "made");
  EXPECT_TRUE(fs::is_symlink(folder_ / "dangling"));

  fs::create_symlink("b", folder_ / "a");
  fs::create_symlink("a", folder_ / "b");
  const std::string message = message_of([&] { write_atomically(folder_ / "a", "x"); });
  EXPECT_NE(message.find("circle"), std::string::npos) << message;
  EXPECT_TRUE(fs::is_symlink(folder_ / "a"));
}

TEST_F(Files, WhatIsLaidBesideIsNotWrittenThrough) {
  write_atomically(folder_ / "precious", "mine");
  fs::create_symlink("precious", file_.string() + ".part" + std::to_string(::getpid()));
  write_atomically(file_, "x");
  EXPECT_EQ(read_file(folder_ / "precious"), "mine");
}

TEST_F(Files, RemovesWhatTheKilledLeftAndNothingElse) {
  for (const char* left :
       {"model.safetensors.part0123456789abcdef", "log.jsonl.part00ab34cd00ab34cd"}) {
    write_atomically(folder_ / left, "half");
  }
  for (const char* other :
       {"log.jsonl", "a.party", ".part00ab34cd00ab34cd", "a.part", "a.part00"}) {
    write_atomically(folder_ / other, "whole");
  }
  fs::create_symlink("log.jsonl", folder_ / "link.part00ab34cd00ab34cd");
  write_atomically(file_, [&](std::ostream& out) {
    remove_parts(folder_);  // as another process would while this one writes
    out << "whole";
  });
  EXPECT_EQ(read_file(file_), "whole");
  EXPECT_TRUE(fs::exists(folder_ / "log.jsonl"));
  std::vector<std::string> left = names();
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left,
            (std::vector<std::string>{".part00ab34cd00ab34cd", "a.part", "a.part00", "a.party",
                                      "file.txt", "link.part00ab34cd00ab34cd", "log.jsonl"}));
  EXPECT_NO_THROW(remove_parts(folder_ / "missing"));
}

TEST_F(Files, AFileLargerThanMemoryIsNotRead) {
  write_atomically(file_, "start");
  fs::resize_file(file_, uintmax_t{1} << 42);  // all but its start a hole, on no disk
  const std::string message = message_of([&] { read_file(file_); });
  EXPECT_NE(message.find(file_.string() + " needs 4.0 TiB of memory"), std::string::npos)
      << message;
  EXPECT_EQ(read_start(file_, 5), "start");
  EXPECT_EQ(read_start(file_, 6), std::string("start\0", 6));
  write_atomically(file_, "start");
  EXPECT_EQ(read_start(file_, 6), "start");
}

}  // namespace
}  // namespace clade
