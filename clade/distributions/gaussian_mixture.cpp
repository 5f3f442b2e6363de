#include "clade/distributions/gaussian_mixture.h"

#include <ATen/ExpandUtils.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "clade/ops/precision.h"

namespace clade {
namespace {

constexpr int64_t kComponentsAtATime = 16;

// The only component of a mixture of one, [..., D].
DiagonalGaussian only(const GaussianMixture& p) {
  return {p.components().mean().squeeze(-2), p.components().log_variance().squeeze(-2)};
}

// x Wᵀ + b, there and back in float32 whatever the step computes its products in: what cancels in
// its terms would leave TF32 no digits. x: [..., D], W: [M, D], b: [M] -> [..., M].
struct WholeLinear : torch::autograd::Function<WholeLinear> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    const PrecisionScope whole(Precision::fp32);
    context->save_for_backward({x, weight});
    return torch::linear(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const PrecisionScope whole(Precision::fp32);
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1];
    const auto rows = gradients[0].reshape({-1, weight.size(0)});  // [R, M]
    torch::Tensor to_x, to_weight;
    if (x.requires_grad()) to_x = rows.mm(weight).view(x.sizes());
    if (weight.requires_grad()) to_weight = rows.t().mm(x.reshape({-1, x.size(-1)}));
    return {to_x, to_weight, rows.sum(0)};
  }
};

double log_size(const GaussianMixture& p) {
  return std::log(static_cast<double>(p.size()));
}

}  // namespace

GaussianMixture GaussianMixture::of_one(const DiagonalGaussian& gaussian) {
  return GaussianMixture({gaussian.mean().unsqueeze(-2), gaussian.log_variance().unsqueeze(-2)});
}

torch::Tensor GaussianMixture::mean() const {
  return components_.mean().mean(-2);
}

torch::Tensor GaussianMixture::deviation() const {
  const auto apart = (components_.mean() - mean().unsqueeze(-2)).square();  // [..., M, D]
  return (components_.log_variance().exp() + apart).mean(-2).sqrt();
}

torch::Tensor GaussianMixture::log_prob_given_component(const torch::Tensor& z) const {
  if (components_.mean().dim() > 2) return components_.log_prob(z.unsqueeze(-2));
  // The square taken apart, so that all pairs are one matrix product:
  //   −½ Σ p (z − μ)² = Σ (−½ p) z² + Σ (p μ) z − ½ Σ p μ²,   p = 1/σ².
  // Measured from the middle of the means, so that little cancels in float32.
  const auto middle = components_.mean().mean(0).detach();
  const auto mean = components_.mean() - middle;
  const auto precision = (-components_.log_variance()).exp();
  const auto constant = -0.5 * (precision * mean.square() + components_.log_variance() +
                                std::log(2 * std::numbers::pi))
                                   .sum(-1);  // [M]
  const auto centred = z - middle;
  return WholeLinear::apply(torch::cat({centred.square(), centred}, -1),
                            torch::cat({-0.5 * precision, precision * mean}, -1), constant);
}

torch::Tensor GaussianMixture::log_prob(const torch::Tensor& z) const {
  if (size() == 1) return only(*this).log_prob(z);
  return torch::logsumexp(log_prob_given_component(z), -1) - log_size(*this);
}

torch::Tensor GaussianMixture::log_prob_per_unit(const torch::Tensor& z) const {
  if (size() == 1) return only(*this).log_prob_per_unit(z);
  // Some components at a time: all of them at once are M times the memory of z.
  const auto &mean = components_.mean(), &log_variance = components_.log_variance();
  torch::Tensor log_prob;  // of z_1 … z_i, [..., D]
  for (int64_t first = 0; first < size(); first += kComponentsAtATime) {
    const int64_t last = std::min(size(), first + kComponentsAtATime);
    const DiagonalGaussian some(mean.slice(-2, first, last), log_variance.slice(-2, first, last));
    const auto joint = some.log_prob_per_unit(z.unsqueeze(-2)).cumsum(-1);  // [..., m, D]
    const auto sum = torch::logsumexp(joint, -2);
    log_prob = log_prob.defined() ? torch::logaddexp(log_prob, sum) : sum;
  }
  log_prob = log_prob - log_size(*this);
  return torch::cat({log_prob.slice(-1, 0, 1), log_prob.diff(1, -1)}, -1);
}

Categorical GaussianMixture::component_given(const torch::Tensor& z) const {
  return Categorical(log_prob_given_component(z));
}

DiagonalGaussian GaussianMixture::component(const torch::Tensor& m) const {
  const auto of = [&m](const torch::Tensor& all) {  // [..., M, D]
    const bool enumerated = m.dim() == all.dim() - 1 && m.numel() == m.size(0);
    if (enumerated) return all.index_select(-2, m.flatten()).movedim(-2, 0);
    const auto own = all.sizes().slice(0, all.dim() - 2);
    auto one = at::infer_size(m.sizes(), own), every = one;
    one.insert(one.end(), {1, all.size(-1)});
    every.insert(every.end(), {all.size(-2), all.size(-1)});
    const auto index = m.unsqueeze(-1).unsqueeze(-1).expand(one);
    return all.expand(every).gather(-2, index).squeeze(-2);
  };
  return {of(components_.mean()), of(components_.log_variance())};
}

torch::Tensor GaussianMixture::sample(Generator& generator, int64_t n,
                                      std::optional<int64_t> component) const {
  torch::NoGradGuard no_grad;
  const int64_t d = components_.mean().size(-1);
  if (size() == 1) {
    const DiagonalGaussian one = only(*this);
    return DiagonalGaussian(one.mean().expand({n, d}), one.log_variance()).sample(generator);
  }
  const auto device = components_.mean().device();
  const auto m = component
                     ? torch::full({n}, *component, torch::dtype(torch::kInt64).device(device))
                     : random_rows(n, size(), device, generator);
  return DiagonalGaussian(components_.mean().index_select(0, m),
                          components_.log_variance().index_select(0, m))
      .sample(generator);
}

torch::Tensor kl(const DiagonalGaussian& q, const GaussianMixture& p, const torch::Tensor& z) {
  if (p.size() == 1) return kl(q, only(p));
  return q.log_prob(z) - p.log_prob(z);
}

torch::Tensor kl_per_unit(const DiagonalGaussian& q, const GaussianMixture& p,
                          const torch::Tensor& z) {
  if (p.size() == 1) return kl_per_unit(q, only(p));
  return q.log_prob_per_unit(z) - p.log_prob_per_unit(z);
}

}  // namespace clade
