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

const Discrete& Model::discrete_called(const std::string& name) const {
  if (const Discrete* found = find_discrete(name)) return *found;
  throw Error("the model has no clusters called \"" + name + "\" to guide");
}

const std::string& Model::layer_of(const Discrete& cluster) {
  if (!cluster.layer.empty()) return cluster.layer;
  // The latent whose prior is a mixture is generated first, the one that a cluster shapes last.
  return cluster.is_component ? latents().front().name : latents().back().name;
}

torch::Tensor Model::log_cluster_given(const Discrete& cluster, const Trace& p,
                                       const Posterior& q) {
  if (!cluster.is_component) return q.at(cluster.name).clusters().log_probs();
  const std::string& layer = layer_of(cluster);
  return as_mixture(p.at(layer)).component_given(q.at(layer).value).log_probs();
}

Bound Model::guided_bound(const torch::Tensor& x, const Responsibilities& responsibilities,
                          Generator& generator, int64_t samples, Guidance guidance) {
  auto q = posterior(is_training() ? Clusters::estimated : Clusters::every, samples, generator);
  std::map<std::string, Categorical> told;  // by the names of their divergences
  for (const auto& [name, r_y] : responsibilities) {
    if (discrete_called(name).is_component || guidance != Guidance::told) continue;
    const Categorical r = as_categorical(r_y);
    const auto drawn = r.sample(generator, std::max<int64_t>(samples, 1));  // [S, B]
    q.observe(name, samples > 0 ? drawn : drawn.squeeze(0));
    told.emplace(divergence_of(name), r);
  }
  infer(q, x);
  Replay p(q, x);
  generate(p);
  // Told, no cluster follows from a draw: the closed form loosens nothing.
  Bound bound = bound_over(p, q, x, told.empty() ? averaged_in_bound() : averaged_latent());
  for (Term& term : bound.terms) {
    const auto r = told.find(term.name);
    if (r != told.end()) term.value = term.value - r->second.entropy();  // so far −log p(y)
  }
  torch::Tensor hold;
  for (const auto& [name, r_y] : responsibilities) {
    const auto own = q.expectation(-(r_y * log_cluster_given(discrete_called(name), p, q)).sum(-1));
    hold = hold.defined() ? hold + own : own;
  }
  bound.terms.push_back({"hold", hold, Role::agreement, /*warms_up=*/false});
  return bound;
}

DiagonalGaussian Model::layer_posterior(const std::string& cluster, const torch::Tensor& x,
                                        const Given& clusters, Generator& generator) {
  auto q = posterior(Clusters::likeliest, 0, generator);
  for (const auto& [name, y] : clusters) {
    if (!discrete_called(name).is_component) q.observe(name, y);
  }
  const std::string& layer = layer_of(discrete_called(cluster));
  run(q, x, layer);
  return std::get<DiagonalGaussian>(q.at(layer).distribution);
}

torch::Tensor Model::layer_alone(const std::string& cluster, const torch::Tensor& x,
                                 const Given& clusters, const std::vector<Given>& others,
                                 Generator& generator) {
  const auto z = layer_posterior(cluster, x, clusters, generator).mean();
  auto sum = torch::zeros_like(x);
  for (Given held : others) {
    held[layer_of(discrete_called(cluster))] = z;
    sum += sample_means(x.size(0), held, generator);
  }
  return sum / static_cast<double>(others.size());
}

void Model::start_clusters(const std::string& cluster, const ClusterMoments& moments) {
  // Those of p(z | y), "p_z3_given_y3", or the components of a mixture p(z), "p_z.components".
  const std::string layer = "p_" + layer_of(discrete_called(cluster));
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
