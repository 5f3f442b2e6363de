#include "clade/evaluation/cluster_curve.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/evaluation/clustering_scores.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/training/trainer.h"

namespace clade {
namespace {

Splits some_splits() {
  auto generator = make_generator(1);
  Splits splits;
  for (Dataset* part : {&splits.train, &splits.validation}) {
    part->x = torch::empty({60, 5}).bernoulli_(0.5, generator);
    part->labels = part->x.select(1, 0).to(torch::kInt64);
    part->rows = torch::arange(60);
    part->shape = {5};
  }
  splits.preprocessing = {torch::zeros({5}), torch::ones({5}), false};
  return splits;
}

TEST(ClusterCurve, HasTheScoresOfWhatTheModelMakesOfThePoints) {
  Splits data = some_splits();
  data.validation.labels.slice(0, 0, 10).fill_(kUnknownLabel);
  auto trained = make_model("cp_vae", small_options("cp_vae"), data, 3, torch::kCPU);
  EpochLog log;
  trained.model->train();
  ClusterCurve(*trained.model, data.validation, 1000, 3).measure(log);
  EXPECT_TRUE(trained.model->is_training());
  trained.model->eval();
  auto generator = make_generator(1);
  const auto q_y = trained.model->cluster_probabilities(data.validation.x, generator)[0];
  const auto scores = score_clusters(q_y, data.validation.labels);
  ASSERT_EQ(log.figures.size(), 4u);
  EXPECT_EQ(log.figures.at("accuracy, one-to-one"), scores.acc_hungarian);
  EXPECT_EQ(log.figures.at("accuracy, most confident"), scores.acc_most_confident);
  EXPECT_NEAR(log.figures.at("effective clusters"), cluster_use(q_y.mean(0)).effective_clusters,
              1e-4);
  EXPECT_NEAR(log.figures.at("clusters told apart"), clusters_told_apart(q_y), 1e-9);
}

TEST(ClusterCurve, SaysWhatItCan) {
  Splits data = some_splits();
  const auto names = [&](const std::string& model, int64_t points) {
    auto trained = make_model(model, small_options(model), data, 3, torch::kCPU);
    EpochLog log;
    ClusterCurve(*trained.model, data.validation, points, 3).measure(log);
    std::vector<std::string> all;
    for (const auto& figure : log.figures) all.push_back(figure.first);
    return all;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("vae", 10), Names{});
  EXPECT_EQ(names("cp_vae", 0), Names{});
  EXPECT_EQ(names("vlac", 10),
            (Names{"accuracy of y1, most confident", "accuracy of y1, one-to-one",
                   "accuracy of y2, most confident", "accuracy of y2, one-to-one",
                   "clusters told apart of y1", "clusters told apart of y2",
                   "effective clusters of y1", "effective clusters of y2"}));
  data.validation.labels = torch::Tensor();
  EXPECT_EQ(names("cp_vae", 10), (Names{"clusters told apart", "effective clusters"}));
  data.validation = {};
  EXPECT_EQ(names("cp_vae", 10), Names{});
}

TEST(ClusterCurve, LeavesTrainingAsItIs) {
  const Splits data = some_splits();
  TrainOptions options;
  options.epochs = 3;
  options.batch = 20;
  const auto weights = [&](bool watched) {
    auto trained = make_model("gmvae", small_options("gmvae"), data, 3, torch::kCPU);
    ClusterCurve curve(*trained.model, data.validation, 30, 3);
    std::vector<TrainingObserver*> observers;
    if (watched) observers.push_back(&curve);
    Trainer(trained, data, options, 3).run(observers);
    return state_of(*trained.model);
  };
  const auto plain = weights(false);
  for (const auto& [name, tensor] : weights(true)) {
    EXPECT_TRUE(torch::equal(tensor, plain.at(name))) << name;
  }
}

}  // namespace
}  // namespace clade
