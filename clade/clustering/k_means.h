#pragma once
#include <torch/types.h>

#include "clade/core/progress.h"
#include "clade/core/random.h"

namespace clade {

/// Centres and the points nearest to each. On the data's device.
struct KMeans {
  torch::Tensor centres;   ///< [K, D] float64.
  torch::Tensor clusters;  ///< Of each point its nearest centre, [N] int64.
  double inertia = 0;      ///< Sum over points of the squared distance to their centre.
  int64_t iterations = 0;  ///< Of the start that was best.
};

struct KMeansOptions {
  int64_t starts = 10;       ///< The one of lowest inertia is kept.
  int64_t iterations = 300;  ///< Of one start at most.
  double tolerance = 1e-3;   ///< Ends when the centres move by less, as a share of the deviation.
};

/// Clusters of least squares by Lloyd's iterations from greedy k-means++ starts (Arthur &
/// Vassilvitskii 2007), in double precision. A cluster that loses all its points starts again at
/// the point farthest from its centre. x: [N, D] finite, 0 < K <= N, else throws Error. `progress`
/// counts starts, is called at each iteration and may throw.
KMeans k_means(const torch::Tensor& x, int64_t clusters, const KMeansOptions& options,
               Generator& generator, const Progress& progress = {});

}  // namespace clade
