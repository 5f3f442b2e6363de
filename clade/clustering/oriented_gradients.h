#pragma once
#include <torch/types.h>

#include <cstdint>

namespace clade {

/// Numbers of an image: seven by seven blocks of two by two cells with nine directions each.
inline constexpr int64_t kOrientedGradients = 7 * 7 * 4 * 9;

/// Histograms of oriented gradients (Dalal & Triggs 2005, normalised by their "L1-sqrt"): how
/// strong edges of nine directions are in each of 8 x 8 cells that cover the image, as a share of
/// those in a block of 2 x 2 cells, and its square root. Light, contrast and colour hardly change
/// them, so that images whose pixels are far apart for these alone become neighbours. Of colours
/// each pixel has the edge of the one that changes most. images: [N, H, W, C] of levels about 0 to
/// 1, at least 8 pixels a side -> [N, kOrientedGradients] float32, on the images' device.
torch::Tensor oriented_gradients(const torch::Tensor& images);

}  // namespace clade
