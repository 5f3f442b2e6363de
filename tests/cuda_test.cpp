// Every model on a GPU, from the command line; skipped where there is none.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "clade/models/registry.h"
#include "tests/command_folder.h"

namespace {

class OnCuda : public CommandFolder, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists("/dev/nvidiactl")) GTEST_SKIP() << "no CUDA device";
    CommandFolder::SetUp();
    std::mt19937 random(1);
    std::normal_distribution<double> noise;
    std::ostringstream csv;
    csv << "a,b,c,d,kind\n";
    for (int i = 0; i < 300; ++i) {
      for (int d = 0; d < 4; ++d) csv << 3 * ((i % 3) == d) + 0.3 * noise(random) << ",";
      csv << "xyz"[i % 3] << "\n";
    }
    write(folder_ / "points.csv", csv.str());
  }

  void succeed(std::vector<std::string> words) const {
    std::string command;
    for (const auto& word : words) command += word + " ";
    words.insert(words.begin(), CLADE_COMMAND);
    words.insert(words.end(), {"--device", "cuda"});
    const Outcome outcome = finish(start_program(words));
    EXPECT_EQ(outcome.code, 0) << command << outcome.err;
    EXPECT_EQ(outcome.err.find("graph"), std::string::npos) << command << outcome.err;
  }
};

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : clade::models()) names.push_back(entry.name);
  return names;
}

TEST_P(OnCuda, TrainsAndDoesAllElse) {
  const std::string model = GetParam();
  succeed({"train", "points.csv", "--labels", "kind", "--model", model, "--out", "run", "--set",
           "train.epochs=6", "--set", "train.batch=32", "--set", "evaluate.importance_samples=20"});
  succeed({"evaluate", "run"});
  succeed({"embed", "run", "points.csv"});
  succeed({"generate", "run", "--count", "8", "--out", "more.csv"});
  succeed({"score", "run", "points.csv"});
  const auto options = to_json(*clade::find_model(model).options());
  if (options.contains("clusters")) succeed({"cluster", "run", "points.csv"});
}

INSTANTIATE_TEST_SUITE_P(Models, OnCuda, testing::ValuesIn(names()),
                         [](const auto& of) { return of.param; });

}  // namespace
