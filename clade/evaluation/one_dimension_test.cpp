#include "clade/evaluation/one_dimension.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

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
}

/// Generates from cluster 0 at −1, from cluster 1 half at −1 and half at 1.
class TwoModes : public Model {
 public:
  TwoModes() : Model(2) { set_aggregated_posterior(torch::tensor({0.25, 0.75})); }
  Bound bound(const torch::Tensor&, Generator&) override { return {}; }
  LogWeights log_weights(const torch::Tensor&) override { return {}; }
  std::vector<LayerPosterior> encode(const torch::Tensor&, Generator&) override { return {}; }
  torch::Tensor reconstruct(const torch::Tensor& x) override { return x; }
  std::unique_ptr<Distribution> generate(int64_t n, std::optional<int64_t> cluster,
                                         Generator& generator) override {
    const auto y = draw_clusters(n, cluster, generator);
    const auto up = torch::arange(n).remainder(2) * y * 2 - 1;  // -1, or in turn -1 and 1
    return std::make_unique<DiagonalGaussian>(up.to(torch::kFloat32).unsqueeze(1),
                                              torch::full({n, 1}, -20.0));
  }
};

TEST(OneDimension, WeighsWrongModesByTheirClusters) {
  TwoModes model;
  Dataset data;
  data.x = torch::cat({torch::full({600, 1}, -1.0), torch::full({400, 1}, 1.0)});
  data.labels = torch::cat({torch::zeros({600}, torch::kInt64), torch::ones({400}, torch::kInt64)});
  auto generator = make_generator(2);
  const auto figures = one_dimension(model, data, generator);
  EXPECT_NEAR(figures.at("wrong_mode_share"), 0.75 * 0.5, 1e-6);
  // 3/8 of the draws are at 1 where 4/10 of the data are; with y uniform, 1/4.
  EXPECT_NEAR(figures.at("wasserstein_1"), 2 * (0.4 - 0.375), 0.06);
  EXPECT_NEAR(figures.at("wasserstein_1_uniform"), 2 * (0.4 - 0.25), 0.08);
}

}  // namespace
}  // namespace clade
