// Every model on a GPU, from the command line; skipped where there is none.
#include <gtest/gtest.h>

#include "tests/command_folder.h"

namespace {

class OnCuda : public CommandFolder {
 protected:
  void SetUp() override {
    CommandFolder::SetUp();
    write_points("points.csv", 300);
    const Outcome first = clade({"train", "points.csv", "--labels", "kind", "--out", "first",
                                 "--set", "train.epochs=1", "--device", "cuda"});
    if (first.err.find("no CUDA device") != std::string::npos) GTEST_SKIP() << first.err;
  }

  Outcome clade(std::vector<std::string> words) const {
    words.insert(words.begin(), CLADE_COMMAND);
    return finish(start_program(words));
  }

  std::string succeed(const std::vector<std::string>& words) const {
    std::string command;
    for (const auto& word : words) command += word + " ";
    const Outcome outcome = clade(words);
    EXPECT_EQ(outcome.code, 0) << command << outcome.err;
    EXPECT_EQ(outcome.err.find("CUDA graph"), std::string::npos) << command << outcome.err;
    return outcome.out;
  }

  void succeed_on_cuda(std::vector<std::string> words) const {
    words.insert(words.end(), {"--device", "cuda"});
    succeed(words);
  }
};

TEST_F(OnCuda, EveryModelTrainsAndDoesAllElse) {
  std::istringstream lines(succeed({"models"}));
  std::string name;
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    std::istringstream(line) >> name;
    succeed_on_cuda({"train", "points.csv", "--labels", "kind", "--model", name, "--out", name,
                     "--set", "train.epochs=6", "--set", "train.batch=32", "--set",
                     "evaluate.importance_samples=20"});
    succeed_on_cuda({"evaluate", name});
    succeed_on_cuda({"embed", name, "points.csv"});
    succeed_on_cuda({"generate", name, "--count", "8", "--out", "more.csv"});
    succeed_on_cuda({"score", name, "points.csv"});
    if (succeed({"models", name}).find("\n  clusters ") == std::string::npos) continue;
    succeed_on_cuda({"cluster", name, "points.csv"});
  }
  EXPECT_EQ(name, "cagem");  // the last one of the list
}

}  // namespace
