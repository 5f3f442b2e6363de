#pragma once
#include <torch/types.h>

#include "clade/core/progress.h"

namespace clade {

/// For each point its k nearest others by Euclidean distance, nearest first. On the points' device.
struct Neighbours {
  torch::Tensor indices;    ///< Rows of x, [N, k] int64.
  torch::Tensor distances;  ///< In x's units, [N, k] float32, ascending.
};

/// The k nearest rows of x to each row of x but itself. x: [N, D] finite, of any floating type;
/// 0 < k < N, else throws Error. Exact, whatever lies how close: a product of matrices in float32
/// finds candidates, their distances are then computed from the differences in double precision,
/// and points whose neighbours float32 cannot tell from the rest are searched again in double
/// precision. Which of several equally near points are taken is left open. Memory beside the result
/// does not grow with N² but is a copy of x and some tens of megabytes a thread. `progress` counts
/// points and may throw, which ends the search.
Neighbours nearest_neighbours(const torch::Tensor& x, int64_t k, const Progress& progress = {});

/// The k nearest rows of x, [N, D], to each of `queries`, [Q, D]; 0 < k <= N. Results are [Q, k].
Neighbours nearest_neighbours(const torch::Tensor& queries, const torch::Tensor& x, int64_t k,
                              const Progress& progress = {});

}  // namespace clade
