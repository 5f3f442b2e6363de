#pragma once
#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace clade {

/// Pixels between the tiles of a sheet, and their grey, which is seen on black and on white.
inline constexpr int64_t gutter_width = 2;
inline constexpr uint8_t gutter_grey = 128;

/// How many pixels wide and high make_sheet draws one pixel of a point: tiles that would be too
/// small to look at grow by a whole factor, so that their pixels stay square and sharp.
int64_t sheet_zoom(const std::vector<int64_t>& shape);

/// A grid of pictures in one: `points` [rows, columns, D] with values in [0, 1] (others are
/// clamped), each of `shape`, becomes uint8 [H', W'] or [H', W', 3] with gutters between the tiles
/// and none around them. NaN pixels take the gutter's grey, which is how a cell is left empty.
/// Throws Error when `shape` is no picture or does not fit the points.
torch::Tensor make_sheet(const torch::Tensor& points, const std::vector<int64_t>& shape);

}  // namespace clade
