#pragma once
#include <torch/types.h>

#include <nlohmann/json.hpp>

#include "clade/data/dataset.h"
#include "clade/models/model.h"

namespace clade {

/// The Wasserstein-1 distance between two samples of numbers of one size: the mean distance between
/// their order statistics. [n], [n], in the numbers' own unit.
double wasserstein_1(const torch::Tensor& a, const torch::Tensor& b);

/// What generations of one-dimensional data are measured by (CP-VAE, section 6.1, has histograms):
///   wasserstein_1                   of generated points to `data`
///   wasserstein_1_uniform           the same with y from p(y) in place of the aggregated posterior
///   wrong_mode_share                of points generated from a cluster outside its main mode,
///                                   clusters weighed by the aggregated posterior
/// The last two only where there are clusters, the last where there are labels to tell modes by.
nlohmann::json one_dimension(Model& model, const Dataset& data, Generator& generator);

}  // namespace clade
