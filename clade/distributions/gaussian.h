#pragma once
#include "clade/distributions/distribution.h"

namespace clade {

/// N(mean, diag(exp(log_variance))) over the last dimension.
class DiagonalGaussian : public Distribution {
 public:
  /// mean, log_variance: [..., D], broadcast against each other.
  DiagonalGaussian(torch::Tensor mean, torch::Tensor log_variance)
      : mean_(std::move(mean)), log_variance_(std::move(log_variance)) {}

  torch::Tensor log_prob(const torch::Tensor& z) const override;
  torch::Tensor log_prob_per_unit(const torch::Tensor& z) const;  // [..., D] -> [..., D]
  torch::Tensor mean() const override { return mean_; }
  torch::Tensor log_variance() const { return log_variance_; }

  /// Reparameterised: gradients reach mean and log-variance.
  torch::Tensor rsample(Generator& generator) const;  // [..., D]
  /// Draws whose leading dimensions are those of the Gaussian broadcast with `leading`: of one with
  /// [B, D], {S, 1} gives [S, B, D] and {K, 1, 1} would give [K, 1, B, D].
  torch::Tensor rsample(Generator& generator, at::IntArrayRef leading) const;
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor mean_;
  torch::Tensor log_variance_;
};

/// N(0, I), as a distribution yet without a type and device.
struct StandardNormal {
  int64_t size;                                                 ///< d
  DiagonalGaussian on(const torch::TensorOptions& like) const;  // [d]
};

/// The product of two densities, normalised: precisions add up, and each mean counts by its own.
/// [..., D] each, which broadcast.
DiagonalGaussian merged(const DiagonalGaussian& a, const DiagonalGaussian& b);

/// KL(q ‖ p) in closed form, in nats; `per_unit` keeps the last dimension, [..., D].
torch::Tensor kl_per_unit(const DiagonalGaussian& q, const DiagonalGaussian& p);
torch::Tensor kl(const DiagonalGaussian& q, const DiagonalGaussian& p);  // [...]

}  // namespace clade
