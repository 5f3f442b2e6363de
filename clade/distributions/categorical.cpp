#include "clade/distributions/categorical.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/ops/noise.h"

namespace clade {
namespace {

// Gumbel noise of the shape of `like`; the floor keeps log(0) out.
torch::Tensor gumbel(const torch::Tensor& like, Generator& generator) {
  torch::NoGradGuard no_grad;
  const auto u = draw_uniforms(like.sizes(), like, generator);
  return -(-u.clamp_min(1e-20).log()).clamp_min(1e-20).log();
}

}  // namespace

Categorical::Categorical(const torch::Tensor& logits)
    : log_probs_(torch::log_softmax(logits, -1)) {}

torch::Tensor Categorical::log_prob(const torch::Tensor& y) const {
  if (y.is_floating_point()) return (y * log_probs_).sum(-1);
  auto shape = at::infer_size(y.sizes(), log_probs_.sizes().slice(0, log_probs_.dim() - 1));
  const auto index = y.expand(shape).unsqueeze(-1);
  shape.push_back(clusters());
  return log_probs_.expand(shape).gather(-1, index).squeeze(-1);
}

torch::Tensor Categorical::entropy() const {
  return -(probs() * log_probs_).sum(-1);
}

torch::Tensor Categorical::sample(Generator& generator, int64_t samples) const {
  torch::NoGradGuard no_grad;
  // Where a uniform number falls in the cumulative distribution. That ends in exactly 1, above
  // every such number, so that a category of no probability is never drawn.
  const auto sums = probs().cumsum(-1);
  const auto cumulative = (sums / sums.slice(-1, -1)).contiguous();
  auto shape = log_probs_.sizes().vec();
  shape.back() = samples;
  const auto u = draw_uniforms(shape, log_probs_, generator).contiguous();
  const auto index =
      torch::searchsorted(cumulative, u, /*out_int32=*/false, /*right=*/true, "right");
  return index.clamp_max(clusters() - 1).movedim(-1, 0);
}

Categorical Categorical::repeated(int64_t times) const {
  auto shape = log_probs_.sizes().vec();
  shape.insert(shape.begin(), times);
  return Categorical(log_probs_.expand(shape));
}

RelaxedCategorical::RelaxedCategorical(const Categorical& base, double temperature)
    : log_probs_(base.log_probs()), temperature_(temperature) {}

torch::Tensor RelaxedCategorical::rsample(Generator& generator, bool straight_through) const {
  const auto relaxed =
      torch::softmax((log_probs_ + gumbel(log_probs_, generator)) / temperature_, -1);
  if (!straight_through) return relaxed;
  const auto one_hot =
      torch::zeros_like(relaxed).scatter_(-1, relaxed.argmax(-1, /*keepdim=*/true), 1);
  return one_hot + (relaxed - relaxed.detach());  // of which the second is exactly 0
}

torch::Tensor kl(const Categorical& q, const Categorical& p) {
  return (q.probs() * (q.log_probs() - p.log_probs())).sum(-1);
}

torch::Tensor kl_to_uniform(const Categorical& q) {
  return std::log(static_cast<double>(q.clusters())) - q.entropy();
}

torch::Tensor every_cluster(int64_t clusters, const torch::Device& device) {
  return torch::arange(clusters, torch::dtype(torch::kInt64).device(device)).unsqueeze(1);
}

}  // namespace clade
