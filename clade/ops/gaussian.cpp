#include "clade/ops/gaussian.h"

#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "clade/ops/rows.h"

namespace clade {
namespace {

using ops::Operand;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const double kLog2Pi = std::log(2 * std::numbers::pi);

// The operands of one call, and the sizes of the result.
struct Operands {
  explicit Operands(at::TensorList tensors) : lead(ops::leading(tensors[0].sizes())) {
    for (const auto& t : tensors) lead = at::infer_size(lead, ops::leading(t.sizes()));
    for (const auto& t : tensors) {
      all.emplace_back(t, lead);
      rows.push_back(all.back().rows());
    }
  }

  std::vector<int64_t> lead;
  std::vector<Operand> all;
  std::vector<ops::Rows> rows;
};

// One row of a density or divergence at a time; which one, the kernels say.
struct GaussianRows : torch::autograd::Function<GaussianRows> {
  static torch::Tensor forward(AutogradContext* context, at::TensorList operands, bool kl) {
    const Operands in(operands);
    const int64_t width = operands[0].size(-1);
    auto out = torch::empty(in.lead, operands[0].options());
    auto* data = out.data_ptr<float>();
    const auto kernel = kl ? ops::kernels().gaussian_kl : ops::kernels().gaussian_log_prob;
    parallel_for(out.numel(), ops::grain(width), [&](int64_t begin, int64_t end) {
      kernel(in.rows.data(), width, begin, end, data);
    });
    context->save_for_backward({operands.begin(), operands.end()});
    context->saved_data["kl"] = kl;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Operands in(saved);
    const int64_t width = saved[0].size(-1);
    const auto g = gradients[0].contiguous();
    const auto* g_data = g.data_ptr<float>();
    std::vector<torch::Tensor> own;            // gradients of operands that are not broadcast
    std::vector<ops::PartSums<float>> shared;  // of those that are
    for (const Operand& operand : in.all) {
      own.push_back(operand.broadcast() ? torch::Tensor() : torch::empty_like(operand.values()));
      shared.emplace_back(operand.broadcast() ? operand.values().numel() : 0);
    }
    const auto kernel = context->saved_data["kl"].toBool()
                            ? ops::kernels().gaussian_kl_backward
                            : ops::kernels().gaussian_log_prob_backward;
    parallel_for(g.numel(), ops::grain(width), [&](int64_t begin, int64_t end) {
      std::vector<ops::Sink> sinks;
      for (size_t i = 0; i < own.size(); ++i) {
        if (own[i].defined()) {
          sinks.push_back({own[i].data_ptr<float>(), nullptr});
        } else {
          sinks.push_back({shared[i].mine(), in.all[i].row().data()});
        }
      }
      kernel(g_data, in.rows.data(), width, begin, end, sinks.data());
    });
    variable_list out;
    for (size_t i = 0; i < own.size(); ++i) {
      const auto shape = saved[i].sizes();
      out.push_back(own[i].defined() ? own[i].view(shape)
                                     : ops::tensor_of(shared[i], shape, torch::kFloat32));
    }
    out.emplace_back();
    return out;
  }
};

bool fit(at::TensorList operands) {
  for (const auto& t : operands) {
    if (!ops::is_cpu_float(t) || t.size(-1) != operands[0].size(-1)) return false;
  }
  return true;
}

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
  if (!fit(operands)) return gaussian_log_prob_per_unit(z, mean, log_variance).sum(-1);
  return GaussianRows::apply(at::TensorList(operands), /*kl=*/false);
}

torch::Tensor gaussian_kl(const torch::Tensor& q_mean, const torch::Tensor& q_log_variance,
                          const torch::Tensor& p_mean, const torch::Tensor& p_log_variance) {
  const std::vector<torch::Tensor> operands = {q_mean, q_log_variance, p_mean, p_log_variance};
  if (!fit(operands)) {
    return gaussian_kl_per_unit(q_mean, q_log_variance, p_mean, p_log_variance).sum(-1);
  }
  return GaussianRows::apply(at::TensorList(operands), /*kl=*/true);
}

}  // namespace clade
