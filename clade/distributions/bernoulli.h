#pragma once
#include "clade/distributions/distribution.h"

namespace clade {

/// Independent bits with the given logits; log p(x) = Σ x·l − log(1 + e^l), stable for any logit
/// and defined for x in [0, 1] (grey levels count as probabilities of a one).
class Bernoulli : public Distribution {
 public:
  explicit Bernoulli(torch::Tensor logits) : logits_(std::move(logits)) {}  // [..., D]

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override { return logits_.sigmoid(); }
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor logits_;
};

}  // namespace clade
