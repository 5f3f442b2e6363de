#include "clade/data/download.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/md5.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

#ifdef CLADE_WITH_CURL
class Download : public ::testing::Test {
 protected:
  const TestFolder folder_;
  const std::string content_ = std::string(100000, 'a') + "the end";
  const std::string md5_ = md5_of(content_);
  const std::string url_ = "file://" + folder_.write("source", content_);
  const std::string path_ = folder_.path("cache/deep/file");
};

TEST_F(Download, FetchesIntoAFolderItMakes) {
  download({url_}, path_, md5_);
  EXPECT_EQ(read_file(path_), content_);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".part"));
}

TEST_F(Download, ResumesAPart) {
  // Only the missing end is there to be fetched: the source's beginning is unlike the part's.
  const std::string url =
      "file://" + folder_.write("other", std::string(100000, 'b') + content_.substr(100000));
  folder_.write("cache/deep/file.part", content_.substr(0, 100000));
  download({url}, path_, md5_);
  EXPECT_EQ(read_file(path_), content_);
}

TEST_F(Download, StartsAnewWhereThePartIsDamaged) {
  folder_.write("cache/deep/file.part", std::string(5000, 'x'));
  download({url_}, path_, md5_);
  EXPECT_EQ(read_file(path_), content_);
}

TEST_F(Download, TakesAPartThatIsWhole) {
  folder_.write("cache/deep/file.part", content_);
  download({url_}, path_, md5_);
  EXPECT_EQ(read_file(path_), content_);
}

TEST_F(Download, TurnsToTheNextMirror) {
  const std::string wrong = "file://" + folder_.write("wrong", "something else");
  download({"file://" + folder_.path("missing"), wrong, url_}, path_, md5_);
  EXPECT_EQ(read_file(path_), content_);
}

TEST_F(Download, SaysWhyNoMirrorWorks) {
  expect_error<Error>([&] { download({url_}, path_, std::string(32, '0')); },
                      {"file", "checksum", "data.path"});
  // A port that nothing listens on: what a machine without a network sees.
  expect_error<Error>([&] { download({"http://127.0.0.1:9/file"}, path_, md5_); },
                      {"cannot download file", "check the network", "data.path"});
  EXPECT_FALSE(std::filesystem::exists(path_));
}

pid_t in_another_process(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int code = 0;
  try {
    work();
  } catch (const std::exception&) {
    code = 1;
  }
  ::_exit(code);
}

int code_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Download, WaitsForAnotherProcessThatFetchesTheSame) {
  // What the other has begun, it alone can end: there is no such source.
  const std::string part = folder_.write("cache/deep/file.part", content_.substr(0, 500));
  const int file = ::open(part.c_str(), O_RDWR | O_APPEND);
  ASSERT_EQ(::flock(file, LOCK_EX), 0);
  const pid_t child = in_another_process([&] {
    ::close(file);
    download({"file://" + folder_.path("missing")}, path_, md5_);
  });
  ::usleep(200'000);
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "did not wait";
  const std::string rest = content_.substr(500);
  ASSERT_EQ(::write(file, rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
  std::filesystem::rename(part, path_);
  ::close(file);
  EXPECT_EQ(code_of(child), 0);
  EXPECT_EQ(read_file(path_), content_);
  EXPECT_FALSE(std::filesystem::exists(part));
}

TEST_F(Download, OfSeveralProcessesAtOnceGivesEachTheWholeFile) {
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    children.push_back(in_another_process([&] {
      download({url_}, path_, md5_);
      if (read_file(path_) != content_) throw Error("not whole");
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(code_of(child), 0);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".part"));
}

TEST_F(Download, KeepsThePartWhereTheNetworkBreaks) {
  folder_.write("cache/deep/file.part", content_.substr(0, 500));
  expect_error<Error>([&] { download({"http://127.0.0.1:9/file"}, path_, md5_); }, {"cannot"});
  EXPECT_EQ(read_file(path_ + ".part"), content_.substr(0, 500));
}
#endif

}  // namespace
}  // namespace clade
