// Against umap-learn 0.5.3 and scikit-learn 1.2.1 on points that tests/clustering_oracle draws too;
// the figures are what it prints.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/clustering/mixture.h"
#include "clade/clustering/neighbour_layout.h"

namespace clade {
namespace {

constexpr int64_t kOracleNeighbours = 15;

torch::Tensor oracle_points() {  // five curved sheets, [1500, 20]
  constexpr int64_t kSheets = 5, kEach = 300, kFeatures = 20;
  auto generator = make_generator(1);
  const auto normal = [&](int64_t rows, int64_t columns) {
    return torch::empty({rows, columns}).normal_(0, 1, generator);
  };
  std::vector<torch::Tensor> sheets;
  for (int64_t sheet = 0; sheet < kSheets; ++sheet) {
    const auto points = normal(kEach, 3);
    const auto place = torch::mm(points, normal(3, kFeatures));
    sheets.push_back(torch::tanh(0.5 * place + 0.7 * normal(1, kFeatures)));
  }
  return torch::cat(sheets);
}

// Place of each point in the order of distance from each other, from 1; 0 for the point itself.
torch::Tensor ranks(const torch::Tensor& x) {  // [N, D] -> [N, N]
  auto distances = torch::cdist(x.to(torch::kFloat64), x.to(torch::kFloat64));
  distances.fill_diagonal_(-1);
  return distances.argsort().argsort();
}

struct Preservation {
  double trustworthiness;  // 1 less the mean excess rank of new neighbours (Venna & Kaski 2001)
  double kept;             // share of the nearest that stay the nearest
};

Preservation preservation(const torch::Tensor& x, const torch::Tensor& layout) {
  const auto n = static_cast<double>(x.size(0)), k = static_cast<double>(kOracleNeighbours);
  const auto before = ranks(x), after = ranks(layout);
  const auto near = (after > 0) & (after <= kOracleNeighbours);
  const auto excess = (before - kOracleNeighbours).clamp_min(0);
  return {1 - 2 / (n * k * (2 * n - 3 * k - 1)) * (near * excess).sum().item<double>(),
          (near & (before <= kOracleNeighbours)).sum().item<double>() / (n * k)};
}

TEST(Oracle, PointsAreItsOwn) {
  EXPECT_NEAR(oracle_points().sum(torch::kFloat64).item<double>(), -374.65583608, 1e-4);
}

TEST(Oracle, LayoutKeepsNeighboursAsUmapLearnDoes) {
  const auto x = oracle_points();
  for (const uint64_t seed : {1, 2}) {
    auto generator = make_generator(seed);
    const auto found = preservation(x, neighbour_layout(x, {}, generator));
    EXPECT_GE(found.trustworthiness, 0.9963 - 0.01);
    EXPECT_GE(found.kept, 0.6916 - 0.01);
  }
}

TEST(Oracle, MixturesFromTheSameStartAreNoLessLikelyThanScikitLearns) {
  const auto x = oracle_points().slice(1, 0, 6).to(torch::kFloat64);
  const auto order = x.select(1, 0).argsort().argsort();
  MixtureOptions options;
  options.tolerance = 1e-7;
  options.iterations = 2000;
  for (const auto& [components, theirs] :
       {std::pair<int64_t, double>{3, -3.82744364}, {5, -1.03432490}, {8, 0.15054523}}) {
    const auto member = (order * components).div(x.size(0), "floor");
    const auto start = torch::one_hot(member, components).to(torch::kFloat64);
    EXPECT_GE(fit_mixture(x, start, options).log_likelihood, theirs - 1e-4) << components;
  }
}

}  // namespace
}  // namespace clade
