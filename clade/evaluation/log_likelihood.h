#pragma once
#include "clade/core/progress.h"
#include "clade/models/mean_bound.h"

namespace clade {

/// The importance-weighted bound F_S (Burda et al. 2016): the mean over data points of
///   log 1/S Σ_s p(x, latents_s) / q(latents_s | x),  latents_s ~ q,
/// in nats. Streams over samples by a running log-sum-exp, so memory does not grow with S or N.
/// x: [N, D] with N > 0, samples > 0. `sum_clusters` sums every cluster inside the weight in place
/// of drawing one: a tighter bound, at K times the cost.
double log_likelihood(Model& model, const torch::Tensor& x, int64_t samples, Generator& generator,
                      bool sum_clusters = false, const Progress& progress = {});

/// The same of each data point: [N, D] -> [N] float64 on the CPU.
torch::Tensor log_likelihoods(Model& model, const torch::Tensor& x, int64_t samples,
                              Generator& generator, bool sum_clusters = false,
                              const Progress& progress = {});

/// F_S of each data point, [N, D] -> [N]; the rows are taken together. `progress` counts samples.
torch::Tensor log_likelihood_per_point(Model& model, const torch::Tensor& x, int64_t samples,
                                       Generator& generator, bool sum_clusters = false,
                                       const Progress& progress = {});

/// How unusual points are: for each of `values`, [N], the share of `reference`, [M], that lies
/// below it, an equal one counting half. -> [N] float64. The lower, the more unusual a point whose
/// value is its log p(x); 0.5 is the middle.
torch::Tensor shares_below(const torch::Tensor& values, const torch::Tensor& reference);

}  // namespace clade
