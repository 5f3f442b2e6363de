#include "clade/models/estimator.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"

namespace clade {
namespace {

// E_q[f] over five clusters where f depends on the cluster and on a parameter of its own, and its
// gradients, from `rows` independent estimates.
struct Estimate {
  double value;
  torch::Tensor to_logits;  // [5]
  torch::Tensor to_f;       // [5]
  double deviation;         // of one estimate's value
  double gradient_deviation;
};

Estimate estimate(const std::string& kind, int64_t rows, int64_t summed) {
  EstimatorOptions options;
  options.kind = kind;
  options.summed_clusters = summed;
  const auto logits =
      torch::tensor({0.3F, 1.2F, -0.5F, 0.9F, 0.0F}).expand({rows, 5}).clone().requires_grad_(true);
  const auto f_of = torch::tensor({2.F, -1.F, 5.F, 0.5F, -7.F}).requires_grad_(true);
  auto generator = make_generator(1);
  const auto draws =
      Estimator(options).draw(Categorical(logits), /*training=*/true, /*samples=*/0, generator);
  const auto f = torch::embedding(f_of.unsqueeze(1), draws.y)
                     .squeeze(-1)
                     .expand({draws.y.size(0), rows});  // [C, B]
  const auto value = draws.expectation(f);
  EXPECT_EQ(value.sizes(), (std::vector<int64_t>{rows}));
  // Of each of several values a point has.
  const auto both = draws.expectation(torch::stack({f, 2 * f}, -1), /*trailing=*/1);  // [B, 2]
  EXPECT_TRUE(torch::allclose(both, torch::stack({value, 2 * value}, -1)));
  value.sum().backward();
  return {value.mean().item<double>(), logits.grad().mean(0), f_of.grad() / rows,
          value.std().item<double>(), logits.grad().std(0).max().item<double>()};
}

TEST(SumAndSample, HasTheExactValueAndGradientInTheMean) {
  constexpr int64_t kRows = 400000;
  const auto exact = estimate("exact", 1, 1);
  for (const int64_t summed : {1, 2, 3}) {
    const auto ours = estimate("sum_and_sample", kRows, summed);
    const double root = std::sqrt(double{kRows});
    EXPECT_NEAR(ours.value, exact.value, 5 * ours.deviation / root);
    EXPECT_LT((ours.to_logits - exact.to_logits).abs().max().item<double>(),
              5 * ours.gradient_deviation / root);
    EXPECT_LT((ours.to_f - exact.to_f).abs().max().item<double>(), 5e-3);
    EXPECT_GT(ours.deviation, 0.01);  // it did draw
  }
}

TEST(SumAndSample, VariesLessTheMoreItSums) {
  EXPECT_LT(estimate("sum_and_sample", 4000, 3).deviation,
            estimate("sum_and_sample", 4000, 1).deviation);
}

TEST(SumAndSample, IsTheExactSumWhereThatCostsNoMore) {
  const auto exact = estimate("exact", 2, 1);
  const auto ours = estimate("sum_and_sample", 2, 4);
  EXPECT_DOUBLE_EQ(ours.value, exact.value);
  EXPECT_TRUE(torch::equal(ours.to_logits, exact.to_logits));
}

// q_y given two clusters of another latent, that is one for all samples.
TEST(Estimator, DrawsForEachSampleBesideClustersOfAnotherLatent) {
  constexpr int64_t S = 1000;
  const Categorical q(torch::tensor({0.3, 1.2, -0.5, 0.9, 0.0}).expand({2, 1, 3, 5}));
  for (const char* kind : {"sum_and_sample", "gumbel"}) {
    EstimatorOptions options;
    options.kind = kind;
    options.summed_clusters = 1;
    auto generator = make_generator(4);
    auto y = Estimator(options).draw(q, /*training=*/true, S, generator).y;
    if (y.is_floating_point()) y = y.argmax(-1);
    const auto drawn = y[-1];  // [2, S, 3]
    ASSERT_EQ(drawn.sizes(), (std::vector<int64_t>{2, S, 3})) << kind;
    EXPECT_GT(drawn.to(torch::kFloat64).std(1).min().item<double>(), 0.3) << kind;
  }
}

TEST(Estimator, TemperatureFallsAsTheProductOfTheEpochs) {
  // Seen through the draws: the entropy of the relaxed cluster falls with the temperature.
  EstimatorOptions options;
  options.kind = "gumbel";
  options.temperature_rate = 1e-2;
  options.temperature_floor = 0.05;
  Estimator estimator(options);
  const Categorical q(torch::zeros({20000, 4}));
  const auto sharpness = [&](int64_t epoch) {
    estimator.begin_epoch(epoch);
    auto generator = make_generator(2);
    const auto y = estimator.draw(q, /*training=*/true, /*samples=*/0, generator).y;
    return std::get<0>(y.max(-1)).mean().item<double>();
  };
  const auto expected = [&](double temperature) {
    auto generator = make_generator(2);
    const auto y = RelaxedCategorical(q, temperature).rsample(generator);
    return std::get<0>(y.max(-1)).mean().item<double>();
  };
  EXPECT_NEAR(sharpness(0), expected(1.0), 1e-6);
  EXPECT_NEAR(sharpness(3), expected(std::exp(-0.01) * std::exp(-0.02) * std::exp(-0.03)), 1e-6);
  EXPECT_NEAR(sharpness(1000), expected(0.05), 1e-6);
}

TEST(Estimator, WeighsEveryClusterByItsProbability) {
  const Categorical q(torch::tensor({{0.3, 1.0, -2.0}}));
  auto generator = make_generator(3);
  const auto draws =
      Estimator(EstimatorOptions{}).draw(q, /*training=*/true, /*samples=*/0, generator);
  const auto f = torch::tensor({{1.0}, {10.0}, {100.0}});  // f(y_k), [K, B]
  EXPECT_NEAR(draws.expectation(f).item<double>(),
              (q.probs()[0] * f.squeeze(1)).sum().item<double>(), 1e-5);
}

}  // namespace
}  // namespace clade
