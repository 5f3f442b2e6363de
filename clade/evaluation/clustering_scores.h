#pragma once
#include <torch/types.h>

#include <cstdint>

namespace clade {

/// How well clusters agree with labels nobody trained on. Every point belongs to the cluster of
/// highest probability, the first of them on a tie. Accuracies are shares of all points whose label
/// is known, in [0, 1]; the literature mixes the three up, so all are reported.
struct ClusteringScores {
  /// Each cluster takes a label of its own (and each label at most one cluster), in the best of all
  /// ways; the points of clusters left over, where K > C, count as wrong.
  double acc_hungarian = 0;
  /// Each cluster takes the label most frequent in it. Never below acc_hungarian; tends to 1 as K
  /// grows, so it compares only runs of the same K.
  double acc_majority = 0;
  /// Each cluster takes the label of the point, of any cluster, with the highest probability of
  /// belonging to it: GMVAE section 4.2, after Makhzani et al. The first such point on a tie.
  double acc_most_confident = 0;
  /// Mutual information over the arithmetic mean of both entropies, in [0, 1]. 1 where there is one
  /// cluster and one label, 0 where only one of the two is single.
  double nmi = 0;
  /// Rand index adjusted for chance (Hubert and Arabie): 1 for equal partitions, 0 on average for
  /// random ones, and it may be negative. 1 for a single point.
  double ari = 0;
};

/// Scores posterior probabilities against labels 0 … C-1, or kUnknownLabel: points of which are as
/// if they were not there. Clusters and labels may differ in number, and either may go without
/// points. Throws Error for shapes that do not fit, no labelled points or another negative label,
/// NumericalError for a probability of a labelled point that is NaN or infinite.
ClusteringScores score_clusters(const torch::Tensor& probabilities,  // [N, K] float
                                const torch::Tensor& labels);        // [N] int64

/// Points of each cluster (row) with each label (column), unknown labels aside. Throws Error for
/// shapes that do not fit or an index outside 0 … K-1 or 0 … C-1.
torch::Tensor confusion(const torch::Tensor& clusters,                // [N] int64
                        const torch::Tensor& labels,                  // [N] int64
                        int64_t cluster_count, int64_t label_count);  // -> [K, C] int64

/// The clusters that hold a point, if every point belongs to its most probable one. [N, K] float.
int64_t clusters_in_use(const torch::Tensor& probabilities);

/// How the clusters share the points, seen in the aggregated posterior q(y) = mean of q(y|x). That
/// of posteriors which are all uniform is uniform too: see clusters_told_apart.
struct ClusterUse {
  /// Clusters with q(y_k) at least 1/K, up to rounding (a relative 1e-5). Of clusters of unequal
  /// size this leaves out small ones, however full of points.
  int64_t above_even_share = 0;
  double cluster_entropy = 0;  ///< Of q(y) in nats: 0 for one cluster, log K for a uniform q(y).
  /// How many clusters of equal size have that entropy: its exponential, 1 to K.
  double effective_clusters = 0;
  double largest_cluster = 0;  ///< max_k q(y_k).
};

/// Throws Error unless q(y) is one probability a cluster that sum to 1 within 1e-3.
ClusterUse cluster_use(const torch::Tensor& aggregated_posterior);  // [K] float

/// How many clusters of equal size the model tells apart for certain, in effect: exp I(x; y) under
/// q, I = H(mean of q(y|x)) − mean of H(q(y|x)). 1 if q(y|x) is the same of every point, uniform or
/// sure; K if each point is sure of its cluster and all clusters are of one size; never above
/// ClusterUse::effective_clusters. probabilities: [N, K] float with N > 0. Throws Error for another
/// shape.
double clusters_told_apart(const torch::Tensor& probabilities);

}  // namespace clade
