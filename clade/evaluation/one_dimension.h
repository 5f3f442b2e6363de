#pragma once
#include <torch/types.h>

#include <optional>

#include "clade/data/dataset.h"
#include "clade/models/model.h"

namespace clade {

/// The Wasserstein-1 distance between two samples of numbers, the second m times as large: the mean
/// distance between order statistics, each of `a` counted m times. [n], [n·m], in the numbers' own
/// unit.
double wasserstein_1(const torch::Tensor& a, const torch::Tensor& b);

/// What generations of one-dimensional data are measured by (CP-VAE, section 6.1, has histograms).
/// Distances are Wasserstein-1 to the data. The last two only where there are clusters.
struct OneDimension {
  double wasserstein_1 = 0;        ///< Of generated points.
  double wasserstein_1_floor = 0;  ///< Of points drawn from the data: what a perfect model has.
  /// Of points generated with every cluster drawn alike, where the model does otherwise.
  std::optional<double> wasserstein_1_uniform;
  /// Of points generated from a cluster the share outside its main mode, clusters weighed as the
  /// model draws them: where there are labels to tell modes by.
  std::optional<double> wrong_mode_share;
};

/// Clusters are those of the main discrete latent. A mode is the mean of a label's points; labels
/// without points have none. Distances are `unit` times those of the numbers that the model reads.
OneDimension one_dimension(Model& model, const Dataset& data, Generator& generator,
                           double unit = 1);

}  // namespace clade
