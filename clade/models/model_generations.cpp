// What a model generates, some latents held fixed or none, from its program `generate`.
#include <torch/torch.h>

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/models/model.h"

namespace clade {
namespace {

constexpr int64_t kResamplingCandidates = 100;
constexpr int64_t kPointsAtATime = 500;  // with as many candidates each
constexpr int64_t kWeightDraws = 10000;

Error no_such_cluster(int64_t cluster, int64_t clusters, const std::string& owner) {
  return Error("cluster " + std::to_string(cluster) + " does not exist: " + owner +
               " has clusters 0 to " + std::to_string(clusters - 1));
}

Error no_such_latent(const std::string& name, const std::map<std::string, int64_t>& sizes) {
  std::vector<std::string> names;
  for (const auto& latent : sizes) names.push_back(latent.first);
  const std::string near = nearest(name, names);
  return Error("the model has no latent \"" + name + "\"; " +
               (near.empty() ? "" : "did you mean " + near + "? ") + "known: " + one_of(names));
}

// value: numbers that broadcast to [n, d].
void check_width(const std::string& name, const torch::Tensor& value, int64_t d) {
  const int64_t width = value.dim() == 0 ? 1 : value.size(-1);
  if (width == 1 || width == d) return;
  throw Error("the latent " + name + " has " + std::to_string(d) +
              " units; give one number for all or one for each, not " + std::to_string(width));
}

}  // namespace

void Model::check(const Given& given) {
  std::map<std::string, int64_t> sizes;
  for (const LatentInfo& latent : latents()) sizes[latent.name] = latent.size;
  for (const Discrete& latent : discrete_) sizes[latent.name] = latent.clusters;
  for (const auto& [name, value] : given) {
    const auto latent = sizes.find(name);
    if (latent == sizes.end()) throw no_such_latent(name, sizes);
    if (find_discrete(name) == nullptr) {
      check_width(name, value, latent->second);
      continue;
    }
    const auto low = value.min().item<int64_t>(), high = value.max().item<int64_t>();
    if (low < 0 || high >= latent->second) {
      throw no_such_cluster(low < 0 ? low : high, latent->second,
                            discrete_.size() > 1 ? name : "the model");
    }
  }
}

std::unique_ptr<Distribution> Model::generations(int64_t n, const Given& given,
                                                 Generator& generator) {
  return generated(n, given, generator)->take_p_x();
}

torch::Tensor Model::draws(const std::string& latent, int64_t n, const Given& given,
                           Generator& generator) {
  return generated(n, given, generator)->at(latent).value;
}

std::unique_ptr<Ancestral> Model::generated(int64_t n, const Given& given, Generator& generator) {
  check(given);
  Given held = given;
  std::string last;  // the last cluster held that anything is drawn before
  bool drawn = false;
  for (const LatentInfo& latent : latents()) {
    if (given.count(latent.name) == 0) {
      drawn = true;
    } else if (latent.is_cluster && drawn) {
      last = latent.name;
    }
  }
  if (!last.empty()) condition(held, last, n, generator);
  auto p = std::make_unique<Ancestral>(n, held, aggregated_posteriors(), generator, like());
  run(*p);
  return p;
}

// Draws what is generated before the cluster called `last` by p(… | the clusters held up to it): of
// many draws from p, one a point is kept by how probable it makes those clusters.
void Model::condition(Given& held, const std::string& last, int64_t n, Generator& generator) {
  std::map<std::string, std::vector<torch::Tensor>> drawn;
  for (int64_t begin = 0; begin < n; begin += kPointsAtATime) {
    const int64_t size = std::min(kPointsAtATime, n - begin);
    Given own = held;
    for (auto& [name, value] : own) {
      if (is_a_row_a_point(name, value, n)) value = value.narrow(0, begin, size);
    }
    const auto upstream = conditioned(own, last, size, generator);
    for (const auto& [name, value] : upstream) drawn[name].push_back(value);
  }
  for (const auto& [name, parts] : drawn) held[name] = torch::cat(parts);
}

// The same of few points: what was drawn for them, [n] or [n, d] each.
Given Model::conditioned(const Given& held, const std::string& last, int64_t n,
                         Generator& generator) {
  constexpr int64_t M = kResamplingCandidates;
  Given upstream = held;
  for (auto& [known, value] : upstream) {
    if (is_a_row_a_point(known, value, n)) value = value.repeat_interleave(M, 0);
  }
  Ancestral p(n * M, upstream, aggregated_posteriors(), generator, like());
  run(p, last);
  torch::Tensor log_p;  // [n·M] of the clusters held
  for (const Site& site : p.sites()) {
    if (!site.is_cluster() || site.uniform || held.count(site.name) == 0) continue;
    const auto y = p.held(site, upstream.at(site.name));
    const auto own = site.log_prob(y);
    log_p = log_p.defined() ? log_p + own : own;
  }
  if (!log_p.defined()) return {};
  const auto choice = Categorical(log_p.view({n, M})).sample(generator, 1).squeeze(0);  // [n]
  const auto rows = choice + torch::arange(n, choice.options()) * M;
  Given drawn;
  for (const Site& site : p.sites()) {
    if (held.count(site.name) == 0) drawn[site.name] = site.value.index_select(0, rows);
  }
  return drawn;
}

// Whether a held value is another for each of n points, and none that all share.
bool Model::is_a_row_a_point(const std::string& name, const torch::Tensor& value, int64_t n) const {
  const int64_t of_all = find_discrete(name) != nullptr ? 0 : 1;
  return value.dim() > of_all && value.size(0) == n;
}

Given Model::others_at_one_draw(const Given& given, Generator& generator) {
  check(given);
  Ancestral p(1, {}, aggregated_posteriors(), generator, like());
  run(p);
  Given others;
  for (const Site& site : p.sites()) others[site.name] = site.value;
  for (const auto& [name, value] : given) {
    others.erase(name);
    if (const Discrete* cluster = find_discrete(name)) others.erase(layer_of(*cluster));
  }
  return others;
}

Given Model::given_cluster(std::optional<int64_t> cluster) const {
  if (!cluster) return {};
  if (discrete_.empty()) {
    if (*cluster == 0) return {};
    throw no_such_cluster(*cluster, 1, "the model");
  }
  return {{discrete_[main_discrete()].name, torch::tensor(*cluster)}};
}

torch::Tensor Model::cluster_weights(size_t latent, Generator& generator) {
  const auto& stored = aggregated_posterior(latent);
  if (discrete_.empty() || discrete_[latent].is_component) {
    return torch::full_like(stored, 1.0 / static_cast<double>(stored.numel()));
  }
  Ancestral p(kWeightDraws, {}, aggregated_posteriors(), generator, like());
  run(p, discrete_[latent].name);
  const Site& site = p.at(discrete_[latent].name);
  if (site.uniform) return stored;
  const auto probs = site.clusters().probs();  // [n, K] or [K]
  return probs.dim() > 1 ? probs.mean(0) : probs;
}

}  // namespace clade
