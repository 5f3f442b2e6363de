#pragma once
#include <optional>

#include "clade/distributions/categorical.h"
#include "clade/distributions/gaussian.h"

namespace clade {

/// 1/M Σ_m N(μ_m, diag(σ²_m)): equally likely components along the last dimension but one. A single
/// Gaussian is a mixture of one, and what has a closed form for that then takes it.
class GaussianMixture {
 public:
  /// components: [..., M, D].
  explicit GaussianMixture(DiagonalGaussian components) : components_(std::move(components)) {}

  /// N(mean, variance) of each leading index, as a mixture of one. gaussian: [..., D].
  static GaussianMixture of_one(const DiagonalGaussian& gaussian);

  int64_t size() const { return components_.mean().size(-2); }        // M
  const DiagonalGaussian& components() const { return components_; }  // [..., M, D]
  torch::Tensor mean() const;                                         // [..., D]
  torch::Tensor deviation() const;                                    // [..., D]
  torch::Tensor log_prob(const torch::Tensor& z) const;               // [..., D] -> [...]

  /// log p(z_i | z_1 … z_{i−1}), which sum to log p(z); the units' own densities where M = 1, else
  /// dependent on their order.
  torch::Tensor log_prob_per_unit(const torch::Tensor& z) const;  // [..., D] -> [..., D]

  Categorical component_given(const torch::Tensor& z) const;  // p(m | z): [..., D] -> [..., M]

  /// N(μ_m, σ_m) of the components m: int64 [...], which broadcast against the leading dimensions
  /// -> [..., D]. m may also list C components, all for every leading index: [C, 1 …]
  /// -> [C, ..., D].
  DiagonalGaussian component(const torch::Tensor& m) const;

  /// n draws, all from one component if that is given. components: [M, D], or one for each draw,
  /// [n, 1, D]. No gradient.
  torch::Tensor sample(Generator& generator, int64_t n,
                       std::optional<int64_t> component = {}) const;  // [n, D]

 private:
  torch::Tensor log_prob_given_component(const torch::Tensor& z) const;  // [..., D] -> [..., M]

  DiagonalGaussian components_;
};

/// KL(q ‖ p) in nats: in closed form where p is one Gaussian, else its estimate
/// log q(z) − log p(z) from z ~ q; `per_unit` splits it, [..., D].
torch::Tensor kl(const DiagonalGaussian& q, const GaussianMixture& p, const torch::Tensor& z);
torch::Tensor kl_per_unit(const DiagonalGaussian& q, const GaussianMixture& p,
                          const torch::Tensor& z);

}  // namespace clade
