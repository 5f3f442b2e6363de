#pragma once
#include <torch/types.h>

#include "clade/core/random.h"

namespace clade {

/// One of K categories. Outcomes are their numbers, int64; log_prob also accepts a relaxed outcome,
/// a point of the simplex along the last dimension, and is then linear in it.
class Categorical {
 public:
  explicit Categorical(const torch::Tensor& logits);  // [..., K]

  torch::Tensor log_prob(const torch::Tensor& y) const;   // int64 [...] or [..., K] -> [...]
  torch::Tensor log_probs() const { return log_probs_; }  // [..., K]
  torch::Tensor probs() const { return log_probs_.exp(); }
  torch::Tensor entropy() const;  // [...]
  int64_t clusters() const { return log_probs_.size(-1); }

  torch::Tensor sample(Generator& generator, int64_t samples) const;  // [samples, ...]

  /// The same distribution along a new leading dimension: [...] -> [times, ...].
  Categorical repeated(int64_t times) const;

 private:
  torch::Tensor log_probs_;
};

/// Gumbel-Softmax (Jang et al. 2017; Maddison et al. 2017): a reparameterised point of the simplex
/// that tends to a one-hot draw of the categorical as the temperature falls to 0.
class RelaxedCategorical {
 public:
  RelaxedCategorical(const Categorical& base, double temperature);

  /// With `straight_through` the value is one-hot and the gradient that of the relaxed point.
  torch::Tensor rsample(Generator& generator, bool straight_through = false) const;  // [..., K]

 private:
  torch::Tensor log_probs_;
  double temperature_;
};

/// KL(q ‖ p) in nats.
torch::Tensor kl(const Categorical& q, const Categorical& p);  // [...]

/// KL(q ‖ uniform over the K categories) = log K − H(q).
torch::Tensor kl_to_uniform(const Categorical& q);  // [...]

/// Every category once, enumerated along a leading dimension that broadcasts over the batch.
torch::Tensor every_cluster(int64_t clusters, const torch::Device& device);  // [K, 1]

}  // namespace clade
