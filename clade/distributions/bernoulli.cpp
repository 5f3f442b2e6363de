#include "clade/distributions/bernoulli.h"

namespace clade {

torch::Tensor Bernoulli::log_prob(const torch::Tensor& x) const {
  return (x * logits_ - torch::softplus(logits_)).sum(-1);
}

torch::Tensor Bernoulli::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  return torch::bernoulli(mean(), generator);
}

torch::Tensor Bernoulli::entropy() const {
  return -log_prob(mean());
}

}  // namespace clade
