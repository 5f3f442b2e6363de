#include "clade/clustering/k_means.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"

namespace clade {
namespace {

// `each` points about each of four corners of a square with sides of ten.
torch::Tensor four_heaps(int64_t each, double spread) {
  auto generator = make_generator(1);
  const auto corners = torch::tensor({{0.0, 0.0}, {0.0, 10.0}, {10.0, 0.0}, {10.0, 10.0}});
  return corners.repeat_interleave(each, 0) +
         spread * torch::empty({4 * each, 2}).normal_(0, 1, generator);
}

TEST(KMeans, FindsHeaps) {
  auto generator = make_generator(2);
  const auto x = four_heaps(5000, 0.5);  // more than a block
  const auto found = k_means(x, 4, {}, generator);
  const auto heap = torch::arange(20000).div(5000, "floor");
  for (int64_t h = 0; h < 4; ++h) {
    const auto clusters = found.clusters.index({heap == h});
    EXPECT_TRUE((clusters == clusters[0]).all().item<bool>());
    const auto centre = found.centres[clusters[0].item<int64_t>()];
    EXPECT_TRUE(torch::allclose(centre, x.index({heap == h}).to(torch::kFloat64).mean(0), 1e-6));
  }
  const auto squares = (x - found.centres.index_select(0, found.clusters)).square();
  EXPECT_NEAR(found.inertia, squares.sum().item<double>(), 1e-4 * found.inertia);
}

TEST(KMeans, OfTwoIsTheBestOfAllPartitions) {
  // Every way to split nine points in two.
  auto generator = make_generator(3);
  const auto x = torch::empty({9, 2}, torch::kFloat64).normal_(0, 1, generator);
  double least = std::numeric_limits<double>::infinity();
  for (int64_t split = 1; split < 256; ++split) {
    double inertia = 0;
    for (const int64_t side : {0, 1}) {
      std::vector<int64_t> rows;
      for (int64_t i = 0; i < 9; ++i) {
        if ((split >> i & 1) == side) rows.push_back(i);
      }
      const auto part = x.index_select(0, torch::tensor(rows));
      inertia += (part - part.mean(0)).square().sum().item<double>();
    }
    least = std::min(least, inertia);
  }
  KMeansOptions options;
  options.starts = 30;
  options.tolerance = 0;
  EXPECT_NEAR(k_means(x, 2, options, generator).inertia, least, 1e-12);
}

TEST(KMeans, StartsAtPointsFarApart) {
  auto generator = make_generator(4);
  const auto x = four_heaps(50, 0.01);
  const auto start = k_means(x, 4, {.starts = 1, .iterations = 0}, generator).centres;
  EXPECT_EQ((torch::cdist(start, x.to(torch::kFloat64)).amin(1) > 1e-6).sum().item<int64_t>(), 0);
  EXPECT_GT(torch::pdist(start).min().item<double>(), 9);
}

TEST(KMeans, OfEqualPointsEnds) {
  auto generator = make_generator(5);
  const auto found = k_means(torch::full({20, 3}, 4.0), 3, {}, generator);
  EXPECT_EQ(found.inertia, 0);
  EXPECT_TRUE(torch::allclose(found.centres, torch::full({3, 3}, 4.0, torch::kFloat64)));
}

// Of two values a third centre has no points of its own, and starts again at a point, not at the
// middle of all or wherever the mean of none is.
TEST(KMeans, ClustersWithoutPointsStartAgainAtAPoint) {
  auto generator = make_generator(9);
  const auto x = torch::cat({torch::full({20, 2}, 4.0), torch::full({1, 2}, 10.0)});
  const auto found = k_means(x, 3, {.starts = 1}, generator);
  EXPECT_EQ(found.inertia, 0);
  EXPECT_TRUE(
      (found.centres - 4).abs().minimum((found.centres - 10).abs()).lt(1e-9).all().item<bool>())
      << found.centres;
}

TEST(KMeans, CanBeStoppedAtEachIteration) {
  auto generator = make_generator(8);
  KMeansOptions options;
  options.starts = 1;
  int64_t calls = 0;
  const auto second = [&](int64_t done, int64_t total) {
    EXPECT_EQ(std::pair(done, total), (std::pair<int64_t, int64_t>(0, 1)));
    if (++calls == 2) throw Interrupted("stopped");
  };
  const auto x = torch::empty({500, 2}).normal_(0, 1, generator);
  EXPECT_THROW(k_means(x, 4, options, generator, second), Interrupted);
}

TEST(KMeans, IsRightFarFromTheOrigin) {
  auto generator = make_generator(6);
  const auto x = four_heaps(100, 0.1).to(torch::kFloat64);
  auto again = make_generator(6);
  const auto here = k_means(x, 4, {}, generator), far = k_means(x + 1e8, 4, {}, again);
  EXPECT_TRUE(torch::equal(here.clusters, far.clusters));
  EXPECT_NEAR(here.inertia, far.inertia, 1e-4 * here.inertia);
}

TEST(KMeans, NeedsAPointForEach) {
  auto generator = make_generator(7);
  EXPECT_THROW(k_means(torch::zeros({3, 2}), 4, {}, generator), Error);
  EXPECT_THROW(k_means(torch::zeros({3, 2}), 0, {}, generator), Error);
  EXPECT_THROW(k_means(torch::tensor({{1.0, 2.0}, {3.0, std::nan("")}}), 1, {}, generator), Error);
  EXPECT_LT(k_means(torch::eye(3), 3, {}, generator).inertia, 1e-12);
}

}  // namespace
}  // namespace clade
