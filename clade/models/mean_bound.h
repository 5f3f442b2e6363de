#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clade/models/model.h"

namespace clade {

/// What a MeanBound is the mean of.
enum class BoundKind {
  elbo,
  relaxed,   ///< Of relaxed clusters, which bounds nothing.
  looser,    ///< Model::looser_bound.
  weighted,  ///< Importance-weighted.
};

/// A bound averaged over data points, in nats per data point.
struct MeanBound {
  double elbo = 0;
  BoundKind kind = BoundKind::elbo;  ///< Unless the first, `elbo` has another name in a log.
  std::vector<std::pair<std::string, double>> terms;  ///< As in Bound: divergences positive.
  /// Importance-weighted, of as many draws as a training that goes up it takes.
  std::optional<double> weighted = {};

  /// What a training that is measured by it goes by.
  double judged_by() const { return weighted.value_or(elbo); }
  BoundKind kind_judged_by() const { return weighted ? BoundKind::weighted : kind; }

  /// With `log_volume` nats less in the bounds and in log p(x|…): of x in units in which the
  /// logarithm of a density is that much lower.
  MeanBound less(double log_volume) const;
};

/// Rows of x that a model evaluates at a time, so that memory stays bounded.
int64_t rows_at_a_time(const Model& model);

/// The mean bound F_1 over x, [N, D] with N > 0, one draw of the latents a point, without gradients
/// and in evaluation mode (the model's own mode is restored).
MeanBound mean_bound(Model& model, const torch::Tensor& x, Generator& generator);

/// The mean importance-weighted bound F_S over x of S = `samples` draws, likewise.
double mean_weighted_bound(Model& model, const torch::Tensor& x, int64_t samples,
                           Generator& generator);

/// The same as mean_bound() of Model::relaxed_bound; nothing for a model without one.
std::optional<MeanBound> mean_relaxed_bound(Model& model, const torch::Tensor& x,
                                            Generator& generator);

/// The same of Model::looser_bound, by the draws that mean_bound() makes with an equal generator.
std::optional<MeanBound> mean_looser_bound(Model& model, const torch::Tensor& x,
                                           Generator& generator);

}  // namespace clade
