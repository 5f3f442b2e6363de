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
  torch::Tensor entropy() const;  // [...]

  /// Reparameterised: gradients reach mean and log-variance.
  torch::Tensor rsample(Generator& generator) const;                   // [..., D]
  torch::Tensor rsample(Generator& generator, int64_t samples) const;  // [samples, ..., D]
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor mean_;
  torch::Tensor log_variance_;
};

/// N(0, I) over D dimensions.
struct StandardNormal {
  torch::Tensor log_prob(const torch::Tensor& z) const;           // [..., D] -> [...]
  torch::Tensor log_prob_per_unit(const torch::Tensor& z) const;  // [..., D] -> [..., D]
};

/// KL(q ‖ p) in closed form, in nats; `per_unit` keeps the last dimension, [..., D].
torch::Tensor kl_per_unit(const DiagonalGaussian& q, const DiagonalGaussian& p);
torch::Tensor kl_per_unit(const DiagonalGaussian& q, const StandardNormal& p);
torch::Tensor kl(const DiagonalGaussian& q, const DiagonalGaussian& p);  // [...]
torch::Tensor kl(const DiagonalGaussian& q, const StandardNormal& p);    // [...]

}  // namespace clade
