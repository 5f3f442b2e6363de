#pragma once
#include <torch/types.h>

namespace clade {

/// Below which deviation a density over a feature only tells how well its numbers were copied:
/// `share` of the feature's own deviation, and the rounding of its numbers, which spreads a value
/// evenly over the smallest step there is between two of them (step / √12). Without it the density
/// of a feature that takes few values grows without bound. x: [N, D] -> [D], in the units of x.
torch::Tensor least_deviations(const torch::Tensor& x, double share);

}  // namespace clade
