#include "clade/ops/gaussian.h"

#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "clade/ops/density_rows.h"

namespace clade {
namespace {

using ops::DensityRows;
using ops::Kernels;

const double kLog2Pi = std::log(2 * std::numbers::pi);

}  // namespace

torch::Tensor gaussian_log_prob_per_unit(const torch::Tensor& z, const torch::Tensor& mean,
                                         const torch::Tensor& log_variance) {
  return -0.5 * (log_variance + kLog2Pi + (z - mean).square() * (-log_variance).exp());
}

torch::Tensor gaussian_kl_per_unit(const torch::Tensor& q_mean, const torch::Tensor& q_log_variance,
                                   const torch::Tensor& p_mean,
                                   const torch::Tensor& p_log_variance) {
  const auto log_ratio = q_log_variance - p_log_variance;
  const auto distance = (q_mean - p_mean).square() * (-p_log_variance).exp();
  return 0.5 * (log_ratio.exp() + distance - 1 - log_ratio);
}

torch::Tensor gaussian_log_prob(const torch::Tensor& z, const torch::Tensor& mean,
                                const torch::Tensor& log_variance) {
  const std::vector<torch::Tensor> operands = {z, mean, log_variance};
  if (!ops::fit_density(operands)) return gaussian_log_prob_per_unit(z, mean, log_variance).sum(-1);
  return DensityRows<&Kernels::gaussian_log_prob>::apply(at::TensorList(operands));
}

torch::Tensor gaussian_kl(const torch::Tensor& q_mean, const torch::Tensor& q_log_variance,
                          const torch::Tensor& p_mean, const torch::Tensor& p_log_variance) {
  const std::vector<torch::Tensor> operands = {q_mean, q_log_variance, p_mean, p_log_variance};
  if (!ops::fit_density(operands)) {
    return gaussian_kl_per_unit(q_mean, q_log_variance, p_mean, p_log_variance).sum(-1);
  }
  return DensityRows<&Kernels::gaussian_kl>::apply(at::TensorList(operands));
}

}  // namespace clade
