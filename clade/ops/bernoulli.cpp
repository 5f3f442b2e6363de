#include "clade/ops/bernoulli.h"

#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include "clade/ops/rows.h"

namespace clade {
namespace {

using ops::Operand;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct BernoulliLogProb : torch::autograd::Function<BernoulliLogProb> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& logits,
                               const torch::Tensor& x) {
    const auto lead = ops::leading(logits.sizes());
    const int64_t width = logits.size(-1);
    const Operand l(logits, lead);
    const Operand bits(x, lead);
    auto out = torch::empty(lead, logits.options().dtype(torch::kFloat32));
    auto* data = out.data_ptr<float>();
    ops::parallel_rows(out.numel(), width, [&](int64_t begin, int64_t end, float* scratch) {
      ops::kernels().bernoulli_forward(l.rows(), bits.rows(), width, begin, end, data, scratch);
    });
    context->save_for_backward({logits, x});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto lead = ops::leading(saved[0].sizes());
    const int64_t width = saved[0].size(-1);
    const Operand l(saved[0], lead);
    const Operand bits(saved[1], lead);
    const auto g = gradients[0].contiguous();
    const auto* g_data = g.data_ptr<float>();
    auto out = torch::empty(saved[0].sizes(), saved[0].options());
    void* data = out.data_ptr();
    const bool bf16 = out.scalar_type() == torch::kBFloat16;
    ops::parallel_rows(g.numel(), width, [&](int64_t begin, int64_t end, float* scratch) {
      ops::kernels().bernoulli_backward(g_data, l.rows(), bits.rows(), width, begin, end, data,
                                        bf16, scratch);
    });
    return {out, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor bernoulli_log_prob_by_aten(const torch::Tensor& logits, const torch::Tensor& x) {
  const auto l = logits.scalar_type() == torch::kFloat64 ? logits : logits.to(torch::kFloat32);
  return (x * l - torch::softplus(l)).sum(-1);
}

torch::Tensor bernoulli_log_prob(const torch::Tensor& logits, const torch::Tensor& x) {
  // A width of 1 would broadcast, too, but the kernels read rows of the logits' width.
  const bool x_fits = x.dim() > 0 && x.size(-1) == logits.size(-1) && x.numel() <= logits.numel() &&
                      !x.requires_grad() && ops::fits_kernels(x);
  if (!x_fits || !ops::fits_kernels(logits) ||
      at::infer_size(logits.sizes(), x.sizes()) != logits.sizes()) {
    return bernoulli_log_prob_by_aten(logits, x);
  }
  return BernoulliLogProb::apply(logits, x);
}

}  // namespace clade
