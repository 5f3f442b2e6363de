#pragma once
#include "clade/distributions/distribution.h"

namespace clade {

/// Counts n = 0, 1, 2, … as networks read them, x = log(1 + n), which float32 tells apart up to
/// 100,000: n ~ Poisson(e^log_mean), one for each feature. log_prob() is of the counts nearest to
/// x.
class Poisson : public Distribution {
 public:
  explicit Poisson(torch::Tensor log_mean) : log_mean_(std::move(log_mean)) {}  // [..., D]

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override;  // log(1 + E[n])
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor log_mean_;
};

/// Counts, read likewise, of a Poisson distribution whose own mean comes from a Gamma distribution:
/// of mean μ = e^log_mean and variance μ + α μ², α = e^log_scale. With α → 0 it is Poisson's.
class NegativeBinomial : public Distribution {
 public:
  /// log_mean, log_scale: [..., D], broadcast against each other.
  NegativeBinomial(torch::Tensor log_mean, torch::Tensor log_scale)
      : log_mean_(std::move(log_mean)), log_scale_(std::move(log_scale)) {}

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override;  // log(1 + E[n])
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor log_mean_;
  torch::Tensor log_scale_;
};

}  // namespace clade
