#pragma once
#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "clade/report/plots.h"

namespace clade {

/// What runs that differ by their seeds alone made of the clusters of one discrete latent.
struct SweptClusters {
  std::string latent;              ///< Its name; "" if no other has clusters.
  std::vector<double> effective;   ///< A run each; see ClusterUse.
  std::vector<double> told_apart;  ///< Likewise, of the runs that have it: clusters_told_apart().
  std::vector<torch::Tensor> assigned;  // [N] int64 a run, of the same N points
};

/// What those runs gave at one value of a setting.
struct SweptValue {
  std::string value;           ///< "10"
  double size = 0;             ///< The number it is; of two values the smaller is the simpler.
  double place = 0;            ///< On the axis of a chart.
  std::vector<double> bounds;  ///< A run each, nats per point.
  std::vector<SweptClusters> clusterings;  ///< Of each latent with clusters.
  std::string split = "validation";        ///< Whose points the bounds are of.
};

/// How far clusterings of the same points, [N] int64 each, agree: the adjusted Rand index, mean
/// over pairs. Nothing for fewer than two.
std::optional<double> agreement(const std::vector<torch::Tensor>& clusterings);

/// Which of the values to take, and why, in a line.
struct Recommendation {
  size_t which;
  std::string reason;
};

/// Values whose runs tell nearly nothing apart, fewer than 1.1 clusters on average in each latent,
/// are left out, and the reason names them: such runs agree perfectly or by chance, for nothing.
/// Of the others at which runs agree about as well as at any (within 0.05 of the highest
/// agreement, the mean over latents that tell something apart), the smallest whose bound is about
/// the highest among them (within its deviation over seeds). More clusters nearly always raise the
/// bound a little, and runs then disagree on what they are of; labels have no part in it. If no
/// value has two runs, the bound alone decides, as it does if all of them are left out: the reason
/// then says that the value is no number of clusters to rely on.
/// Throws Error for no values, or one without a run.
Recommendation recommended(const std::vector<SweptValue>& values);

/// The same as curves over the values' places: the bound, and of each latent effective clusters,
/// clusters told apart and agreement, those there are.
std::vector<Swept> sweep_figures(const std::vector<SweptValue>& values);

/// The sweep of the setting `key` as Markdown: a line a value and latent, and the recommendation.
std::string sweep_table(const std::string& key, const std::vector<SweptValue>& values);

}  // namespace clade
