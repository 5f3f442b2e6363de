#include "clade/training/step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

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

/// The same without batch norm, which ties the draws of a point together.
TrainedModel of_single_draws(const std::string& name, const Splits& data) {
  const auto options = small_options(name);
  from_json({{"batch_norm", false}}, *options);
  return make_model(name, options, data, kSeed, torch::kCPU);
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

Moved moved(const std::string& name, const TrainOptions& options,
            const Splits& data = grey_levels()) {
  struct LastState : TrainingObserver {
    void keep_state(const TrainingState& state) override {
      first_moment = state.first_moment.to(torch::kFloat64);
    }
    torch::Tensor first_moment;
  } last;
  auto trained = fresh(name, data);
  Moved moved{flat(trained), {}, {}};
  Trainer(trained, data, options, kSeed).run({&last});
  moved.after = flat(trained);
  moved.first_moment = last.first_moment;
  return moved;
}

/// The same by torch's Adam on what `loss_of` makes of a batch.
using Loss = std::function<torch::Tensor(Model& model, const torch::Tensor& x, Generator& generator,
                                         int64_t epoch)>;
torch::Tensor by_hand(const std::string& name, const TrainOptions& options, const Loss& loss_of) {
  const Splits data = grey_levels();
  auto trained = fresh(name, data);
  auto generator = make_generator(derive_seed(kSeed, "training"));
  torch::optim::Adam adam(trained.model->parameters(),
                          torch::optim::AdamOptions(options.learning_rate));
  trained.model->train();
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const auto order = torch::randperm(24, generator, torch::kInt64);
    const auto x = data.train.x.index_select(0, order);
    adam.zero_grad();
    loss_of(*trained.model, x, generator, epoch).backward();
    adam.step();
  }
  return flat(trained);
}

std::map<std::string, torch::Tensor> by_name(const Bound& bound) {
  std::map<std::string, torch::Tensor> values;
  for (const Term& term : bound.terms) values[term.name] = term.value;
  return values;
}

TEST(Step, GoesDownTheBoundWhoseDivergencesWeighBeta) {
  TrainOptions options = one_batch(3);
  options.warmup = 4;
  const std::vector<double> betas = {0.25, 0.5, 0.75};
  const auto weighed_by = [](const std::vector<double>& weights) {
    return [=](Model& model, const torch::Tensor& x, Generator& generator, int64_t epoch) {
      auto term = by_name(model.bound(x, generator));
      const double beta = weights[static_cast<size_t>(epoch)];
      return (term["KL(y)"] - term["log p(x|z,y)"] + beta * term["KL(z)"]).mean();
    };
  };
  const auto expected = by_hand("cp_vae", options, weighed_by(betas));
  EXPECT_LT((moved("cp_vae", options).after - expected).abs().max().item<double>(), 2e-5);
  const auto unweighted = by_hand("cp_vae", options, weighed_by({1, 1, 1}));
  EXPECT_GT((unweighted - expected).abs().max().item<double>(), 1e-3);
}

TEST(Step, AveragesOverDrawsOfTheLatents) {
  TrainOptions options = one_batch(2);
  options.samples = 3;
  const auto expected =
      by_hand("hvae", options, [](Model& model, const auto& x, auto& generator, int64_t) {
        auto term = by_name(model.bound(x, generator, 3));
        EXPECT_EQ(term["log p(x|z1,z2)"].sizes(), (std::vector<int64_t>{3, 24}));
        return term["KL(z1)"].mean() + term["KL(z2)"].mean() - term["log p(x|z1,z2)"].mean();
      });
  EXPECT_LT((moved("hvae", options).after - expected).abs().max().item<double>(), 2e-5);
}

/// Two steps on the weights of four draws, whose divergences weigh a half in the first.
TrainOptions four_weights_warming_up() {
  TrainOptions options = one_batch(2);
  options.objective = "iwae";
  options.samples = 4;
  options.warmup = 2;
  return options;
}

TEST(Step, GoesDownTheImportanceWeightedBound) {
  const TrainOptions options = four_weights_warming_up();
  const auto expected =
      by_hand("hvae", options, [](Model& model, const auto& x, auto& generator, int64_t epoch) {
        auto term = by_name(model.log_weights(x)(4, generator));
        const double beta = epoch == 0 ? 0.5 : 1;
        const auto weight =
            (term["log p(x|z1,z2)"] - beta * (term["KL(z1)"] + term["KL(z2)"])).exp();  // [4, 24]
        return -weight.mean(0).log().mean();
      });
  EXPECT_LT((moved("hvae", options).after - expected).abs().max().item<double>(), 2e-5);
}

TEST(Step, GoesDownTheImportanceWeightedBoundOfEachClusterByItsShare) {
  const TrainOptions options = four_weights_warming_up();
  const auto expected =
      by_hand("cp_vae", options, [](Model& model, const auto& x, auto& generator, int64_t epoch) {
        const Bound draws = model.log_weights(x)(4, generator);
        auto term = by_name(draws);
        const double beta = epoch == 0 ? 0.5 : 1;
        const auto weight = (term["log p(x|z,y)"] - term["KL(y)"] - beta * term["KL(z)"]).exp();
        EXPECT_EQ(weight.sizes(), (std::vector<int64_t>{3, 4, 24}));
        const auto of_clusters = weight.mean(1).log();  // [K, B]
        return -(draws.share.squeeze(1) * of_clusters).sum(0).mean();
      });
  EXPECT_LT((moved("cp_vae", options).after - expected).abs().max().item<double>(), 2e-5);
}

/// The first six of the points, with labels.
Splits six_labelled() {
  Splits data = grey_levels();
  data.labelled = data.train;
  data.labelled.x = data.train.x.slice(0, 0, 6);
  data.labelled.labels = torch::arange(6) % 3;
  return data;
}

TEST(Step, AddsWhatLabelledPointsCostWeighedByAlpha) {
  const Splits data = six_labelled();
  TrainOptions options = one_batch(2);
  options.label_weight = 0.5;
  const auto weighed_by = [&](double alpha) {
    return by_hand("m2", options, [=](Model& model, const auto& x, auto& generator, int64_t) {
      const auto unlabelled = -model.bound(x, generator).elbo().mean();
      auto term = by_name(model.labelled_bound(data.labelled.x, data.labelled.labels, generator));
      return unlabelled + (term["KL(z)"] + term["KL(y)"] - term["log p(x|z,y)"]).mean() +
             alpha * term["H(q(y|x))"].mean();
    });
  };
  const auto found = moved("m2", options, data).after;
  EXPECT_LT((found - weighed_by(0.5 * 24 / 6)).abs().max().item<double>(), 2e-5);
  EXPECT_GT((found - weighed_by(0.5)).abs().max().item<double>(), 1e-3);
  options.label_scale = "sum";
  EXPECT_LT((moved("m2", options, data).after - weighed_by(0.5)).abs().max().item<double>(), 2e-5);
}

/// H(q(y|x)) of the labelled points of each of 40 steps that move nothing.
std::vector<double> losses_of_labels(int64_t labelled_batch) {
  const Splits data = six_labelled();
  TrainedModel trained = fresh("m2", data);
  TrainOptions options = one_batch(1);
  options.labelled_batch = labelled_batch;
  auto generator = make_generator(kSeed);
  TrainingStep step(*trained.model, data, options, generator);
  trained.model->train();
  step.begin_epoch({});
  std::vector<double> losses;
  for (int i = 0; i < 40; ++i) {
    step.watch().clear();
    step.take(torch::arange(24), /*learning_rate=*/0);
    const MeanBound means = *step.watch().labelled_means(24);
    for (const auto& [name, value] : means.terms) {
      if (name == "H(q(y|x))") losses.push_back(value);
    }
  }
  return losses;
}

TEST(Step, DrawsOtherLabelledPointsEachTimeAndNoneTwice) {
  const auto all = losses_of_labels(0), two = losses_of_labels(2), one = losses_of_labels(1);
  ASSERT_EQ(two.size(), 40u);
  for (const double loss : all) EXPECT_NEAR(loss, all[0], 1e-6);
  // The six there are, each by itself, and the means of two different ones, fifteen.
  const auto different = [](std::vector<double> losses) {
    std::sort(losses.begin(), losses.end());
    return std::unique(losses.begin(), losses.end(),
                       [](double a, double b) { return std::abs(a - b) < 1e-6; }) -
           losses.begin();
  };
  EXPECT_EQ(different(one), 6);
  EXPECT_GT(different(two), 9);
  EXPECT_LE(different(two), 15);
  const std::set<double> single(one.begin(), one.end());
  for (const double loss : two) {
    for (const double alone : single) EXPECT_GT(std::abs(loss - alone), 1e-7);
  }
}

TEST(Step, KeepsTheStatisticsOfBatchNormsThatSawLabels) {
  const Splits with = six_labelled(), without = grey_levels();
  const auto statistics = [](const Splits& data) {
    auto trained = fresh("cagem", data);
    Trainer(trained, data, one_batch(1), kSeed).run();
    std::vector<torch::Tensor> all;
    for (const auto& buffer : trained.model->named_buffers()) {
      if (buffer.key().find("running") != std::string::npos) all.push_back(buffer.value());
    }
    return torch::cat(all);
  };
  const auto of_all_points = statistics(without);
  EXPECT_TRUE(torch::equal(statistics(with), of_all_points));
  EXPECT_GT(of_all_points.numel(), 0);
}

/// Gradients of `steps` steps on one point presented many times, with draws of its own each time:
/// [steps, P]. The parameters stay where they are.
torch::Tensor gradients(TrainedModel& trained, const TrainOptions& how, double beta,
                        int64_t steps) {
  constexpr int64_t kPresentations = 500;
  Splits data = grey_levels();
  data.train.x = data.train.x.slice(0, 0, 1).repeat({kPresentations, 1});
  TrainOptions options = how;
  options.batch = kPresentations;
  trained.model->train();
  TrainingStep step(*trained.model, data, options, make_generator(7));
  step.begin_epoch({.beta = beta});
  std::vector<torch::Tensor> all;
  for (int64_t i = 0; i < steps; ++i) {
    step.adam().first_moment.zero_();
    step.take(torch::arange(kPresentations), /*learning_rate=*/1e-30);
    all.push_back(step.adam().first_moment.to(torch::kFloat64) / (1 - 0.9));
  }
  return torch::stack(all);
}

/// Which of the parameters, in their order, have a part in q: [P] bool.
torch::Tensor of_inference(const TrainedModel& trained) {
  std::vector<torch::Tensor> parts;
  for (const auto& item : trained.model->named_parameters()) {
    const bool shared = trained.name == "lvae" && item.key().rfind("p_z", 0) == 0;
    const bool is = shared || item.key().rfind("q_", 0) == 0;
    parts.push_back(torch::full({item.value().numel()}, is, torch::kBool));
  }
  return torch::cat(parts);
}

class DoublyReparameterised : public testing::TestWithParam<std::tuple<std::string, double>> {};
class LearnedDoublyReparameterised : public DoublyReparameterised {};

constexpr int64_t kSteps = 40;

TrainOptions importance_weighted(const std::string& gradient) {
  TrainOptions options = one_batch(1);
  options.objective = "iwae";
  options.samples = 8;
  options.gradient = gradient;
  return options;
}

double variance_of(const torch::Tensor& gradients) {
  return gradients.var(0).sum().item<double>();
}

TEST(Step, OfOnePointAloneLeavesTheStatisticsOfBatchNorms) {
  const Splits data = grey_levels();
  TrainedModel trained = fresh("cagem", data);
  TrainOptions options = one_batch(1);
  options.batch = 23;
  auto generator = make_generator(kSeed);
  TrainingStep step(*trained.model, data, options, generator);
  trained.model->train();
  step.begin_epoch({});
  step.take(torch::arange(23), /*learning_rate=*/0.01);
  std::map<std::string, torch::Tensor> before;
  for (const auto& buffer : trained.model->named_buffers()) {
    before[buffer.key()] = buffer.value().clone();
  }
  step.take(torch::tensor({23}), /*learning_rate=*/0.01);
  int64_t running = 0;
  for (const auto& buffer : trained.model->named_buffers()) {
    running += buffer.key().find("running") != std::string::npos;
    EXPECT_TRUE(buffer.value().equal(before.at(buffer.key()))) << buffer.key();
  }
  EXPECT_GT(running, 0);
}

TEST_P(DoublyReparameterised, HasTheGradientOfIwaeInExpectation) {
  const auto& [name, beta] = GetParam();
  auto trained = of_single_draws(name, grey_levels());
  {
    // Posteriors far from the model's: much for the gradient to say.
    torch::NoGradGuard no_grad;
    auto generator = make_generator(5);
    for (auto& item : trained.model->named_parameters()) {
      if (item.key().rfind("q_", 0) == 0) item.value().mul_(2);
      // Its heads start at next to nothing, in p as in q.
      if (name == "vae_l2")
        item.value().add_(torch::empty_like(item.value()).normal_(0, 0.4, generator));
    }
  }
  const auto standard = gradients(trained, importance_weighted("standard"), beta, kSteps);
  const auto doubly =
      gradients(trained, importance_weighted("doubly_reparameterised"), beta, kSteps);
  const auto inference = of_inference(trained);
  const auto q = torch::nonzero(inference).squeeze(1), p = torch::nonzero(~inference).squeeze(1);
  // Of the same draws, the generative model has the very same gradient.
  EXPECT_TRUE(torch::allclose(doubly.index_select(1, p), standard.index_select(1, p), 1e-3, 1e-6));
  const auto of_q = standard.index_select(1, q), of_q_doubly = doubly.index_select(1, q);
  const double apart = (of_q.mean(0) - of_q_doubly.mean(0)).square().sum().item<double>();
  const double by_chance = (variance_of(of_q) + variance_of(of_q_doubly)) / kSteps;  // on average
  EXPECT_LT(apart, 3 * by_chance);
  EXPECT_GT(of_q.mean(0).square().sum().item<double>(), 10 * by_chance);  // so a bias would show
}

TEST_P(LearnedDoublyReparameterised, HasLessVarianceForQ) {
  const auto& [name, beta] = GetParam();
  const Splits data = grey_levels();
  auto trained = of_single_draws(name, data);
  TrainOptions options = importance_weighted("standard");
  options.epochs = 300;
  Trainer(trained, data, options, kSeed).run();
  const auto q = torch::nonzero(of_inference(trained)).squeeze(1);
  const auto variance = [&](const std::string& gradient) {
    const auto all = gradients(trained, importance_weighted(gradient), beta, kSteps);
    return variance_of(all.index_select(1, q));
  };
  EXPECT_LT(variance("doubly_reparameterised"), 0.8 * variance("standard"));
}

INSTANTIATE_TEST_SUITE_P(Models, DoublyReparameterised,
                         testing::Combine(testing::Values("vae", "mog", "vampprior", "hvae",
                                                          "vae_l2", "lvae"),
                                          testing::Values(1.0, 0.5)));

// Not where p and q share parameters: the gradients of log p and log q at given draws then nearly
// cancel, and this one keeps the first alone.
INSTANTIATE_TEST_SUITE_P(Models, LearnedDoublyReparameterised,
                         testing::Combine(testing::Values("vae", "mog", "hvae", "vae_l2"),
                                          testing::Values(1.0, 0.5)));

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
  watch.record(two_terms({-1, -3}, {1, 1}), {}, torch::ones({}), step_number(1), 2);
  watch.record(two_terms({-8}, {4}), {}, torch::ones({}), step_number(2), 1);
  const MeanBound mean = watch.means(3);
  ASSERT_EQ(mean.terms.size(), 2u);
  EXPECT_EQ(mean.terms[0], std::pair(std::string("log p(x|z)"), -4.0));
  EXPECT_EQ(mean.terms[1], std::pair(std::string("KL(z)"), 2.0));
  EXPECT_DOUBLE_EQ(mean.elbo, -6);
  EXPECT_FALSE(watch.failure());
  EXPECT_FALSE(watch.labelled_means(3));
  watch.clear();
  EXPECT_EQ(watch.means(3).elbo, 0);
}

TEST(StepWatch, RemembersTheFirstFailureOnly) {
  StepWatch watch;
  const double nan = std::nan("");
  watch.record(two_terms({-1}, {1}), {}, torch::ones({}), step_number(7), 1);
  watch.record(two_terms({-1}, {nan}), {}, torch::ones({}), step_number(8), 1);
  watch.record(two_terms({nan}, {nan}), {}, torch::full({}, nan), step_number(9), 1);
  ASSERT_TRUE(watch.failure());
  EXPECT_EQ(watch.failure()->what, "KL(z)");
  EXPECT_EQ(watch.failure()->step, 8);
  watch.clear();
  EXPECT_FALSE(watch.failure());
  watch.record(two_terms({-1}, {1}), {}, torch::full({}, nan), step_number(10), 1);
  EXPECT_EQ(watch.failure()->what, "the gradient");
}

TEST(StepWatch, KeepsLabelledPointsApart) {
  StepWatch watch;
  Bound labelled = two_terms({-5}, {2});
  labelled.terms.push_back({"H(q(y|x))", torch::full({1}, 0.5), Role::classification});
  watch.record(two_terms({-1, -3}, {1, 1}), labelled, torch::ones({}), step_number(1), 2);
  EXPECT_DOUBLE_EQ(watch.means(2).elbo, -3);
  ASSERT_TRUE(watch.labelled_means(2));
  EXPECT_DOUBLE_EQ(watch.labelled_means(2)->elbo, -7);  // a loss is no part of it
  EXPECT_EQ(watch.labelled_means(2)->terms.back(), std::pair(std::string("H(q(y|x))"), 0.5));
  labelled.terms.back().value.fill_(std::nan(""));
  watch.record(two_terms({-1, -3}, {1, 1}), labelled, torch::ones({}), step_number(2), 2);
  EXPECT_EQ(watch.failure()->what, "H(q(y|x)) of labelled points");
}

}  // namespace
}  // namespace clade
