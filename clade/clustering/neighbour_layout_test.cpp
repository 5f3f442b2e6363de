#include "clade/clustering/neighbour_layout.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

// Rings through one another in the first three of eight dimensions, as no straight cut parts them.
torch::Tensor linked_rings(int64_t each) {
  auto generator = make_generator(1);
  const auto angle = torch::empty({each}).uniform_(0, 2 * M_PI, generator);
  const auto zero = torch::zeros({each});
  const auto one = torch::stack({angle.cos(), angle.sin(), zero}, 1);
  const auto other = torch::stack({1 + angle.cos(), zero, angle.sin()}, 1);
  const auto rings = torch::constant_pad_nd(torch::cat({one, other}), {0, 5});
  return rings + torch::empty(rings.sizes()).normal_(0, 0.03, generator);
}

LayoutOptions small_layout() {
  LayoutOptions options;
  options.dimensions = 2;
  options.epochs = 100;
  return options;
}

// Share of the k nearest neighbours that are nearest after the layout too.
double kept(const torch::Tensor& x, const torch::Tensor& layout, int64_t k) {
  const auto before = nearest_neighbours(x, k).indices,
             after = nearest_neighbours(layout, k).indices;
  const auto both = (before.unsqueeze(2) == after.unsqueeze(1)).any(2);
  return both.to(torch::kFloat64).mean().item<double>();
}

TEST(LayoutCurve, IsThatOfTheAuthorsProgram) {
  for (const auto& [distance, a, b] : {std::tuple{0.0, 1.9328083975, 0.7904949734},
                                       {0.1, 1.5769434602, 0.8950608780},
                                       {0.5, 0.5830300205, 1.3341669929}}) {
    const auto curve = layout_curve(distance);
    EXPECT_NEAR(curve.a, a, 1e-4);
    EXPECT_NEAR(curve.b, b, 1e-4);
  }
}

TEST(NeighbourLayout, PartsWhatTheGraphParts) {
  const auto x = linked_rings(300);
  auto generator = make_generator(2);
  auto options = small_layout();
  options.dimensions = 5;  // linked rings come apart in four
  const auto layout = neighbour_layout(x, options, generator);
  EXPECT_EQ(layout.sizes(), (std::vector<int64_t>{600, 5}));
  // Nobody's nearest neighbour in the layout is of the other ring, and gaps have opened.
  const auto nearest = nearest_neighbours(layout, 10);
  const auto own = torch::arange(600).unsqueeze(1) < 300;
  EXPECT_TRUE(torch::equal(nearest.indices < 300, own.expand({600, 10})));
  const auto between = torch::cdist(layout.slice(0, 0, 300), layout.slice(0, 300)).min();
  EXPECT_GT(between.item<float>(), 5 * nearest.distances.median().item<float>());
}

TEST(NeighbourLayout, KeepsNeighbours) {
  const auto x = linked_rings(300);
  auto generator = make_generator(3);
  EXPECT_GT(kept(x, neighbour_layout(x, small_layout(), generator), 10), 0.6);
}

TEST(NeighbourLayout, IsTheSameByOneThreadAndMany) {
  const auto x = linked_rings(2600);  // as many blocks of points as there may be
  auto options = small_layout();
  options.epochs = 10;
  const auto by = [&](int threads) {
    use_threads(threads);
    auto generator = make_generator(4);
    const auto layout = neighbour_layout(x, options, generator);
    use_threads(0);
    return layout;
  };
  const auto one = by(1);
  EXPECT_TRUE(torch::equal(one, by(1)));
  EXPECT_TRUE(torch::equal(one, by(3)));
}

TEST(NeighbourLayout, PutsTheRestAmongItsNeighbours) {
  const auto x = linked_rings(500);
  auto options = small_layout();
  options.most_points = 600;
  auto generator = make_generator(5);
  const auto layout = neighbour_layout(x, options, generator);
  const auto nearest = nearest_neighbours(layout, 5).indices;
  const auto own = torch::arange(1000).unsqueeze(1) < 500;
  EXPECT_GT(((nearest < 500) == own).to(torch::kFloat64).mean().item<double>(), 0.98);
  EXPECT_GT(kept(x, layout, 10), 0.4);
}

TEST(NeighbourLayout, OfFewPointsAndFewFeatures) {
  auto generator = make_generator(6);
  const auto x = torch::empty({5, 1}).normal_(0, 1, generator);
  const auto layout = neighbour_layout(x, {}, generator);
  EXPECT_EQ(layout.sizes(), (std::vector<int64_t>{5, 10}));
  EXPECT_TRUE(layout.isfinite().all().item<bool>());
  EXPECT_TRUE(neighbour_layout(torch::ones({50, 2}), {}, generator).isfinite().all().item<bool>());
  EXPECT_THROW(neighbour_layout(x.slice(0, 0, 1), {}, generator), Error);
}

TEST(NeighbourLayout, CanBeStopped) {
  const auto x = linked_rings(200);
  auto generator = make_generator(7);
  int64_t last = 0;
  const auto stop = [&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    last = done;
    if (2 * done > total) throw Interrupted("stopped");
  };
  EXPECT_THROW(neighbour_layout(x, small_layout(), generator, stop), Interrupted);
  EXPECT_GT(last, 50);
}

}  // namespace
}  // namespace clade
