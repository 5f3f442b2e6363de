#include "clade/clustering/principal_components.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace clade {
namespace {

// Points far from the origin whose variances fall along axes of no feature's direction: [n, d].
torch::Tensor slanted_points(int64_t n, int64_t d, double fall, uint64_t seed) {
  auto generator = make_generator(seed);
  const auto draw = [&](int64_t rows, int64_t columns) {
    return torch::empty({rows, columns}, torch::kFloat64).normal_(0, 1, generator);
  };
  const auto axes = std::get<0>(torch::linalg_qr(draw(d, d)));
  const auto deviations = torch::exp(-fall * torch::arange(d, torch::kFloat64));
  return torch::mm(draw(n, d) * deviations, axes.t()) + 100 * draw(1, d);
}

// Of the centred points, by singular values: axes up to their signs, [d, count].
std::pair<torch::Tensor, torch::Tensor> by_singular_values(const torch::Tensor& x, int64_t count) {
  const auto [u, s, v] = torch::linalg_svd(x - x.mean(0), /*full_matrices=*/false);
  return {v.t().slice(1, 0, count), s.slice(0, 0, count) / std::sqrt(x.size(0) - 1.0)};
}

void expect_components(const torch::Tensor& x, int64_t count, double tolerance) {
  auto generator = make_generator(1);
  const auto found = principal_components(x, count, generator);
  const auto [axes, deviations] = by_singular_values(x, count);
  EXPECT_TRUE(torch::allclose(found.mean, x.mean(0), 1e-12, 1e-12));
  EXPECT_TRUE(torch::allclose(found.deviations, deviations, tolerance));
  const auto cosines = (found.axes * axes).sum(0);
  EXPECT_TRUE(torch::allclose(cosines.abs(), torch::ones_like(cosines), 0, tolerance)) << cosines;
  const auto largest = found.axes.gather(0, found.axes.abs().argmax(0, true));
  EXPECT_TRUE((largest > 0).all().item<bool>());
}

TEST(PrincipalComponents, AreTheSingularVectors) {
  expect_components(slanted_points(300, 20, 0.2, 1), 6, 1e-8);
  expect_components(slanted_points(5, 12, 0.1, 2), 4, 1e-8);  // fewer points than features
}

TEST(PrincipalComponents, OfManyFeaturesComeFromProductsWithRandomVectors) {
  expect_components(slanted_points(150, 2300, 0.3, 3), 8, 1e-5);
}

TEST(PrincipalComponents, ProjectFarFromTheOrigin) {
  auto generator = make_generator(1);
  // Float32 tells numbers of 1e6 apart by sixteenths; their differences are exact.
  const auto x = (slanted_points(200, 5, 0.5, 4) + 1e6).to(torch::kFloat32);
  const auto found = principal_components(x, 5, generator);
  const auto codes = found.project(x);
  EXPECT_EQ(codes.scalar_type(), torch::kFloat32);
  EXPECT_LT(codes.mean(0).abs().max().item<float>(), 1e-5);
  EXPECT_TRUE(torch::allclose(codes.to(torch::kFloat64).std(0), found.deviations, 1e-5));
  // All axes: distances are kept.
  const auto exact = torch::pdist(x.to(torch::kFloat64));
  EXPECT_TRUE(torch::allclose(torch::pdist(codes.to(torch::kFloat64)), exact, 1e-4, 1e-5));
}

TEST(PrincipalComponents, AreAsManyAsThereCanBe) {
  auto generator = make_generator(1);
  const auto x = slanted_points(50, 3, 0.1, 5);
  EXPECT_EQ(principal_components(x, 10, generator).axes.size(1), 3);
  const auto still = principal_components(torch::full({4, 3}, 7.0), 2, generator);
  EXPECT_EQ(still.deviations.abs().max().item<double>(), 0);
  EXPECT_EQ(still.project(torch::full({1, 3}, 7.0)).abs().max().item<float>(), 0);
}

TEST(PrincipalComponents, SameSeedSameNumbers) {
  const auto x = slanted_points(60, 2100, 0.1, 6);
  const auto once = [&] {
    auto generator = make_generator(9);
    return principal_components(x, 5, generator).axes;
  };
  EXPECT_TRUE(torch::equal(once(), once()));
}

}  // namespace
}  // namespace clade
