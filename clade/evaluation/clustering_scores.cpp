#include "clade/evaluation/clustering_scores.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/clustering/matching.h"
#include "clade/core/error.h"
#include "clade/data/dataset.h"

namespace clade {
namespace {

std::string shape_of(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

/// indices: [n] int64, of the points in `rows`, [n].
void check_indices(const std::string& what, const torch::Tensor& indices, const torch::Tensor& rows,
                   int64_t count) {
  const torch::Tensor wrong = ((indices < 0) | (indices >= count)).nonzero();  // [wrong ones, 1]
  if (wrong.size(0) == 0) return;
  const int64_t at = wrong[0].item<int64_t>();
  throw Error(what + " of point " + std::to_string(rows[at].item<int64_t>()) + " is " +
              std::to_string(indices[at].item<int64_t>()) + "; it must be 0 to " +
              std::to_string(count - 1));
}

/// The points whose cluster takes their label, each label at most one of them, in the best of all
/// ways.
double matched_points(const torch::Tensor& counts) {  // [K, C] int64
  const std::vector<int64_t> label = best_matching(counts);
  int64_t points = 0;
  for (size_t k = 0; k < label.size(); ++k) {
    if (label[k] >= 0) points += counts[static_cast<int64_t>(k)][label[k]].item<int64_t>();
  }
  return static_cast<double>(points);
}

double entropy(const torch::Tensor& shares) {  // any shape; of several distributions their sum
  // max() also turns the -0 of a single share into 0.
  return std::max(0.0, -torch::xlogy(shares, shares).sum().item<double>());
}

}  // namespace

torch::Tensor confusion(const torch::Tensor& clusters, const torch::Tensor& labels,
                        int64_t cluster_count, int64_t label_count) {
  if (clusters.dim() != 1 || !clusters.sizes().equals(labels.sizes())) {
    throw Error("clusters " + shape_of(clusters) + " and labels " + shape_of(labels) +
                " do not fit; give one of each per point");
  }
  const torch::Tensor rows = labelled_rows(labels);  // [n]
  const torch::Tensor cluster = clusters.index_select(0, rows),
                      label = labels.index_select(0, rows);
  check_indices("cluster", cluster, rows, cluster_count);
  check_indices("label", label, rows, label_count);
  return torch::bincount(cluster * label_count + label, {}, cluster_count * label_count)
      .view({cluster_count, label_count});
}

ClusteringScores score_clusters(const torch::Tensor& all_probabilities,
                                const torch::Tensor& all_labels) {
  if (all_probabilities.dim() != 2 || all_labels.dim() != 1 || all_probabilities.numel() == 0 ||
      all_probabilities.size(0) != all_labels.size(0)) {
    throw Error("cluster probabilities " + shape_of(all_probabilities) + " and labels " +
                shape_of(all_labels) + " do not fit; give [N, K] and [N] with N and K at least 1");
  }
  const torch::Tensor rows = labelled_rows(all_labels);                         // [n]
  const torch::Tensor probabilities = all_probabilities.index_select(0, rows);  // [n, K]
  const torch::Tensor labels = all_labels.index_select(0, rows);                // [n]
  if (rows.numel() == 0) throw Error("no label is known; score only points with labels");
  const torch::Tensor not_finite = (~torch::isfinite(probabilities)).any(1).nonzero();
  if (not_finite.size(0) > 0) {
    throw NumericalError("cluster probabilities of point " +
                         std::to_string(rows[not_finite[0].item<int64_t>()].item<int64_t>()) +
                         " are not finite; train the model again from its last good checkpoint");
  }
  const int64_t cluster_count = probabilities.size(1);
  const double points = static_cast<double>(probabilities.size(0));
  const torch::Tensor truth = labels.to(torch::kCPU);                      // [N]
  const torch::Tensor clusters = probabilities.argmax(1).to(torch::kCPU);  // [N]
  const torch::Tensor surest = probabilities.argmax(0).to(torch::kCPU);    // [K], points
  const torch::Tensor counts =
      confusion(clusters, truth, cluster_count, truth.max().item<int64_t>() + 1);  // [K, C]

  ClusteringScores scores;
  scores.acc_hungarian = matched_points(counts) / points;
  scores.acc_majority = static_cast<double>(counts.amax(1).sum().item<int64_t>()) / points;
  const torch::Tensor predicted = truth.index_select(0, surest).index_select(0, clusters);  // [N]
  scores.acc_most_confident = (predicted == truth).to(torch::kDouble).mean().item<double>();

  const torch::Tensor shares = counts.to(torch::kDouble) / points;  // [K, C]
  const double of_clusters = entropy(shares.sum(1));
  const double of_labels = entropy(shares.sum(0));
  const double mutual_information = of_clusters + of_labels - entropy(shares);
  // Two partitions of one group each are equal; rounding must not push the rest out of [0, 1].
  scores.nmi = of_clusters + of_labels == 0
                   ? 1
                   : std::clamp(2 * mutual_information / (of_clusters + of_labels), 0.0, 1.0);
  scores.ari = adjusted_rand_index(counts.to(torch::kDouble));
  return scores;
}

int64_t clusters_in_use(const torch::Tensor& probabilities) {
  return torch::bincount(probabilities.argmax(1)).gt(0).sum().item<int64_t>();
}

ClusterUse cluster_use(const torch::Tensor& aggregated_posterior) {
  if (aggregated_posterior.dim() != 1 || aggregated_posterior.size(0) == 0) {
    throw Error("q(y) has shape " + shape_of(aggregated_posterior) +
                "; give one probability a cluster, [K]");
  }
  const torch::Tensor q = aggregated_posterior.to(torch::kCPU, torch::kDouble);  // [K]
  const double sum = q.sum().item<double>();
  if (!(q.min().item<double>() >= 0 && std::abs(sum - 1) < 1e-3)) {
    throw Error("q(y) sums to " + std::to_string(sum) +
                "; give probabilities, the mean of q(y|x) over points");
  }
  ClusterUse use;
  const double fair_share = 1 / static_cast<double>(q.size(0));
  use.above_even_share = (q >= fair_share * (1 - 1e-5)).sum().item<int64_t>();
  use.cluster_entropy = entropy(q);
  use.effective_clusters = std::exp(use.cluster_entropy);
  use.largest_cluster = q.max().item<double>();
  return use;
}

double clusters_told_apart(const torch::Tensor& probabilities) {
  if (probabilities.dim() != 2 || probabilities.numel() == 0) {
    throw Error("cluster probabilities have shape " + shape_of(probabilities) +
                "; give [N, K] with N and K at least 1");
  }
  const torch::Tensor q = probabilities.to(torch::kDouble);  // [N, K]
  const double of_points = entropy(q) / static_cast<double>(q.size(0));
  return std::exp(std::max(0.0, entropy(q.mean(0)) - of_points));
}

}  // namespace clade
