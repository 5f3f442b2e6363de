#include "clade/run/training_run.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <fstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/run/draws.h"
#include "clade/run/metrics_file.h"
#include "clade/training/folder_for_tests.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

class TrainingRuns : public Folder {
 protected:
  /// Two groups of points in the plane, the second coordinate a whole number, `unit` times as
  /// large.
  fs::path table(const std::string& name, double unit = 1) {
    const fs::path path = folder_ / name;
    std::ofstream file(path);
    file << "length,count\n";
    for (int i = 0; i < 200; ++i) {
      file << unit * (i % 2 * 5 + i * 0.005) << "," << (i % 2 == 0 ? 3 : 40) + i % 7 << "\n";
    }
    return path;
  }

  ExperimentFile settings_for(const fs::path& data) {
    ExperimentFile file;
    file.override("data.path=" + data.string());
    file.override("model.clusters=2");
    file.override("train.epochs=4");
    file.override("train.start=none");
    file.override("threads=1");
    return file;
  }
};

void expect_same_weights(const TrainedModel& a, const TrainedModel& b) {
  const auto of_b = state_of(*b.model);
  for (const auto& [name, tensor] : state_of(*a.model)) {
    EXPECT_TRUE(tensor.equal(of_b.at(name))) << name;
  }
}

TEST_F(TrainingRuns, LeaveAFolderThatOpensAsItWasTrained) {
  const fs::path data = table("points.csv");
  const TrainedRun run = train(settings_for(data), folder_ / "run");
  const TrainedRun opened = open_run(folder_ / "run");
  expect_same_weights(run.trained, opened.trained);
  EXPECT_EQ(said_of_unfinished(opened), "");
  EXPECT_EQ(opened.trained.options->least_deviation, 0.05);  // as of clade train
  const Metrics again =
      evaluate(opened.trained, opened.splits().test, opened.experiment.evaluate, opened.seed());
  EXPECT_EQ(read_metrics(folder_ / "run").at("test").at("elbo"), again.bound.elbo);
  table("points.csv", 2);
  EXPECT_THROW(opened.splits(), DataError);  // its data are others now
}

TEST_F(TrainingRuns, InMemoryAreTheSame) {
  const ExperimentFile settings = settings_for(table("points.csv"));
  const TrainedRun run = train(settings, folder_ / "run");
  expect_same_weights(train(prepare(settings)), run.trained);
}

TEST_F(TrainingRuns, MeasureInTheUnitsOfTheData) {
  const TrainedRun one = train(settings_for(table("one.csv")), folder_ / "one");
  const TrainedRun ten = train(settings_for(table("ten.csv", 10)), folder_ / "ten");
  const auto bound = [&](const TrainedRun& run) {
    return evaluate(run.trained, run.splits().test, {}, 1).bound.elbo;
  };
  // A density of numbers ten times as large is a tenth as high.
  EXPECT_NEAR(bound(ten), bound(one) - std::log(10), 1e-3);
}

TEST_F(TrainingRuns, GoOnAsIfTheyHadNeverStopped) {
  const ExperimentFile settings = settings_for(table("points.csv"));
  const TrainedRun whole = train(settings, folder_ / "whole");
  {
    TrainingRun stopped(prepare(settings));
    stopped.begin_in(folder_ / "stopped");
    StopAfter stop(3);
    EXPECT_TRUE(stopped.train({&stop}).interrupted);
  }
  TrainingRun again(folder_ / "stopped");
  EXPECT_FALSE(again.finished());
  again.train();
  EXPECT_TRUE(again.finished());
  expect_same_weights(again.run().trained, whole.trained);
}

TEST_F(TrainingRuns, BeginInNoFolderThatHoldsSomething) {
  const ExperimentFile settings = settings_for(table("points.csv"));
  write_atomically(folder("taken") / "mine.txt", std::string("of somebody"));
  TrainingRun run(prepare(settings));
  EXPECT_THROW(run.begin_in(folder_ / "taken"), Error);
  EXPECT_FALSE(fs::exists(folder_ / "taken" / "experiment.toml"));
}

TEST_F(TrainingRuns, MeasureBitsOfTrainingPointsAsTheyAreShown) {
  const Prepared prepared = prepare(settings_for(table("points.csv")));
  TrainedRun run{"", prepared.experiment, train(prepared), torch::kCPU};
  Splits grey = prepared.data;
  grey.train.x = torch::full({50, 1}, 0.25);
  grey.preprocessing.binarise = true;
  const auto bits = measured_points(run, grey, "train").x;
  EXPECT_TRUE(bits.eq(0).logical_or(bits.eq(1)).all().item<bool>());
  EXPECT_TRUE(bits.equal(measured_points(run, grey, "train").x));  // the same by every command
  EXPECT_TRUE(grey.train.x.eq(0.25).all().item<bool>());
}

TEST_F(TrainingRuns, AreJudgedByWhatWasHeldOut) {
  Splits data;
  data.train.x = data.validation.x = data.test.x = torch::zeros({3, 1});
  EXPECT_EQ(judged_split(data), "test");
  data.test.x = torch::Tensor();
  EXPECT_EQ(judged_split(data), "validation");
  data.validation.x = torch::Tensor();
  EXPECT_EQ(judged_split(data), "train");
}

TEST_F(TrainingRuns, GenerateAsTheDataAre) {
  ExperimentFile settings = settings_for(table("points.csv"));
  settings.override("train.epochs=40");
  settings.override("train.start=neighbours");
  const TrainedRun run = train(settings, folder_ / "run");
  const auto all = generate(run.trained, 200);
  EXPECT_EQ(all.sizes(), torch::IntArrayRef({200, 2}));
  const auto counts = all.select(1, 1);
  EXPECT_TRUE(counts.equal(counts.round()));
  EXPECT_GE(counts.min().item<double>(), 3);  // within the range of the training points
  EXPECT_LE(counts.max().item<double>(), 46);
  // Each cluster has a group of its own.
  const auto length = [&](int64_t k) {
    return generate(run.trained, 200, {{"y", torch::tensor(k)}}).select(1, 0).mean().item<double>();
  };
  EXPECT_GT(std::abs(length(0) - length(1)), 3);
  EXPECT_TRUE(generate(run.trained, 5, {}, 2).equal(generate(run.trained, 5, {}, 2)));
}

}  // namespace
}  // namespace clade
