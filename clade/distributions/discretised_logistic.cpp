#include "clade/distributions/discretised_logistic.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

#include "clade/ops/discretised_logistic.h"

namespace clade {
namespace {

constexpr double kLast = 255;  // the last level
constexpr double kHalf = 0.5 / kLast;

torch::Tensor nearest_level(const torch::Tensor& x) {
  return (x * kLast).round().clamp(0, kLast) / kLast;
}

}  // namespace

torch::Tensor DiscretisedLogistic::log_prob(const torch::Tensor& x) const {
  return discretised_logistic_log_prob(x, location_, log_scale_);
}

torch::Tensor DiscretisedLogistic::mean() const {
  // Σ_k P(level ≥ k), k = 1 … 255, in units of a level.
  const auto inverse_scale = (-log_scale_).exp();
  auto sum =
      torch::zeros(at::infer_size(location_.sizes(), log_scale_.sizes()), location_.options());
  for (double k = 1; k <= kLast; ++k) {
    sum += ((location_ - (k / kLast - kHalf)) * inverse_scale).sigmoid();
  }
  return sum / kLast;
}

torch::Tensor DiscretisedLogistic::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  const auto shape = at::infer_size(location_.sizes(), log_scale_.sizes());
  const auto u = torch::empty(shape, location_.options()).uniform_(0, 1, generator);
  return nearest_level(location_ + log_scale_.exp() * torch::logit(u, 1e-7));
}

}  // namespace clade
