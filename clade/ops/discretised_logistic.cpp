#include "clade/ops/discretised_logistic.h"

#include <torch/torch.h>

#include "clade/ops/density_rows.h"

namespace clade {
namespace {

constexpr double kLast = 255;  // the last level
constexpr double kHalf = 0.5 / kLast;

}  // namespace

torch::Tensor discretised_logistic_log_prob_by_aten(const torch::Tensor& x,
                                                    const torch::Tensor& location,
                                                    const torch::Tensor& log_scale) {
  const auto level = (x.detach() * kLast).round().clamp(0, kLast) / kLast;
  const auto inverse_scale = (-log_scale).exp();
  const auto below = (level - kHalf - location) * inverse_scale;  // the cell's sides, a < b
  const auto above = (level + kHalf - location) * inverse_scale;
  // σ(b) − σ(a) = σ(b) σ(−a) (1 − e^{a−b}): a product loses no digits far out, as the difference
  // does. An outermost cell has no outer side, and of the product the factor without it.
  const auto first = level.eq(0), last = level.eq(1);
  const auto width = (-torch::expm1(-2 * kHalf * inverse_scale)).log();  // of the last factor
  const auto log_prob = torch::log_sigmoid(above).masked_fill(last, 0) +
                        torch::log_sigmoid(-below).masked_fill(first, 0) +
                        torch::where(first.logical_or(last), torch::zeros_like(width), width);
  return log_prob.sum(-1);
}

torch::Tensor discretised_logistic_log_prob(const torch::Tensor& x, const torch::Tensor& location,
                                            const torch::Tensor& log_scale) {
  const std::vector<torch::Tensor> operands = {x.detach(), location, log_scale};
  if (!ops::fit_density(operands)) {
    return discretised_logistic_log_prob_by_aten(x, location, log_scale);
  }
  return ops::DensityRows<&ops::Kernels::discretised_logistic_log_prob>::apply(
      at::TensorList(operands));
}

}  // namespace clade
