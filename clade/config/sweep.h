#pragma once
#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "clade/report/plots.h"

namespace clade {

/// What runs that differ by their seeds alone gave at one value of a setting.
struct SweptValue {
  double value = 0;
  std::vector<double> bounds;              ///< A run each, nats per point.
  std::vector<double> effective_clusters;  ///< A run each; see ClusterUse.
  std::vector<torch::Tensor> clusters;     // [N] int64 a run, of the same N points
};

/// How far clusterings of the same points, [N] int64 each, agree: the adjusted Rand index, mean
/// over pairs. Nothing for fewer than two.
std::optional<double> agreement(const std::vector<torch::Tensor>& clusterings);

/// Which of the values to take, and why, in a line.
struct Recommendation {
  size_t which;
  std::string reason;
};

/// Of the values at which runs agree about as well as at any (within 0.05 of the highest
/// agreement), the smallest whose bound is about the highest among them (within its deviation over
/// seeds). More clusters nearly always raise the bound a little, and runs then disagree on what
/// they are of; labels have no part in it. If no value has two runs, the bound alone decides.
/// Throws Error for no values, or one without a run.
Recommendation recommended(const std::vector<SweptValue>& values);

/// The same as curves over the values: bound, effective clusters, and agreement if there is one.
std::vector<Swept> sweep_figures(const std::vector<SweptValue>& values);

/// The sweep of the setting `key` as Markdown: a line a value, and the recommendation.
std::string sweep_table(const std::string& key, const std::vector<SweptValue>& values);

}  // namespace clade
