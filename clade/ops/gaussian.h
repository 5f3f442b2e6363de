#pragma once
#include <torch/types.h>

namespace clade {

/// log N(z; mean, exp(log_variance)), summed over the last dimension in one pass. z, mean and
/// log_variance: [..., D], leading sizes broadcast -> [...], in nats.
torch::Tensor gaussian_log_prob(const torch::Tensor& z, const torch::Tensor& mean,
                                const torch::Tensor& log_variance);

/// KL(N(q) ‖ N(p)), summed over the last dimension in one pass. All [..., D], leading sizes
/// broadcast -> [...], in nats.
torch::Tensor gaussian_kl(const torch::Tensor& q_mean, const torch::Tensor& q_log_variance,
                          const torch::Tensor& p_mean, const torch::Tensor& p_log_variance);

// The same by ATen alone and not yet summed, [..., D]: for other devices and types, to test
// against, and for what is wanted per unit.
torch::Tensor gaussian_log_prob_per_unit(const torch::Tensor& z, const torch::Tensor& mean,
                                         const torch::Tensor& log_variance);
torch::Tensor gaussian_kl_per_unit(const torch::Tensor& q_mean, const torch::Tensor& q_log_variance,
                                   const torch::Tensor& p_mean,
                                   const torch::Tensor& p_log_variance);

}  // namespace clade
