#include "clade/clustering/neighbour_graph.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

TEST(MembershipStrengths, SumToTheLogarithmAndFallFromTheNearest) {
  auto generator = make_generator(1);
  const auto distances =
      std::get<0>(torch::empty({50, 15}).uniform_(1, 2, generator).sort(1));  // ascending
  const auto strengths = membership_strengths(distances);
  EXPECT_TRUE(torch::allclose(strengths.sum(1), torch::full({50}, 4.0), 0, 1e-4));  // log2(16)
  EXPECT_TRUE(torch::equal(strengths.select(1, 0), torch::ones({50})));
  // exp(−(d − ρ) / σ): its logarithms are linear in d − ρ.
  const auto further = distances.slice(1, 1) - distances.slice(1, 0, 1);
  const auto widths = -further / strengths.slice(1, 1).log();
  EXPECT_TRUE(torch::allclose(widths, widths.slice(1, 0, 1).expand_as(widths), 1e-3));
}

TEST(MembershipStrengths, OfPointsThatCoincideAreOne) {
  const auto distances = torch::tensor({{0.0F, 0.0F, 1.0F, 2.0F}, {0.0F, 0.0F, 0.0F, 0.0F}});
  const auto strengths = membership_strengths(distances);
  EXPECT_TRUE(torch::equal(strengths[0].slice(0, 0, 3), torch::ones({3})));  // ρ = 1
  EXPECT_LT(strengths[0][3].item<float>(), 1);
  EXPECT_TRUE(torch::equal(strengths[1], torch::ones({4})));
}

TEST(NeighbourGraph, IsTheFuzzyUnionOfBothDirections) {
  auto generator = make_generator(2);
  const auto neighbours = nearest_neighbours(torch::empty({60, 3}).normal_(0, 1, generator), 5);
  const auto graph = neighbour_graph(neighbours);
  auto directed = torch::zeros({60, 60});
  directed.scatter_(1, neighbours.indices, membership_strengths(neighbours.distances));
  const auto expected = directed + directed.t() - directed * directed.t();
  auto found = torch::zeros({60, 60});
  for (int64_t i = 0; i < graph.size(); ++i) {
    for (int64_t e = graph.begin[static_cast<size_t>(i)];
         e < graph.begin[static_cast<size_t>(i) + 1]; ++e) {
      found[i][graph.neighbour[static_cast<size_t>(e)]] += graph.weight[static_cast<size_t>(e)];
    }
  }
  EXPECT_TRUE(torch::allclose(found, expected, 1e-6, 1e-7));
  EXPECT_EQ(static_cast<int64_t>(graph.weight.size()), (expected > 0).sum().item<int64_t>());
}

}  // namespace
}  // namespace clade
