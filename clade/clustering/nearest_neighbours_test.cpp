#include "clade/clustering/nearest_neighbours.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/random.h"

namespace clade {
namespace {

torch::Tensor normal_points(int64_t n, int64_t d, uint64_t seed) {  // [n, d] float32
  auto generator = make_generator(seed);
  return torch::empty({n, d}).normal_(0, 1, generator);
}

// Every difference in double precision, sorted: [Q, N].
torch::Tensor all_distances(const torch::Tensor& queries, const torch::Tensor& x) {
  const auto difference = queries.to(torch::kFloat64).unsqueeze(1) - x.to(torch::kFloat64);
  return difference.square().sum(2).sqrt();
}

// That they are as near as any k others, and that each distance is that of its point.
void expect_nearest(const Neighbours& found, const torch::Tensor& distances, int64_t k) {
  const auto sorted = std::get<0>(distances.sort(1)).slice(1, 0, k);
  EXPECT_TRUE(torch::allclose(found.distances.to(torch::kFloat64), sorted, 1e-6, 0));
  EXPECT_TRUE(torch::allclose(distances.gather(1, found.indices), sorted, 1e-12, 0));
  // No point twice.
  const auto rows = std::get<0>(found.indices.sort(1));
  EXPECT_TRUE((rows.slice(1, 1) > rows.slice(1, 0, k - 1)).all().item<bool>());
}

void expect_nearest_others(const torch::Tensor& x, int64_t k) {
  auto distances = all_distances(x, x);
  distances.fill_diagonal_(std::numeric_limits<double>::infinity());
  expect_nearest(nearest_neighbours(x, k), distances, k);
}

TEST(NearestNeighbours, AreThoseOfEveryDifference) {
  expect_nearest_others(normal_points(700, 5, 1), 15);
  expect_nearest_others(normal_points(5000, 3, 2).to(torch::kFloat64), 4);  // several tiles
  expect_nearest_others(normal_points(130, 40, 3), 1);
  const auto queries = normal_points(300, 7, 4), x = normal_points(900, 7, 5);
  expect_nearest(nearest_neighbours(queries, x, 20), all_distances(queries, x), 20);
}

TEST(NearestNeighbours, AreSearchedStretchByStretch) {
  const auto x = normal_points(70000, 4, 6), queries = normal_points(40, 4, 7);
  expect_nearest(nearest_neighbours(queries, x, 10), all_distances(queries, x), 10);
}

TEST(NearestNeighbours, AreRightWherePointsNearlyCoincide) {
  // Heaps ten thousand apart, whose points differ in the fourth digit: in float32 the product knows
  // their squared distances to tens.
  auto heaps = 1e4 * normal_points(6, 20, 8).to(torch::kFloat64);
  const auto x = heaps.repeat_interleave(100, 0) + 0.01 * normal_points(600, 20, 9);
  expect_nearest_others(x, 12);
}

TEST(NearestNeighbours, OfEqualPointsAreAtDistanceZero) {
  const auto x = torch::cat({torch::full({60, 3}, 2.5), normal_points(10, 3, 10)});
  const auto found = nearest_neighbours(x, 5);
  EXPECT_EQ(found.distances.slice(0, 0, 60).abs().max().item<float>(), 0);
  EXPECT_FALSE((found.indices == torch::arange(70).unsqueeze(1)).any().item<bool>());
}

TEST(NearestNeighbours, MayBeAllThereAre) {
  const auto x = normal_points(9, 2, 11);
  expect_nearest_others(x, 8);
  expect_nearest(nearest_neighbours(x, x, 9), all_distances(x, x), 9);
  EXPECT_THROW(nearest_neighbours(x, 9), Error);
  EXPECT_THROW(nearest_neighbours(x, x, 10), Error);
  EXPECT_THROW(nearest_neighbours(x, 0), Error);
}

TEST(NearestNeighbours, ReportProgressUpToTheEnd) {
  std::vector<int64_t> done;
  nearest_neighbours(normal_points(20000, 2, 12), 3, [&](int64_t now, int64_t total) {
    EXPECT_EQ(total, 20000);
    done.push_back(now);
  });
  EXPECT_GT(done.size(), 1U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 20000);
}

}  // namespace
}  // namespace clade
