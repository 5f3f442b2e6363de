#pragma once
#include <torch/types.h>

#include <nlohmann/json.hpp>

#include "clade/data/dataset.h"
#include "clade/models/model.h"

namespace clade {

/// The Wasserstein-1 distance between two samples of numbers, the second m times as large: the mean
/// distance between order statistics, each of `a` counted m times. [n], [n·m], in the numbers' own
/// unit.
double wasserstein_1(const torch::Tensor& a, const torch::Tensor& b);

/// What generations of one-dimensional data are measured by (CP-VAE, section 6.1, has histograms):
///   wasserstein_1           of generated points to `data`
///   wasserstein_1_floor     of `data` drawn from themselves to `data`: what a perfect model has
///   wasserstein_1_uniform   with every cluster drawn alike, where the model does otherwise
///   wrong_mode_share        of points generated from a cluster outside its main mode, clusters
///                           weighed as the model draws them
/// Clusters are those of the main discrete latent. The last two only where there are clusters, the
/// last where there are labels to tell modes by. A mode is the mean of a label's points; labels
/// without points have none. Distances are `unit` times those of the numbers that the model reads.
nlohmann::json one_dimension(Model& model, const Dataset& data, Generator& generator,
                             double unit = 1);

}  // namespace clade
