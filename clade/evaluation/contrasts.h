#pragma once
#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace clade {

/// How a feature sets the points of a cluster apart from all others, in the units of the points.
struct Contrast {
  int64_t feature;
  /// The standardised mean difference, (mean − mean_of_others) / √((s² + s_others²) / 2), s being
  /// the deviations (Cohen 1988). Deviations of next to nothing count as 1/1000 of the feature's
  /// own.
  double difference;
  double mean;
  double deviation;
  double mean_of_others;
  double deviation_of_others;
};

/// For each of `clusters`, the `most` features that set it apart, the strongest first, or none if
/// it holds all points or no point. Constant features are left out. x: [N, D]; assigned: [N] int64,
/// each point's cluster.
std::vector<std::vector<Contrast>> contrasts(const torch::Tensor& x, const torch::Tensor& assigned,
                                             int64_t clusters, int64_t most);

}  // namespace clade
