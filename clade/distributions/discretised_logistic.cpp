#include "clade/distributions/discretised_logistic.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

namespace clade {
namespace {

constexpr double kLast = 255;  // the last level
constexpr double kHalf = 0.5 / kLast;

torch::Tensor nearest_level(const torch::Tensor& x) {
  return (x * kLast).round().clamp(0, kLast) / kLast;
}

}  // namespace

torch::Tensor DiscretisedLogistic::log_prob(const torch::Tensor& x) const {
  const auto level = nearest_level(x);
  const auto inverse_scale = (-log_scale_).exp();
  const auto below = (level - kHalf - location_) * inverse_scale;  // the cell's sides, a < b
  const auto above = (level + kHalf - location_) * inverse_scale;
  // σ(b) − σ(a) = σ(b) σ(−a) (1 − e^{a−b}): a product loses no digits far out, as the difference
  // does. An outermost cell has no outer side, and of the product the factor without it.
  const auto first = level.eq(0), last = level.eq(1);
  const auto width = (-torch::expm1(-2 * kHalf * inverse_scale)).log();  // of the last factor
  const auto log_prob = torch::log_sigmoid(above).masked_fill(last, 0) +
                        torch::log_sigmoid(-below).masked_fill(first, 0) +
                        torch::where(first.logical_or(last), torch::zeros_like(width), width);
  return log_prob.sum(-1);
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
