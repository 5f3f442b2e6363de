#include "clade/training/step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <map>

#include "clade/models/small_models_for_tests.h"
#include "clade/training/trainer.h"

namespace clade {
namespace {

constexpr uint64_t kSeed = 3;

/// 24 points of grey levels that nobody binarises, taken as one batch.
Splits grey_levels() {
  auto generator = make_generator(1);
  Splits data;
  data.train.x = torch::empty({24, 8}).uniform_(0, 1, generator);
  data.train.shape = {8};
  data.preprocessing = {torch::zeros({8}), torch::ones({8})};
  return data;
}

TrainOptions one_batch(int64_t steps) {
  TrainOptions options;
  options.epochs = steps;  // an epoch is one step
  options.batch = 24;
  options.learning_rate = 0.01;
  options.warmup = 0;
  return options;
}

TrainedModel fresh(const std::string& name, const Splits& data) {
  return make_model(name, small_options(name), data, kSeed, torch::kCPU);
}

torch::Tensor flat(const TrainedModel& trained) {
  std::vector<torch::Tensor> parts;
  for (const auto& parameter : trained.model->parameters()) {
    parts.push_back(parameter.detach().reshape(-1));
  }
  return torch::cat(parts).to(torch::kFloat64);  // [P]
}

/// Parameters before and after training, and Adam's first moment after it.
struct Moved {
  torch::Tensor before, after, first_moment;  // [P]

  double largest() const { return (after - before).abs().max().item<double>(); }
};

Moved moved(const std::string& name, const TrainOptions& options) {
  struct LastState : TrainingObserver {
    void keep_state(const TrainingState& state) override {
      first_moment = state.first_moment.to(torch::kFloat64);
    }
    torch::Tensor first_moment;
  } last;
  const Splits data = grey_levels();
  auto trained = fresh(name, data);
  Moved moved{flat(trained), {}, {}};
  Trainer(trained, data, options, kSeed).run({&last});
  moved.after = flat(trained);
  moved.first_moment = last.first_moment;
  return moved;
}

/// The same by torch's Adam on `objective`, which is given the terms' means by name.
using Means = std::map<std::string, torch::Tensor>;
torch::Tensor by_hand(const std::string& name, const TrainOptions& options,
                      const std::function<torch::Tensor(Means, int64_t epoch)>& objective) {
  const Splits data = grey_levels();
  auto trained = fresh(name, data);
  auto generator = make_generator(derive_seed(kSeed, "training"));
  torch::optim::Adam adam(trained.model->parameters(),
                          torch::optim::AdamOptions(options.learning_rate));
  trained.model->train();
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const auto order = torch::randperm(24, generator, torch::kInt64);
    Means means;
    for (const Term& term :
         trained.model->bound(data.train.x.index_select(0, order), generator).terms) {
      means[term.name] = term.value.mean();
    }
    adam.zero_grad();
    objective(means, epoch).backward();
    adam.step();
  }
  return flat(trained);
}

TEST(Step, GoesDownTheBoundWhoseDivergencesWeighBeta) {
  TrainOptions options = one_batch(3);
  options.warmup = 4;
  const std::vector<double> betas = {0.25, 0.5, 0.75};
  const auto objective = [&](Means mean, int64_t epoch) {
    const double beta = betas[static_cast<size_t>(epoch)];
    return mean["KL(y)"] - mean["log p(x|z,y)"] + beta * mean["KL(z)"];
  };
  const auto expected = by_hand("cp_vae", options, objective);
  EXPECT_LT((moved("cp_vae", options).after - expected).abs().max().item<double>(), 2e-5);

  const auto unweighted = by_hand("cp_vae", options, [](Means mean, int64_t) {
    return mean["KL(y)"] - mean["log p(x|z,y)"] + mean["KL(z)"];
  });
  EXPECT_GT((unweighted - expected).abs().max().item<double>(), 1e-3);
}

TEST(Step, MovesByTheLearningRateAtFirst) {
  // Adam's first step is the learning rate times the gradient's sign.
  EXPECT_NEAR(moved("vae", one_batch(1)).largest(), 0.01, 1e-5);
}

TEST(Step, MovesByLessInTheCooldown) {
  TrainOptions options = one_batch(1);
  options.cooldown = 1;  // of one epoch: half way from the learning rate to zero
  EXPECT_NEAR(moved("vae", options).largest(), 0.005, 1e-5);
}

TEST(Step, HardlyMovesAfterADecay) {
  TrainOptions options = one_batch(5);
  options.decay_every = 1;
  options.learning_rate_decay = 1e-6;
  EXPECT_NEAR(moved("vae", options).largest(), 0.01, 1e-5);  // the first step's
}

TEST(Step, ClipsTheWholeGradientToTheNormAsked) {
  const auto gradient_norm = [](double clip_norm) {
    TrainOptions options = one_batch(1);
    options.clip_norm = clip_norm;
    return moved("vae", options).first_moment.norm().item<double>() / (1 - 0.9);
  };
  const double unclipped = gradient_norm(0);
  ASSERT_GT(unclipped, 0.1);
  EXPECT_NEAR(gradient_norm(0.01), 0.01, 1e-6);
  EXPECT_NEAR(gradient_norm(2 * unclipped), unclipped, 1e-6 * unclipped);
}

torch::Tensor step_number(int64_t step) {
  return torch::full({}, step, torch::kInt64);
}

Bound two_terms(std::vector<double> likelihood, std::vector<double> divergence) {
  return {{{"log p(x|z)", torch::tensor(likelihood, torch::kFloat64)},
           {"KL(z)", torch::tensor(divergence, torch::kFloat64), Role::divergence}}};
}

TEST(StepWatch, AveragesOverPointsAndNotOverBatches) {
  StepWatch watch;
  watch.record(two_terms({-1, -3}, {1, 1}), torch::ones({}), step_number(1), 2);
  watch.record(two_terms({-8}, {4}), torch::ones({}), step_number(2), 1);
  const MeanBound mean = watch.means(3);
  ASSERT_EQ(mean.terms.size(), 2u);
  EXPECT_EQ(mean.terms[0], std::pair(std::string("log p(x|z)"), -4.0));
  EXPECT_EQ(mean.terms[1], std::pair(std::string("KL(z)"), 2.0));
  EXPECT_DOUBLE_EQ(mean.elbo, -6);
  EXPECT_FALSE(watch.failure());
  watch.clear();
  EXPECT_EQ(watch.means(3).elbo, 0);
}

TEST(StepWatch, RemembersTheFirstFailureOnly) {
  StepWatch watch;
  const double nan = std::nan("");
  watch.record(two_terms({-1}, {1}), torch::ones({}), step_number(7), 1);
  watch.record(two_terms({-1}, {nan}), torch::ones({}), step_number(8), 1);
  watch.record(two_terms({nan}, {nan}), torch::full({}, nan), step_number(9), 1);
  ASSERT_TRUE(watch.failure());
  EXPECT_EQ(watch.failure()->what, "KL(z)");
  EXPECT_EQ(watch.failure()->step, 8);
  watch.clear();
  EXPECT_FALSE(watch.failure());
  watch.record(two_terms({-1}, {1}), torch::full({}, nan), step_number(10), 1);
  EXPECT_EQ(watch.failure()->what, "the gradient");
}

}  // namespace
}  // namespace clade
