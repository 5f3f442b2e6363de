#include "clade/distributions/counts.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

namespace clade {
namespace {

torch::Tensor count_of(const torch::Tensor& x) {
  return torch::expm1(x).round();
}

}  // namespace

torch::Tensor Poisson::log_prob(const torch::Tensor& x) const {
  const auto n = count_of(x);
  return (n * log_mean_ - log_mean_.exp() - torch::lgamma(n + 1)).sum(-1);
}

torch::Tensor Poisson::mean() const {
  return torch::log1p(log_mean_.exp());
}

torch::Tensor Poisson::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  return torch::log1p(torch::poisson(log_mean_.exp(), generator));
}

torch::Tensor NegativeBinomial::log_prob(const torch::Tensor& x) const {
  const auto n = count_of(x);
  // With r = 1 / α successes, of probability p = 1 / (1 + α μ) each:
  // log Γ(n + r) − log Γ(r) − log n! + r log p + n log(1 − p).
  const auto r = (-log_scale_).exp();
  const auto odds = log_mean_ + log_scale_;  // log α μ
  return (torch::lgamma(n + r) - torch::lgamma(r) - torch::lgamma(n + 1) -
          r * torch::softplus(odds) - n * torch::softplus(-odds))
      .sum(-1);
}

torch::Tensor NegativeBinomial::mean() const {
  return torch::log1p(log_mean_.exp())
      .expand(at::infer_size(log_mean_.sizes(), log_scale_.sizes()));
}

torch::Tensor NegativeBinomial::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  const auto all = torch::broadcast_tensors({log_mean_, log_scale_});
  const auto gamma = torch::_standard_gamma((-all[1]).exp(), generator);
  return torch::log1p(torch::poisson(gamma * (all[0] + all[1]).exp(), generator));
}

}  // namespace clade
