#include "clade/data/facets.h"

#include <torch/torch.h>

namespace clade {
namespace {

constexpr int64_t kFacetSide = 16;

const std::vector<std::string> kShapes = {"disc", "square", "cross", "ring"};
const std::vector<std::string> kColours = {"red", "green", "blue", "yellow", "violet"};

torch::Tensor uniform(int64_t n, double low, double high, Generator& generator) {
  return torch::empty({n, 1, 1}).uniform_(low, high, generator);
}

/// How much of each pixel each of kShapes covers, from its centre, which lies x to the right and y
/// down: [N, H, W] each -> [N, H, W, 4]. A pixel at the edge is covered in part.
torch::Tensor cover(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& radius) {
  const auto covered = [](const torch::Tensor& inside_by) { return (inside_by + 0.5).clamp(0, 1); };
  const auto from_centre = (x.square() + y.square()).sqrt();
  const auto across = torch::max(x.abs(), y.abs()), along = torch::min(x.abs(), y.abs());
  const auto disc = covered(radius - from_centre);
  const auto square = covered(0.9 * radius - across);
  const auto cross = covered(torch::min(1.2 * radius - across, 0.3 * radius - along));
  const auto ring = covered(torch::min(1.15 * radius - from_centre, from_centre - 0.7 * radius));
  return torch::stack({disc, square, cross, ring}, -1);
}

/// [N] int64 -> red, green and blue of it, [N, 1, 1, 3].
torch::Tensor colour_of(const torch::Tensor& colours) {
  const auto all = torch::tensor({{0.9, 0.15, 0.15},  // as kColours
                                  {0.15, 0.75, 0.2},
                                  {0.15, 0.3, 0.95},
                                  {0.9, 0.85, 0.15},
                                  {0.7, 0.2, 0.85}},
                                 torch::kFloat32);
  return all.index_select(0, colours).view({-1, 1, 1, 3});
}

}  // namespace

Points draw_facets(int64_t n, const std::string& labels, Generator& generator) {
  const auto kinds = static_cast<int64_t>(kShapes.size());
  const auto shapes = torch::randint(kinds, {n}, generator, torch::kInt64);
  const auto colours =
      torch::randint(static_cast<int64_t>(kColours.size()), {n}, generator, torch::kInt64);
  const auto at = torch::arange(kFacetSide, torch::kFloat32) - 0.5 * (kFacetSide - 1);
  const auto x = at.view({1, 1, kFacetSide}) - uniform(n, -1.5, 1.5, generator);
  const auto y = at.view({1, kFacetSide, 1}) - uniform(n, -1.5, 1.5, generator);
  const auto every_shape =
      cover(x.expand({n, kFacetSide, kFacetSide}), y.expand({n, kFacetSide, kFacetSide}),
            uniform(n, 4.2, 5.2, generator));
  const auto covered = every_shape.gather(
      -1, shapes.view({n, 1, 1, 1}).expand({n, kFacetSide, kFacetSide, 1}));  // [N, H, W, 1]
  const auto bright = uniform(n, 0.8, 1, generator).unsqueeze(-1);
  const auto behind = uniform(n, 0, 0.2, generator).unsqueeze(-1);
  const auto image = covered * bright * colour_of(colours) + (1 - covered) * behind;

  Points points;
  points.name = "facets-2d";
  points.shape = {kFacetSide, kFacetSide, 3};
  points.values = image.mul(255).round().to(torch::kUInt8).flatten(1);  // [N, H·W·3]
  points.labels = labels == "colours" ? colours : shapes;
  points.label_names = labels == "colours" ? kColours : kShapes;
  return points;
}

}  // namespace clade
