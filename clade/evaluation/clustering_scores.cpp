#include "clade/evaluation/clustering_scores.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "clade/core/error.h"
#include "clade/data/dataset.h"

namespace clade {
namespace {

std::string shape_of(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

void check_indices(const std::string& what, const torch::Tensor& indices,  // [N] int64
                   int64_t count) {
  const torch::Tensor wrong = ((indices < 0) | (indices >= count)).nonzero();  // [wrong ones, 1]
  if (wrong.size(0) == 0) return;
  const int64_t at = wrong[0].item<int64_t>();
  throw Error(what + " of point " + std::to_string(at) + " is " +
              std::to_string(indices[at].item<int64_t>()) + "; it must be 0 to " +
              std::to_string(count - 1));
}

/// The largest sum of entries of which no two share a row or a column: Kuhn-Munkres with
/// potentials, one shortest augmenting path a row, O(rows^2 columns) with the fewer dimension as
/// rows.
int64_t best_matching(torch::Tensor gains) {  // [K, C] int64
  if (gains.size(0) > gains.size(1)) gains = gains.t();
  gains = gains.contiguous();
  const auto gain = gains.accessor<int64_t, 2>();
  const size_t rows = static_cast<size_t>(gains.size(0));
  const size_t columns = static_cast<size_t>(gains.size(1));

  // Rows and columns count from 1; column 0 stands for "the row being placed" and row 0 for "free".
  // The potentials keep every reduced cost -gain - row_potential - column_potential >= 0.
  std::vector<int64_t> row_potential(rows + 1, 0), column_potential(columns + 1, 0);
  for (size_t row = 1; row <= rows; ++row) {
    row_potential[row] = -*std::max_element(gain[row - 1].data(), gain[row - 1].data() + columns);
  }
  std::vector<size_t> row_of(columns + 1, 0), previous(columns + 1, 0);
  for (size_t row = 1; row <= rows; ++row) {
    std::vector<int64_t> distance(columns + 1, std::numeric_limits<int64_t>::max());
    std::vector<bool> reached(columns + 1, false);
    row_of[0] = row;
    size_t column = 0;
    do {
      reached[column] = true;
      const size_t from = row_of[column];
      size_t next = 0;
      for (size_t j = 1; j <= columns; ++j) {
        if (reached[j]) continue;
        const int64_t reduced = -gain[from - 1][j - 1] - row_potential[from] - column_potential[j];
        if (reduced < distance[j]) {
          distance[j] = reduced;
          previous[j] = column;
        }
        if (next == 0 || distance[j] < distance[next]) next = j;
      }
      const int64_t step = distance[next];
      for (size_t j = 0; j <= columns; ++j) {
        if (reached[j]) {
          row_potential[row_of[j]] += step;
          column_potential[j] -= step;
        } else {
          distance[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = previous[column]) row_of[column] = row_of[previous[column]];
  }
  int64_t total = 0;
  for (size_t j = 1; j <= columns; ++j) {
    if (row_of[j] != 0) total += gain[row_of[j] - 1][j - 1];
  }
  return total;
}

double entropy(const torch::Tensor& shares) {  // any shape, sums to 1
  // max() also turns the -0 of a single share into 0.
  return std::max(0.0, -torch::xlogy(shares, shares).sum().item<double>());
}

double pairs(const torch::Tensor& counts) {  // any shape, whole numbers as doubles
  return (counts * (counts - 1) / 2).sum().item<double>();
}

double adjusted_rand_index(const torch::Tensor& counts) {  // [K, C] double
  const double together = pairs(counts);
  const double by_cluster = pairs(counts.sum(1));
  const double by_label = pairs(counts.sum(0));
  const double all = pairs(counts.sum());
  // Both partitions have one group, or both only groups of one (among them the single point): they
  // are equal, and there is no chance to adjust for.
  if (by_cluster == by_label && (by_cluster == 0 || by_cluster == all)) return 1;
  const double by_chance = by_cluster / all * by_label;
  return (together - by_chance) / ((by_cluster + by_label) / 2 - by_chance);
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
  check_indices("cluster", cluster, cluster_count);
  check_indices("label", label, label_count);
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
                         std::to_string(not_finite[0].item<int64_t>()) +
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
  scores.acc_hungarian = static_cast<double>(best_matching(counts)) / points;
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

}  // namespace clade
