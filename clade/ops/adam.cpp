#include "clade/ops/adam.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/ops/rows.h"

namespace clade {
namespace {

bool fit_kernels(const GradientPieces& gradient) {
  for (const auto& [values, size] : gradient) {
    if (values.defined() && !(ops::is_cpu_float(values) && values.is_contiguous())) return false;
  }
  return true;
}

torch::Tensor in_one(const GradientPieces& gradient, const torch::Tensor& like) {  // [P]
  std::vector<torch::Tensor> parts;
  for (const auto& [values, size] : gradient) {
    parts.push_back(values.defined() ? values.reshape(-1) : torch::zeros({size}, like.options()));
  }
  return parts.size() == 1 ? parts[0] : torch::cat(parts);
}

}  // namespace

torch::Tensor norm_of(const GradientPieces& gradient) {
  if (!fit_kernels(gradient)) {
    std::vector<torch::Tensor> norms;
    for (const auto& [values, size] : gradient) {
      if (values.defined()) norms.push_back(values.norm());
    }
    return norms.size() == 1 ? norms[0] : torch::stack(norms).norm();
  }
  double total = 0;
  for (const auto& [values, size] : gradient) {
    if (!values.defined()) continue;
    const auto* data = values.data_ptr<float>();
    ops::PartSums<double> sums(1);
    parallel_for(size, ops::grain(1), [&](int64_t begin, int64_t end) {
      *sums.mine() = ops::kernels().sum_of_squares(data + begin, end - begin);
    });
    total += *sums.total();
  }
  return torch::scalar_tensor(std::sqrt(total), torch::kFloat32);
}

void adam_step(const AdamConstants& constants, const GradientPieces& gradient,
               const torch::Tensor& scale, const torch::Tensor& values, const torch::Tensor& first,
               const torch::Tensor& second) {
  torch::NoGradGuard no_grad;
  if (!fit_kernels(gradient) || !ops::is_cpu_float(values)) {
    return adam_step_by_aten(constants, gradient, scale, values, first, second);
  }
  const ops::AdamStep step{static_cast<float>(constants.beta1), static_cast<float>(constants.beta2),
                           static_cast<float>(constants.epsilon), constants.rate.item<float>(),
                           constants.root_correction.item<float>()};
  const auto factor = scale.item<float>();
  auto* v = values.data_ptr<float>();
  auto* m1 = first.data_ptr<float>();
  auto* m2 = second.data_ptr<float>();
  for (const auto& [piece, size] : gradient) {
    const auto zeros = piece.defined() ? torch::Tensor() : torch::zeros({size}, values.options());
    const auto* g = (piece.defined() ? piece : zeros).data_ptr<float>();
    parallel_for(size, ops::grain(1), [&](int64_t begin, int64_t end) {
      ops::kernels().adam(step, factor, g + begin, v + begin, m1 + begin, m2 + begin, end - begin);
    });
    v += size;
    m1 += size;
    m2 += size;
  }
}

void adam_step_by_aten(const AdamConstants& constants, const GradientPieces& gradient,
                       const torch::Tensor& scale, const torch::Tensor& values,
                       const torch::Tensor& first, const torch::Tensor& second) {
  torch::NoGradGuard no_grad;
  const auto g = in_one(gradient, values) * scale;
  first.mul_(constants.beta1).add_(g, 1 - constants.beta1);
  second.mul_(constants.beta2).addcmul_(g, g, 1 - constants.beta2);
  const auto denominator = second.sqrt().div_(constants.root_correction).add_(constants.epsilon);
  values.sub_(first / denominator * constants.rate);
}

}  // namespace clade
