#include "clade/models/estimator.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

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
  const auto draws = Estimator(options).draw(Categorical(logits), /*training=*/true, generator);
  const auto f = torch::embedding(f_of.unsqueeze(1), draws.y)
                     .squeeze(-1)
                     .expand({draws.y.size(0), rows});  // [C, B]
  const auto value = draws.expectation(f);
  EXPECT_EQ(value.sizes(), (std::vector<int64_t>{rows}));
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

TEST(EstimatorOptions, SayWhatIsWrong) {
  EstimatorOptions options;
  options.kind = "sum_and_sample";
  options.summed_clusters = 0;
  EXPECT_THROW(options.validate(), ConfigError);
  options = {};
  options.kind = "sum-and-sample";
  EXPECT_THROW(options.validate(), ConfigError);
}

}  // namespace
}  // namespace clade
