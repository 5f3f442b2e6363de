#pragma once
#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/data/dataset.h"

namespace clade {

/// Where the clusters of a training come from: a clustering of its training points made outside the
/// bound, without labels. Mixture models trained from nothing land wherever luck has it; what is
/// known above 95 % on MNIST starts from the graph of nearest neighbours or from an autoencoder.
struct Start {
  std::string latent;              ///< The discrete one whose clusters they are; "": the main one.
  torch::Tensor responsibilities;  // [N, K] float32, r(y | x) of the training points
  torch::Tensor codes;     // [N, d] float32 that were clustered; undefined if there are none
  std::string said;        ///< "clusters started from …", for people.
  nlohmann::json made_by;  ///< What made it: its kind and every number it depends on.
  bool used = true;        ///< Whether training is guided by it; see number_by_labels().

  int64_t clusters() const { return responsibilities.size(1); }
};

/// Which step of making it, how far it is, and of how much. May throw, which ends the making.
using StartProgress = std::function<void(const std::string& what, int64_t done, int64_t total)>;

/// Numbers the clusters as the classes whose labelled points they hold, in the best of all ways,
/// and puts those points into their own. If fewer than nine in ten have the label of their cluster,
/// the clusters are no classes, and training is not to use them. `labelled`: some of the points of
/// `train`, with labels below the number of clusters.
void number_by_labels(Start& start, const Dataset& train, const Dataset& labelled);

/// "; 2 of them hold no point", of clusters that are no point's strongest, [N, K]; "" if none is.
std::string said_of_empty(const torch::Tensor& responsibilities);

/// What is said of all of them in one line, each named by its latent if it has a name.
std::string said_of(const std::vector<Start>& starts);

/// FOLDER/start.safetensors: tensors "codes" and "responsibilities" and, as the metadata, made_by
/// and said; of a start that names its latent "y2.codes", "y2.responsibilities" and, in the
/// metadata, "y2". Any safetensors reader opens it.
void write_starts(const std::filesystem::path& folder, const std::vector<Start>& starts);

/// Whether a run has such a file.
bool has_start(const std::filesystem::path& folder);

/// Throws Error naming the file if there is none or it is damaged.
std::vector<Start> read_starts(const std::filesystem::path& folder);

}  // namespace clade
