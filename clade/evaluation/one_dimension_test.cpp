#include "clade/evaluation/one_dimension.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/distributions/gaussian.h"

namespace clade {
namespace {

TEST(WassersteinOne, IsTheIntegralBetweenTheDistributionFunctions) {
  auto generator = make_generator(1);
  const auto a = torch::empty({500}).normal_(0, 1, generator);
  const auto b = torch::empty({500}).normal_(0.5, 2, generator);
  const auto grid = torch::arange(-12.0, 12.0, 0.001);
  const auto cdf = [&](const torch::Tensor& x) {
    return torch::searchsorted(std::get<0>(x.sort()), grid, false, /*right=*/true, "right")
               .to(torch::kFloat64) /
           500;
  };
  EXPECT_NEAR(wasserstein_1(a, b), (cdf(a) - cdf(b)).abs().sum().item<double>() * 0.001, 1e-3);
  EXPECT_EQ(wasserstein_1(a, a.flip(0)), 0);
  EXPECT_NEAR(wasserstein_1(a, a + 3), 3, 1e-5);
  EXPECT_NEAR(wasserstein_1(a, torch::cat({b, b, b})), wasserstein_1(a, b), 1e-6);
  EXPECT_NEAR(wasserstein_1(torch::zeros({1}), a), a.abs().mean().item<double>(), 1e-6);
}

/// Generates from cluster 0 at −1, from cluster 1 half at −1 and half at 1.
class TwoModes : public Model {
 public:
  explicit TwoModes(bool follows_data) : Model({{"y", 2}}), follows_data_(follows_data) {
    set_aggregated_posterior(torch::tensor({0.25, 0.75}));
  }

 protected:
  void infer(Trace&, const torch::Tensor&) override {}
  void generate(Trace& p) override {
    const auto y = follows_data_ ? p.cluster("y", UniformClusters{2})
                                 : p.cluster("y", Categorical(torch::zeros({2}, p.like())));
    const int64_t n = y.size(0);
    const auto up = torch::arange(n).remainder(2) * y * 2 - 1;  // -1, or in turn -1 and 1
    p.data("x|y", std::make_unique<DiagonalGaussian>(up.to(torch::kFloat32).unsqueeze(1),
                                                     torch::full({n, 1}, -20.0)));
  }

 private:
  bool follows_data_;
};

TEST(OneDimension, WeighsWrongModesAsTheModelDrawsClusters) {
  Dataset data;
  data.x = torch::cat({torch::full({600, 1}, -1.0), torch::full({400, 1}, 1.0)});
  data.labels = torch::cat({torch::zeros({600}, torch::kInt64), torch::ones({400}, torch::kInt64)});
  auto generator = make_generator(2);
  TwoModes by_q_y(true), by_p_z(false);
  auto figures = one_dimension(by_q_y, data, generator);
  EXPECT_NEAR(*figures.wrong_mode_share, 0.75 * 0.5, 1e-3);
  // 3/8 of the draws are at 1 where 4/10 of the data are; with every cluster alike, 1/4.
  EXPECT_NEAR(figures.wasserstein_1, 2 * (0.4 - 0.375), 0.01);
  EXPECT_NEAR(*figures.wasserstein_1_uniform, 2 * (0.4 - 0.25), 0.01);
  // Twice the mean distance of a binomial share from its mean.
  EXPECT_NEAR(figures.wasserstein_1_floor, 2 * std::sqrt(2 * 0.24 / (M_PI * 1000)), 0.01);

  figures = one_dimension(by_p_z, data, generator);
  EXPECT_NEAR(*figures.wrong_mode_share, 0.5 * 0.5, 1e-3);
  EXPECT_NEAR(figures.wasserstein_1, 2 * (0.4 - 0.25), 0.01);
  EXPECT_FALSE(figures.wasserstein_1_uniform);
}

TEST(OneDimension, ModesAreOfLabelsThatArePresentAndKnown) {
  Dataset data;
  data.x = torch::cat({torch::full({600, 1}, -1.0), torch::full({400, 1}, 1.0)});
  // Labels 1 and 3 are of no point here; of each mode, and halfway, some are unknown.
  data.labels =
      torch::cat({torch::zeros({600}, torch::kInt64), torch::full({400}, 2, torch::kInt64)});
  data.labels.slice(0, 500, 700).fill_(kUnknownLabel);
  auto generator = make_generator(2);
  TwoModes model(true);
  EXPECT_NEAR(*one_dimension(model, data, generator).wrong_mode_share, 0.75 * 0.5, 1e-3);
  data.labels.fill_(kUnknownLabel);
  EXPECT_FALSE(one_dimension(model, data, generator).wrong_mode_share);
}

}  // namespace
}  // namespace clade
