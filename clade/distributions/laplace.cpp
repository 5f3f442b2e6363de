#include "clade/distributions/laplace.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

namespace clade {

torch::Tensor Laplace::log_prob(const torch::Tensor& x) const {
  const auto away = (x - mean_).abs() * (-log_scale_).exp();
  return -(away + log_scale_ + std::numbers::ln2).sum(-1);
}

torch::Tensor Laplace::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  const auto shape = at::infer_size(mean_.sizes(), log_scale_.sizes());
  // An exponential draw to either side.
  const auto away = torch::empty(shape, mean_.options()).exponential_(1, generator);
  const auto side = torch::empty(shape, mean_.options()).bernoulli_(0.5, generator) * 2 - 1;
  return mean_ + log_scale_.exp() * side * away;
}

}  // namespace clade
