#pragma once
// Inside this room: densities and divergences of rows whose operands broadcast.
#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <vector>

#include "clade/ops/rows.h"

namespace clade::ops {

/// The operands of one call, and the sizes of the result.
struct DensityOperands {
  explicit DensityOperands(at::TensorList tensors) : lead(leading(tensors[0].sizes())) {
    for (const auto& t : tensors) lead = at::infer_size(lead, leading(t.sizes()));
    for (const auto& t : tensors) {
      all.emplace_back(t, lead);
      rows.push_back(all.back().rows());
    }
  }

  std::vector<int64_t> lead;
  std::vector<Operand> all;
  std::vector<Rows> rows;
};

/// Whether the kernels can read them: float32 on the CPU, of one width.
inline bool fit_density(at::TensorList operands) {
  for (const auto& t : operands) {
    if (!is_cpu_float(t) || t.size(-1) != operands[0].size(-1)) return false;
  }
  return true;
}

/// The one called `density` among the kernels, of operands that fit_density() -> [...].
template <RowDensity Kernels::*density>
struct DensityRows : torch::autograd::Function<DensityRows<density>> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, at::TensorList operands) {
    const DensityOperands in(operands);
    const int64_t width = operands[0].size(-1);
    auto out = torch::empty(in.lead, operands[0].options());
    auto* data = out.template data_ptr<float>();
    const auto kernel = (kernels().*density).forward;
    parallel_for(out.numel(), grain(width), [&](int64_t begin, int64_t end) {
      kernel(in.rows.data(), width, begin, end, data);
    });
    context->save_for_backward({operands.begin(), operands.end()});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const DensityOperands in(saved);
    const int64_t width = saved[0].size(-1);
    const auto g = gradients[0].contiguous();
    const auto* g_data = g.template data_ptr<float>();
    std::vector<torch::Tensor> own;       // gradients of operands that are not broadcast
    std::vector<PartSums<float>> shared;  // of those that are
    for (size_t i = 0; i < saved.size(); ++i) {
      const bool needed = saved[i].requires_grad(), broadcast = in.all[i].broadcast();
      own.push_back(needed && !broadcast ? torch::empty_like(in.all[i].values()) : torch::Tensor());
      shared.emplace_back(needed && broadcast ? saved[i].numel() : 0);
    }
    const std::vector<int32_t> first_row(static_cast<size_t>(g.numel()));
    const auto kernel = (kernels().*density).backward;
    parallel_for(g.numel(), grain(width), [&](int64_t begin, int64_t end) {
      std::vector<float> unneeded(static_cast<size_t>(width));
      std::vector<Sink> sinks;
      for (size_t i = 0; i < own.size(); ++i) {
        if (own[i].defined()) {
          sinks.push_back({own[i].template data_ptr<float>(), nullptr});
        } else if (saved[i].requires_grad()) {
          sinks.push_back({shared[i].mine(), in.all[i].row().data()});
        } else {
          sinks.push_back({unneeded.data(), first_row.data()});
        }
      }
      kernel(g_data, in.rows.data(), width, begin, end, sinks.data());
    });
    torch::autograd::variable_list out;
    for (size_t i = 0; i < own.size(); ++i) {
      const auto shape = saved[i].sizes();
      if (own[i].defined()) {
        out.push_back(own[i].view(shape));
      } else if (saved[i].requires_grad()) {
        out.push_back(tensor_of(shared[i], shape, torch::kFloat32));
      } else {
        out.emplace_back();
      }
    }
    return out;
  }
};

}  // namespace clade::ops
