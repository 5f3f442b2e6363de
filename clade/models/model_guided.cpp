// A model whose clusters are told to it: a clustering of the data found elsewhere.
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/model.h"
#include "clade/models/pairs.h"

namespace clade {
namespace {

/// What makes a responsibility of zero a number with a logarithm.
constexpr double kLeastResponsibility = 1e-8;

Categorical as_categorical(const torch::Tensor& responsibilities) {  // [B, K]
  return Categorical(responsibilities.clamp_min(kLeastResponsibility).log());
}

}  // namespace

const Discrete& Model::guided_latent() const {
  if (clusters() > 1) return discrete_[main_discrete()];
  throw Error("the model has no clusters to guide");
}

const std::string& Model::layer_of(const Discrete& cluster) {
  if (!cluster.layer.empty()) return cluster.layer;
  // The latent whose prior is a mixture is generated first, the one that a cluster shapes last.
  return cluster.is_component ? latents().front().name : latents().back().name;
}

const std::string& Model::clustered_layer() {
  return layer_of(guided_latent());
}

torch::Tensor Model::log_cluster_given(const Trace& p, const Posterior& q) {
  const Discrete& guided = guided_latent();
  if (!guided.is_component) return q.at(guided.name).clusters().log_probs();
  const std::string& layer = clustered_layer();
  return as_mixture(p.at(layer)).component_given(q.at(layer).value).log_probs();
}

Bound Model::guided_bound(const torch::Tensor& x, const torch::Tensor& responsibilities,
                          Generator& generator, int64_t samples, Guidance guidance) {
  const Discrete& guided = guided_latent();
  const bool told = guidance == Guidance::told && !guided.is_component;
  const Categorical r = as_categorical(responsibilities);
  auto q = posterior(is_training() ? Clusters::estimated : Clusters::every, samples, generator);
  if (told) {
    const auto drawn = r.sample(generator, std::max<int64_t>(samples, 1));  // [S, B]
    q.observe(guided.name, samples > 0 ? drawn : drawn.squeeze(0));
  }
  infer(q, x);
  Replay p(q, x);
  generate(p);
  // Told, no cluster follows from a draw: the closed form loosens nothing.
  Bound bound = bound_over(p, q, x, told ? averaged_latent() : averaged_in_bound());
  for (Term& term : bound.terms) {
    // So far −log p(y) of the draw.
    if (told && term.name == "KL(" + guided.name + ")") {
      term.value = term.value - r.entropy();
    }
  }
  const auto hold = -(responsibilities * log_cluster_given(p, q)).sum(-1);
  bound.terms.push_back({"hold", q.expectation(hold), Role::agreement, /*warms_up=*/false});
  return bound;
}

DiagonalGaussian Model::layer_posterior(const torch::Tensor& x, const torch::Tensor& y,
                                        Generator& generator) {
  auto q = posterior(Clusters::likeliest, 0, generator);
  if (!guided_latent().is_component) q.observe(guided_latent().name, y);
  const std::string& layer = clustered_layer();
  run(q, x, layer);
  return std::get<DiagonalGaussian>(q.at(layer).distribution);
}

void Model::start_clusters(const ClusterMoments& moments) {
  // Those of p(z | y), "p_z3_given_y3", or the components of a mixture p(z), "p_z.components".
  const std::string layer = "p_" + clustered_layer();
  for (const auto& item : named_modules()) {
    const auto& [name, module] = item.pair();
    if (auto* per_cluster = module->as<GaussianPerClusterImpl>()) {
      const bool of_layer =
          name.rfind(layer + "_given_", 0) == 0 || name.rfind(layer + ".", 0) == 0;
      if (of_layer) per_cluster->start_from(moments.weight, moments.mean, moments.variance);
    }
    if (auto* mixture = module->as<MixtureConditionalImpl>()) {
      mixture->start_from(moments.weight, moments.mean, moments.variance);
    }
    if (auto* prior = module->as<PriorImpl>()) prior->start_from(moments.weight, moments.x);
  }
}

}  // namespace clade
