#pragma once
#include "clade/distributions/distribution.h"

namespace clade {

/// Laplace distributions over the last dimension: e^(−|x − mean| / b) / 2b, b = exp(log_scale). Its
/// log-density falls with the distance from the mean, not with its square.
class Laplace : public Distribution {
 public:
  /// mean, log_scale: [..., D], broadcast against each other.
  Laplace(torch::Tensor mean, torch::Tensor log_scale)
      : mean_(std::move(mean)), log_scale_(std::move(log_scale)) {}

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override { return mean_; }
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor mean_;
  torch::Tensor log_scale_;
};

}  // namespace clade
