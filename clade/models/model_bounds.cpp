// The bounds of a model and its importance weights, from its two programs.
#include <torch/torch.h>

#include "clade/models/model.h"
#include "clade/models/pairs.h"
#include "clade/nets/batch_norm.h"

namespace clade {
namespace {

torch::Tensor closed_kl(const Pair& pair) {
  if (pair.p.uniform) return kl_to_uniform(pair.q.clusters());
  if (pair.p.is_cluster()) return kl(pair.q.clusters(), pair.p.clusters());
  const auto& q = std::get<DiagonalGaussian>(pair.q.distribution);
  if (const auto* p = std::get_if<DiagonalGaussian>(&pair.p.distribution)) return kl(q, *p);
  return kl(q, as_mixture(pair.p), pair.q.value);
}

Term divergence(const Site& p, const torch::Tensor& value) {
  return {divergence_of(p.name), value, Role::divergence, p.warms_up, p.floor};
}

Term reconstruction(const Trace& p, const torch::Tensor& log_prob) {
  return {"log p(" + p.data_name() + ")", log_prob};
}

// The same, with a gradient that is multiplied by `scale`, [S, B]. value: [S, B] or [S, B, d].
torch::Tensor with_gradient_times(const torch::Tensor& scale, const torch::Tensor& value) {
  const auto same = value.view_as(value);
  if (!same.requires_grad()) return same;
  same.register_hook([scale](const torch::Tensor& gradient) {
    return gradient * (gradient.dim() > scale.dim() ? scale.unsqueeze(-1) : scale);
  });
  return same;
}

// log q of a draw. `densities`, if given, states the same latents over the same draws, through
// which no gradient passes: what reaches the parameters of q from there is the gradient of the
// densities alone, which is taken away. What is left comes through the draws.
torch::Tensor log_q(const Site& site, const std::optional<Replay>& densities,
                    const torch::Tensor& path_scale) {
  const auto value = site.log_prob(site.value);
  if (!densities) return value;
  const auto density = densities->at(site.name).log_prob(site.value.detach());
  return with_gradient_times(path_scale, value - (density - density.detach()));
}

}  // namespace

Bound Model::bound(const torch::Tensor& x, Generator& generator, int64_t samples) {
  auto q = posterior(is_training() ? Clusters::estimated : Clusters::every, samples, generator);
  return bound_over(q, x, averaged_in_bound());
}

std::optional<Bound> Model::looser_bound(const torch::Tensor& x, Generator& generator) {
  if (averaged_latent().empty()) return {};
  auto q = posterior(Clusters::every, 0, generator);
  return bound_over(q, x, averaged_latent());
}

std::optional<Bound> Model::relaxed_bound(const torch::Tensor& x, Generator& generator) {
  if (!relaxes()) return {};
  auto q = posterior(Clusters::estimated, 0, generator);
  return bound_over(q, x);
}

Bound Model::labelled_bound(const torch::Tensor& x, const torch::Tensor& y, Generator& generator) {
  const std::string& name = discrete_.front().name;
  auto q = posterior(is_training() ? Clusters::estimated : Clusters::every, 0, generator);
  q.observe(name, y);
  Bound bound = bound_over(q, x);
  bound.terms.push_back({"H(q(" + name + "|x))", -q.at(name).log_prob(y), Role::classification});
  return bound;
}

Bound Model::bound_over(Posterior& q, const torch::Tensor& x, const std::string& averaged) {
  infer(q, x);
  Replay p(q, x);
  generate(p);
  return bound_over(p, q, x, averaged);
}

Bound Model::bound_over(const Trace& p, const Posterior& q, const torch::Tensor& x,
                        const std::string& averaged) const {
  Bound bound{{reconstruction(p, q.expectation(p.p_x().log_prob(x)))}};
  for (const Pair& pair : pairs(p, q)) {
    if (q.is_observed(pair.p.name)) {
      bound.terms.push_back(divergence(pair.p, -q.expectation(pair.p.log_prob(pair.q.value))));
    } else if (pair.closed_form || pair.p.name == averaged) {
      bound.terms.push_back(divergence(pair.p, q.expectation(closed_kl(pair))));
    } else {
      const auto& z = pair.q.value;
      bound.terms.push_back(divergence(
          pair.p, q.expectation(pair.q.log_prob(z)) - q.expectation(pair.p.log_prob(z))));
    }
  }
  return bound;
}

Draws Model::log_weights(const torch::Tensor& x, const WeightOptions& how) {
  auto cache = std::make_shared<OnceCache>();
  return [this, x, how, cache](int64_t samples, Generator& generator) {
    // With a posterior by Bayes' rule one draw says as much as all clusters.
    const bool estimated =
        is_training() && decodings() > 1 && (relaxes() || !clusters_follow_from_latents());
    const auto clusters = how.sum_clusters ? Clusters::every
                          : estimated      ? Clusters::estimated
                                           : Clusters::drawn;
    auto q = posterior(clusters, samples, generator, cache.get());
    return weights_over(q, x, how, cache.get());
  };
}

Bound Model::weights_over(Posterior& q, const torch::Tensor& x, const WeightOptions& how,
                          OnceCache* cache) {
  infer(q, x);
  Replay::Values draws = values_of(q, x);
  std::optional<Replay> densities;
  if (how.path_scale.defined()) {
    Replay::Values fixed = draws;
    for (auto& [name, value] : fixed) value = value.detach();
    densities.emplace(std::move(fixed), like(), cache);
    const StatisticsScope scope(Statistics::kept);  // those of the same points are in already
    infer(*densities, x);
    for (auto& [name, value] : draws) value = with_gradient_times(how.path_scale, value);
  }
  Replay p(q, std::move(draws), cache);
  generate(p);
  if (!how.sum_clusters) {
    Bound bound{{reconstruction(p, q.expectation_over_drawn(p.p_x().log_prob(x)))}, q.share_of_x()};
    for (const Pair& pair : pairs(p, q)) {
      bound.terms.push_back(
          divergence(pair.p, q.expectation_over_drawn(log_q(pair.q, densities, how.path_scale)) -
                                 q.expectation_over_drawn(pair.p.log_prob(pair.p.value))));
    }
    return bound;
  }
  auto log_w = p.p_x().log_prob(x);  // [K…, S, B]
  for (const Pair& pair : pairs(p, q)) {
    log_w = log_w + pair.p.log_prob(pair.p.value);
    if (!pair.q.is_cluster()) log_w = log_w - log_q(pair.q, densities, how.path_scale);
  }
  for (int64_t i = 0; i < q.enumerated(); ++i) log_w = torch::logsumexp(log_w, 0);
  // If no continuous latent is drawn, all S weights are the same.
  return {{{"log w", log_w.expand({q.samples(), x.size(0)})}}};
}

}  // namespace clade
