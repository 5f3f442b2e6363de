#pragma once
#include <torch/types.h>

#include "clade/core/progress.h"
#include "clade/core/random.h"

namespace clade {

/// Σ_k w_k Π_d Bernoulli(p_kd), fitted to bits by EM: the latent class analysis of answers to a
/// questionnaire, and for bits what Mixture is for numbers. On the data's device, in double
/// precision.
struct BernoulliMixture {
  torch::Tensor weights;      ///< [K]
  torch::Tensor means;        ///< p, [K, D]
  double log_likelihood = 0;  ///< Of the points it was fitted to, nats a point.

  torch::Tensor log_prob(const torch::Tensor& x) const;          ///< [N, D] -> [N] float64
  torch::Tensor responsibilities(const torch::Tensor& x) const;  ///< [N, D] -> [N, K] float64
};

/// Fits by EM from the clusters of `starts` runs of k-means, of one start each, the best by
/// likelihood. Each component's ones and zeros are counted as if there were half a one and half a
/// zero more, so that no p is 0 or 1. x: [N, D] of 0 and 1, or a number between for a bit that is
/// not known, as much of a one as that; 0 < K <= N; else throws Error. `progress` counts starts, is
/// called at each iteration and may throw.
BernoulliMixture fit_bernoulli_mixture(const torch::Tensor& x, int64_t components, int64_t starts,
                                       Generator& generator, const Progress& progress = {});

}  // namespace clade
