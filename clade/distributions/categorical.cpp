#include "clade/distributions/categorical.h"

#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

torch::Tensor one_hot(const torch::Tensor& index, const torch::Tensor& like) {  // [...] -> [..., K]
  auto y = torch::zeros_like(like);
  return y.scatter_(-1, index.unsqueeze(-1), 1);
}

// Gumbel noise of the shape of `like`; the floor keeps log(0) out.
torch::Tensor gumbel(const torch::Tensor& like, Generator& generator) {
  torch::NoGradGuard no_grad;
  auto u = torch::empty_like(like, at::MemoryFormat::Contiguous).uniform_(0, 1, generator);
  return -(-u.clamp_min(1e-20).log()).clamp_min(1e-20).log();
}

}  // namespace

Categorical::Categorical(const torch::Tensor& logits)
    : log_probs_(torch::log_softmax(logits, -1)) {}

torch::Tensor Categorical::log_prob(const torch::Tensor& y) const {
  return (y * log_probs_).sum(-1);
}

torch::Tensor Categorical::entropy() const {
  return -(probs() * log_probs_).sum(-1);
}

torch::Tensor Categorical::sample(Generator& generator, int64_t samples) const {
  torch::NoGradGuard no_grad;
  auto shape = log_probs_.sizes().vec();
  shape.insert(shape.begin(), samples);
  const auto log_probs = log_probs_.expand(shape);
  // The largest of log-probability plus Gumbel noise is an exact draw (Gumbel-max), on any device.
  return one_hot((log_probs + gumbel(log_probs, generator)).argmax(-1), log_probs);
}

RelaxedCategorical::RelaxedCategorical(const Categorical& base, double temperature)
    : log_probs_(base.log_probs()), temperature_(temperature) {}

torch::Tensor RelaxedCategorical::rsample(Generator& generator, bool straight_through) const {
  const auto relaxed =
      torch::softmax((log_probs_ + gumbel(log_probs_, generator)) / temperature_, -1);
  if (!straight_through) return relaxed;
  return one_hot(relaxed.argmax(-1), relaxed).detach() + relaxed - relaxed.detach();
}

torch::Tensor kl(const Categorical& q, const Categorical& p) {
  return (q.probs() * (q.log_probs() - p.log_probs())).sum(-1);
}

torch::Tensor kl_to_uniform(const Categorical& q) {
  return std::log(static_cast<double>(q.clusters())) - q.entropy();
}

torch::Tensor every_cluster(int64_t clusters, const torch::TensorOptions& options) {
  return torch::eye(clusters, options).unsqueeze(1);
}

}  // namespace clade
