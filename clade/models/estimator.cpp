#include "clade/models/estimator.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace clade {
namespace {

ClusterDraws sum_and_sample(const Categorical& q_y, int64_t summed, Generator& generator) {
  const auto log_probs = q_y.log_probs();                                 // [(S,) B, K]
  const auto largest = std::get<1>(log_probs.detach().topk(summed, -1));  // [(S,) B, m]
  const auto taken = torch::zeros_like(log_probs, torch::kBool).scatter_(-1, largest, true);
  const Categorical others(
      log_probs.detach().masked_fill(taken, -std::numeric_limits<double>::infinity()));
  const auto drawn = others.sample(generator, 1);  // [1, (S,) B]
  const auto probs = q_y.probs();
  const auto rest = probs.masked_fill(taken, 0).sum(-1);  // [(S,) B]
  return {torch::cat({largest.movedim(-1, 0), drawn}),
          torch::cat({probs.gather(-1, largest).movedim(-1, 0), rest.unsqueeze(0)}),
          q_y.log_prob(drawn[0])};
}

// For each of the samples, [(K…,) S, B, K], if it comes as one for all, [(K…, 1,) B, K].
Categorical for_each_of(int64_t samples, const Categorical& q_y) {
  const auto log_probs = q_y.log_probs();
  if (log_probs.dim() == 2) return q_y.repeated(samples);
  if (log_probs.size(-3) == samples) return q_y;
  auto shape = log_probs.sizes().vec();
  shape[shape.size() - 3] = samples;
  return Categorical(log_probs.expand(shape));
}

}  // namespace

std::vector<Option> EstimatorOptions::options() {
  return {
      {"estimator", &kind, any_of({"exact", "gumbel", "sum_and_sample"}),
       "how training takes the expectation over clusters: exact sums all K (cost grows with K); "
       "sum_and_sample sums the largest and draws one of the others, unbiased (cost does not); "
       "gumbel draws one relaxed cluster (cost does not)"},
      {"summed_clusters", &summed_clusters, at_least(1),
       "of sum_and_sample: how many clusters are summed"},
      {"temperature", &temperature, above(0), "Gumbel-Softmax temperature of the first epoch"},
      {"temperature_floor", &temperature_floor, above(0), "the temperature never falls below this"},
      {"temperature_rate", &temperature_rate, at_least(0),
       "epoch e multiplies the temperature by exp(-rate e)"},
      {"straight_through", &straight_through,
       "Gumbel-Softmax: one-hot cluster forward, relaxed gradient backward"},
      {"weigh_statistics", &weigh_statistics,
       "whether a batch norm counts each pair of a point and a cluster by q(y|x); if not, all K "
       "pairs alike, though most have next to no probability. No gradient passes through the "
       "counts"},
  };
}

void Estimator::begin_epoch(int64_t epoch) {
  // The product of exp(−rate·e) over the epochs so far, so that it needs no state of its own.
  const double exponent = 0.5 * static_cast<double>(epoch) * static_cast<double>(epoch + 1);
  temperature_ = std::max(options_.temperature_floor,
                          options_.temperature * std::exp(-options_.temperature_rate * exponent));
}

torch::Tensor ClusterDraws::expectation(const torch::Tensor& f, int64_t trailing) const {
  if (f.dim() - trailing < weight.dim()) return f;
  if (f.size(0) == 1 && weight.size(0) > 1) return f.squeeze(0);
  const auto over_all = [trailing](torch::Tensor of_points) {  // as wide as f
    for (int64_t i = 0; i < trailing; ++i) of_points = of_points.unsqueeze(-1);
    return of_points;
  };
  const auto weights = over_all(weight);
  if (!log_q_drawn.defined()) return (weights * f).sum(0);
  const int64_t last = weight.size(0) - 1;
  const auto summed = (weights.slice(0, 0, last) * f.slice(0, 0, last)).sum(0);  // [B, ...]
  const auto rest = weights[last];                                               // q(not summed)
  const auto rest_now = rest.detach();
  // Σ_rest ∇q_k f_k = E_rest[q(rest) ∇log q_k f_k]; what the summed clusters give on average stands
  // in for f as far as it can, b ∇q(rest) + E_rest[q(rest) ∇log q_k (f_k − b)], for less variance.
  const auto baseline = (summed / weights.slice(0, 0, last).sum(0)).detach();
  const auto log_q = over_all(log_q_drawn);
  const auto score = log_q - log_q.detach();  // zero, with the gradient of log q
  return summed + rest_now * f[last] + baseline * (rest - rest_now) +
         rest_now * (f[last].detach() - baseline) * score;
}

ClusterDraws Estimator::draw(const Categorical& one, bool training, int64_t samples,
                             Generator& generator) const {
  const bool every =
      !training || options_.kind == "exact" ||
      (options_.kind == "sum_and_sample" && options_.summed_clusters + 1 >= one.clusters());
  if (every) {
    return {
        every_cluster(one.clusters(), one.log_probs().device()), one.probs().movedim(-1, 0), {}};
  }
  const Categorical q_y = samples > 0 ? for_each_of(samples, one) : one;
  if (!relaxes()) return sum_and_sample(q_y, options_.summed_clusters, generator);
  const RelaxedCategorical relaxed(q_y, temperature_);
  return {relaxed.rsample(generator, options_.straight_through).unsqueeze(0),
          torch::ones({1, 1}, q_y.log_probs().options()),
          {}};
}

}  // namespace clade
