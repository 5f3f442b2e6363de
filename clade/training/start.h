#pragma once
#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
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

/// What a user's own file says of the training points, in their order.
struct StartFile {
  torch::Tensor codes;             // [N, d] float32; or undefined
  torch::Tensor responsibilities;  // [N, K] float32; or undefined
};

/// Reads `path`, .npy or .csv, a row for each point that `data` was split from, in the file's
/// order: responsibilities if it has columns of shares, none negative, that sum to one; labels, one
/// column of whole numbers or words, of which there are `clusters` or fewer; else codes. Of what
/// `clade cluster` or `clade embed` wrote only these columns count. Throws DataError, in a line,
/// for another count of rows, of clusters, or what read_points() refuses.
StartFile read_start_file(const std::string& path, const Splits& data, int64_t clusters);

/// What is clustered, of the N training points.
struct Clustered {
  torch::Tensor values;  // [N, d] float32
  std::string said_of;   ///< What the values are, for people.
};

/// Whether layouts see edges, by `of`, which is TrainOptions::start_features: only images of 16
/// pixels a side or more have them, and "auto" takes them if a third of the pixels' variance or
/// more is how light each image is as a whole, as of photographs.
bool sees_edges(const Splits& data, const std::string& of);

/// What of the training points a layout sees. Of images by their edges, see sees_edges(), they are
/// their oriented gradients, whatever their light and colours. Else they are values: pixels and
/// levels as they are, other numbers as standardised, a column of words, of which each word is a
/// feature, weighing as one of numbers, and of counts log(1 + x / total · median total), a cell's
/// sequencing depth being no property of it. Of more than 50 features their 50 first principal
/// components. Counts are 200 columns or more, no image, of whole numbers of which none is negative
/// and a third is 0.
Clustered layout_features(const Splits& data, const std::string& of, Generator& generator);

/// x, [N, D], or its 50 first principal components if it has more features.
torch::Tensor principal_features(const torch::Tensor& x, Generator& generator);

struct Gaussians {
  bool diagonal;           ///< Of covariances without correlation.
  double excess_kurtosis;  ///< Of the points about them; see Mixture.
};

/// Whether K Gaussians may be what x, [N, D], is made of: twice as many, fitted to the same four
/// fifths of it, explain the rest no better but for luck. With full covariances if there are two
/// points for each of their parameters, else with diagonal ones if there is one; none if there are
/// too few for these too. Of more than 10,000 points it asks a sample.
std::optional<Gaussians> gaussians_of(const torch::Tensor& x, int64_t clusters, uint64_t seed,
                                      const StartProgress& progress = {});

/// The clusters of a mixture of products of Bernoulli distributions, if x, [N, D], is of bits (no
/// feature has more than two values) and K of its components are what it is made of, asked as by
/// gaussians_of(); nothing if not, or if there are too few points to tell.
std::optional<Start> start_from_classes_of_bits(const torch::Tensor& x, const std::string& said_of,
                                                int64_t clusters, uint64_t seed,
                                                const StartProgress& progress = {});

/// Clusters from the graph of nearest neighbours: a mixture with full covariances on its layout in
/// ten dimensions. Two kinds of data are not for it: x that is made of classes of bits, or of
/// Gaussians that pairs of samples show as surely as a layout, or four fifths as surely if the
/// points lie about them as a Gaussian's do, since a layout blurs what overlaps, whose clusters are
/// a mixture of those; and x of which samples find k-means again and neither of these, as of much
/// noise. `said_of` says what x, [N, D], is of the N points.
Start start_from_neighbours(const torch::Tensor& x, const std::string& said_of, int64_t clusters,
                            uint64_t seed, const StartProgress& progress = {});

/// Clusters as a mixture with full covariances, or diagonal ones of few points, finds them in
/// codes, [N, d] with N >= clusters: the best by likelihood of several k-means++ starts.
Start start_from_codes(const torch::Tensor& codes, const std::string& said_of, int64_t clusters,
                       uint64_t seed, const StartProgress& progress = {});

/// The start that a user's file gives: codes are clustered as those of every other start.
Start start_from_file(const std::string& path, const Splits& data, int64_t clusters, uint64_t seed,
                      const StartProgress& progress = {});

/// Numbers the clusters as the classes whose labelled points they hold, in the best of all ways,
/// and puts those points into their own. If fewer than nine in ten have the label of their cluster,
/// the clusters are no classes, and training is not to use them. `labelled`: some of the points of
/// `train`, with labels below the number of clusters.
void number_by_labels(Start& start, const Dataset& train, const Dataset& labelled);

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
