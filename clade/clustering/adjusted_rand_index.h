#pragma once
#include <torch/types.h>

namespace clade {

/// Rand index of two partitions adjusted for chance (Hubert & Arabie 1985): 1 for equal ones, 0 on
/// average for random ones, and it may be negative. 1 for a single point. counts: points of each
/// group of the one (row) in each of the other, [K, C] whole numbers as float64.
double adjusted_rand_index(const torch::Tensor& counts);

/// The same of two lists of cluster numbers from 0, [N] int64 each, N > 0.
double adjusted_rand_index(const torch::Tensor& one, const torch::Tensor& other);

}  // namespace clade
