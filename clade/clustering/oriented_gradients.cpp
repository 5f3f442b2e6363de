#include "clade/clustering/oriented_gradients.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/clustering/blocks.h"

namespace clade {
namespace {

using clustering::for_blocks;

constexpr int64_t kCells = 8, kDirections = 9;

constexpr int64_t kNumbersOfBlock = 1 << 21;  // some megabytes, however large an image is

// Strength in a cell, of levels from 0 to 1, that is hardly more than noise.
constexpr double kFaint = 0.005;

// [B, C, H, W] -> [B, kDirections, kCells, kCells], the mean strength of the edges of each
// direction in each cell; an edge is shared between the two directions that are nearest to its own.
torch::Tensor strengths(const torch::Tensor& images) {
  const int64_t H = images.size(2), W = images.size(3);
  const auto padded = torch::replication_pad2d(images, {1, 1, 1, 1});
  const auto rows = padded.slice(2, 1, H + 1), columns = padded.slice(3, 1, W + 1);
  const auto across = rows.slice(3, 2) - rows.slice(3, 0, W);
  const auto down = columns.slice(2, 2) - columns.slice(2, 0, H);
  const auto [square, channel] = (across.square() + down.square()).max(1, /*keepdim=*/true);
  const auto direction = torch::atan2(down.gather(1, channel), across.gather(1, channel)) *
                         (static_cast<double>(kDirections) / M_PI);  // those of half a turn
  const auto each = torch::arange(kDirections, images.options()).view({1, -1, 1, 1});
  constexpr double half = kDirections / 2.0;
  const auto away = torch::remainder(direction - each + half, kDirections) - half;
  const auto share = (1 - away.abs()).clamp_min(0);
  return torch::adaptive_avg_pool2d(square.sqrt() * share, {kCells, kCells});
}

// [B, kDirections, kCells, kCells] -> [B, kOrientedGradients]
torch::Tensor shares_of_blocks(const torch::Tensor& cells) {
  const auto upper = cells.slice(2, 0, kCells - 1), lower = cells.slice(2, 1);
  const auto blocks = torch::cat({upper.slice(3, 0, kCells - 1), upper.slice(3, 1),
                                  lower.slice(3, 0, kCells - 1), lower.slice(3, 1)},
                                 1);  // [B, 4 kDirections, kCells - 1, kCells - 1]
  return (blocks / (blocks.sum(1, /*keepdim=*/true) + 4 * kFaint)).sqrt().flatten(1);
}

}  // namespace

torch::Tensor oriented_gradients(const torch::Tensor& images) {
  const int64_t n = images.size(0), pixels = images.size(1) * images.size(2);
  const int64_t rows = std::max<int64_t>(1, kNumbersOfBlock / (pixels * kDirections));
  auto all = torch::empty({n, kOrientedGradients}, images.options().dtype(torch::kFloat32));
  for_blocks(images.device(), n, rows, [&](int64_t begin, int64_t end) {
    const auto block = images.slice(0, begin, end).to(torch::kFloat32);
    const auto cells = strengths(block.permute({0, 3, 1, 2}).contiguous());
    all.slice(0, begin, end).copy_(shares_of_blocks(cells));
  });
  return all;
}

}  // namespace clade
