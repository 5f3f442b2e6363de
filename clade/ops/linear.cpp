#include "clade/ops/linear.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include "clade/ops/gemm.h"
#include "clade/ops/rows.h"

namespace clade {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Linear : torch::autograd::Function<Linear> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight,
                               const c10::optional<torch::Tensor>& given_bias, at::ScalarType out) {
    const auto bias = given_bias.value_or(torch::Tensor());
    const auto type = activation_type();
    const auto rows = x.reshape({-1, x.size(-1)}).to(type).contiguous();  // [N, in]
    const auto w = weight.to(type).contiguous();                          // [out, in]
    auto shape = x.sizes().vec();
    shape.back() = w.size(0);
    auto y = torch::empty({rows.size(0), w.size(0)}, rows.options().dtype(out));
    ops::gemm(y, rows, w.t(), bias);
    context->save_for_backward({rows, w});
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["x"] = x.requires_grad();
    context->saved_data["x_type"] = static_cast<int64_t>(x.scalar_type());
    context->saved_data["weight"] = weight.requires_grad();
    context->saved_data["bias"] = bias.defined() && bias.requires_grad();
    return y.view(shape);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& rows = saved[0];
    const auto& w = saved[1];
    const auto g = gradients[0].reshape({-1, w.size(0)}).contiguous();
    const auto narrow = g.to(rows.scalar_type());  // [N, out]
    torch::Tensor to_x, to_weight, to_bias;
    if (context->saved_data["x"].toBool()) {
      const auto type = static_cast<at::ScalarType>(context->saved_data["x_type"].toInt());
      to_x = torch::empty(rows.sizes(), rows.options().dtype(type));
      ops::gemm(to_x, narrow, w);
      to_x = to_x.view(context->saved_data["shape"].toIntVector());
    }
    if (context->saved_data["weight"].toBool()) {
      to_weight = torch::empty(w.sizes(), w.options().dtype(torch::kFloat32));
      ops::gemm(to_weight, narrow.t(), rows);
    }
    if (context->saved_data["bias"].toBool()) to_bias = ops::column_sums(g);
    return {to_x, to_weight, to_bias, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor mix_rows(const torch::Tensor& y, const torch::Tensor& table) {
  if (y.is_floating_point()) return torch::matmul(y, table);
  return torch::embedding(table.contiguous(), y);
}

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     at::ScalarType out) {
  if (!x.is_floating_point()) {
    const auto rows = mix_rows(x, weight.t());
    const auto sum = bias.defined() ? rows + bias : rows;
    return sum.scalar_type() == torch::kFloat64 ? sum : sum.to(out);
  }
  if (weight.scalar_type() == torch::kFloat64) return torch::linear(x, weight, bias);
  if (!x.device().is_cpu()) {
    const auto type = activation_type();
    return torch::linear(x.to(type), weight.to(type), bias.defined() ? bias.to(type) : bias)
        .to(out);
  }
  return Linear::apply(x, weight, ops::if_defined(bias), out);
}

}  // namespace clade
