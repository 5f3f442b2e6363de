#pragma once
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace clade {

/// How clusters are ordered, coloured and named alike on the page and in its PNG files.

/// Ten colours told apart by colour-blind readers too, on white and on black (M. Petroff,
/// "Accessible color sequences for data visualization", 2021). The second and third ten of a
/// ranking repeat them with other symbols; whatever ranks below is grey.
inline constexpr std::array<const char*, 10> palette = {"#3f90da", "#ffa90e", "#bd1f01", "#832db6",
                                                        "#a96b59", "#e76300", "#92dadd", "#b9ac70",
                                                        "#94a4a2", "#717581"};

/// A reader takes in this many clusters; weaker ones are folded away unless they are in use.
inline constexpr int64_t shown_clusters = 30;

/// Samples shown of each of a label's clusters, and labels shown in all.
inline constexpr int64_t label_samples = 4;
inline constexpr int64_t shown_labels = 50;

/// Cluster numbers, the largest share first. `share` [K] or undefined, which gives none.
std::vector<int64_t> strongest_first(const torch::Tensor& share);

/// The labels that occur in `label` [n], negative ones aside: in their own order where all can be
/// told apart, else the most frequent first.
std::vector<int64_t> labels_in_order(const torch::Tensor& label);

/// What a cluster's labelled points mostly are.
struct Majority {
  int64_t label = -1;  ///< -1 where the cluster holds no labelled point.
  double share = 0;    ///< Of the cluster's labelled points.
};

/// One for each row of `confusion` [K, C] int64, points of cluster k with label c.
std::vector<Majority> majorities(const torch::Tensor& confusion);

/// Cluster numbers sorted by majority label, then by how pure they are; empty clusters last.
std::vector<int64_t> by_majority(std::vector<int64_t> clusters,
                                 const std::vector<Majority>& majority);

/// "setosa" if clusters are classes, else "cluster 7".
std::string cluster_name(const std::vector<std::string>& classes, int64_t cluster);

/// What a CSV file calls it, as those of `clade cluster` do: its number, or a class's name.
std::string cluster_in_table(const std::vector<std::string>& classes, int64_t cluster);

/// "Sandal", or "7" where labels have no names.
std::string label_name(const std::vector<std::string>& names, int64_t label);

}  // namespace clade
