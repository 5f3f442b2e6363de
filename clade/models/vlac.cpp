#include "clade/models/vlac.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/joined.h"

namespace clade {
namespace {

std::string numbered(const std::string& name, size_t level) {
  return name + std::to_string(level + 1);
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::vector<Discrete> clusters_of(const VlacOptions& options) {
  std::vector<Discrete> discrete;
  for (size_t l = 0; l < options.levels(); ++l) {
    const int64_t K = options.clusters_of(l);
    if (K > 1) discrete.push_back({numbered("y", l), K, false, numbered("z", l)});
  }
  return discrete;
}

void require_as_many(const std::string& key, size_t found, size_t levels) {
  if (found == levels) return;
  throw ConfigError(key + " is of " + std::to_string(found) + " levels and model.latents of " +
                    std::to_string(levels) + "; give one for each level");
}

/// What is known of a level whose cluster may be none: [h, y], or [h].
std::vector<torch::Tensor> known_of(const torch::Tensor& h, const torch::Tensor& y) {
  if (!y.defined()) return {h};
  return {h, y};
}

/// f_l, from z̃_{l+1} and z_l to what g_l reads of `below`: the way back through its layers.
TrunkOptions way_back(TrunkOptions trunk, const Parent& below, bool from_maps) {
  Mirror mirror = mirrored(trunk.layers, below);
  trunk.layers = from_maps ? mirror.of_maps : mirror.hidden;
  if (below.shape.empty()) return trunk;
  if (!mirror.last.window) mirror.last.shape = below.shape;
  trunk.layers.push_back(mirror.last.word());
  return trunk;
}

}  // namespace

std::vector<Option> VlacOptions::options() {
  const std::vector<Option> sizes = {
      {"latents", &latents, at_least(1).not_empty(),
       "sizes of z1, z2, ..., from the data up: as many levels as there are"}};
  const std::vector<Option> of_time = {
      {"fade_in", &fade_in, at_least(0),
       "epochs in which the top level learns alone, and again as many in which each level below "
       "it comes in, one after another (pro-VLAE, MFCVAE); 0 for all at once"}};
  const std::vector<Option> of_mixtures = {
      {"clusters", &clusters, at_least(1),
       "number of clusters of each level, 1 for a level without any; with the exact estimator the "
       "cost of a step grows with their product"},
      {"posterior", &posterior, any_of({"network", "closed_form"}),
       "q(y_l | x): network, or closed_form, p(y_l | z_l) at a draw of z_l from q(z_l | x), which "
       "then does not know y_l (MFCVAE)"}};
  auto hidden = trunk.options();
  for (Option& option : hidden) {
    if (option.name != "layers") continue;
    option.help =
        "hidden layers of each level, from the data on, those of one separated by spaces: widths, "
        "before which the first levels may have convolutions, as in [\"64c4s2p1\", \"128c4s2p1 "
        "128c3p1\", 500]; what leads back to the data has them backwards";
  }
  if (!mixtures) return joined({ModelOptions::options(), sizes, of_time, hidden});
  return joined({ModelOptions::options(), of_mixtures, sizes, of_time, hidden, prior.of_given_y(),
                 estimator.options()});
}

TrunkOptions VlacOptions::trunk_of(size_t level) const {
  TrunkOptions own = trunk;
  own.layers = words_of(trunk.layers[level]);
  return own;
}

void VlacOptions::validate_together() const {
  require_as_many("model.layers", trunk.layers.size(), levels());
  for (size_t l = 0; l < levels(); ++l) {
    const TrunkOptions own = trunk_of(l);
    Range().not_empty().check("a level of model.layers", own.layers);
    own.validate();
  }
  if (!mixtures) return;
  require_as_many("model.clusters", clusters.size(), levels());
}

Vlac::Vlac(const VlacOptions& options, const Parent& x, Generator& generator)
    : Model(clusters_of(options), options.estimator),
      closed_form(options.mixtures && options.posterior == "closed_form"),
      fade_in(options.fade_in),
      first_clusters(options.levels()) {
  const size_t L = options.levels();
  if (fade_in > 0) {
    presence = register_buffer("presence", torch::ones({static_cast<int64_t>(L)}));
  }
  std::vector<Parent> h = {x};  // h_0, …, h_L
  Parents below = h;
  for (size_t l = 0; l < L; ++l) {
    levels.push_back(upward(l, options, below, generator));
    h.push_back(levels[l].g->output());
    h.back().name = numbered("h", l);
    below = {h.back()};
    if (levels[l].clusters == 1) continue;
    below.push_back({levels[l].y, levels[l].clusters, /*silent_at_first=*/true});
    first_clusters = std::min(first_clusters, l);
  }
  Parents above;  // z̃_{l+1}
  for (size_t l = L; l-- > 0;) {
    Parents parents = above;
    parents.insert(parents.begin(), code_of(l, options, h, generator));
    const bool from_maps = !levels[l].map_of_z.is_empty();
    if (l == 0) {
      p_x_given_z = register_module(
          "p_x_given_z", Likelihood(options, parents, options.trunk_of(l), x, generator));
      return;
    }
    levels[l].f =
        register_module(numbered("f", l),
                        Trunk(parents, way_back(options.trunk_of(l), h[l], from_maps), generator));
    above = {levels[l].f->output()};
    above.front().name = numbered("f", l);
  }
}

/// Level l, of what infers it.
Vlac::Level Vlac::upward(size_t l, const VlacOptions& options, const Parents& below,
                         Generator& generator) {
  const TrunkOptions heads_only{.layers = {}};
  const LogVarianceRange range;
  Level level{numbered("y", l), numbered("z", l), options.clusters_of(l), options.latents[l]};
  const std::string number = std::to_string(l + 1);
  level.g = register_module("q_h" + number, Trunk(below, options.trunk_of(l), generator));
  Parent h = level.g->output();
  h.name = "h" + number;
  Parents of_z = {h};
  const bool z_knows_y = level.clusters > 1 && !closed_form;
  if (z_knows_y) {
    level.q_y_given_h =
        register_module("q_" + level.y + "_given_" + h.name,
                        CategoricalConditional(Parents{h}, heads_only, level.clusters, generator));
    of_z.push_back({level.y, level.clusters, /*silent_at_first=*/true});
  }
  level.q_z_given_h_y =
      register_module("q_" + level.z + "_given_" + h.name + (z_knows_y ? "_" + level.y : ""),
                      GaussianConditional(of_z, heads_only, level.latent, range, generator));
  if (level.clusters > 1) {
    level.p_z_given_y = register_module(
        "p_" + level.z + "_given_" + level.y,
        GaussianPerCluster(level.clusters, level.latent, range, options.prior.spread,
                           options.prior.trainable, generator));
  }
  return level;
}

/// z_l as f_l reads it; a map if z̃_{l+1} is one.
Parent Vlac::code_of(size_t l, const VlacOptions& options, const std::vector<Parent>& h,
                     Generator& generator) {
  Parent z{levels[l].z, levels[l].latent};
  if (l + 1 == levels.size() || h[l + 1].shape.empty()) return z;
  TrunkOptions to_map = options.trunk_of(l);
  to_map.layers = {mirrored(to_map.layers, h[l]).hidden.front()};
  levels[l].map_of_z = register_module("map_of_" + z.name, Trunk(Parents{z}, to_map, generator));
  Parent map = levels[l].map_of_z->output();
  map.name = z.name;
  return map;
}

void Vlac::begin_epoch(int64_t epoch) {
  Model::begin_epoch(epoch);
  if (fade_in == 0) return;
  const auto L = static_cast<int64_t>(levels.size());
  for (int64_t l = 0; l + 1 < L; ++l) {
    const auto there = static_cast<double>(epoch + 1 - fade_in * (L - 1 - l));
    presence[l].fill_(std::clamp(there / static_cast<double>(fade_in), 0.0, 1.0));
  }
}

int64_t Vlac::whole_after() const {
  return fade_in * static_cast<int64_t>(levels.size());
}

void Vlac::infer(Trace& q, const torch::Tensor& x) {
  if (closed_form) return infer_in_closed_form(q, x);
  std::vector<torch::Tensor> h, y;  // by level: [K…, B, H_l]; of one cluster y is undefined
  for (size_t l = 0; l < levels.size(); ++l) {
    Level& level = levels[l];
    h.push_back(known(q, level.g, l == 0 ? known_of(x, {}) : known_of(h[l - 1], y[l - 1]), l));
    y.push_back(level.clusters == 1 ? torch::Tensor()
                                    : q.cluster(level.y, known(q, level.q_y_given_h, {h[l]}, l)));
  }
  for (size_t l = levels.size(); l-- > 0;) {
    q.latent(levels[l].z, known(q, levels[l].q_z_given_h_y, known_of(h[l], y[l]), l));
  }
}

// p(z_l) = 1/K_l Σ_k p(z_l | y_l = k).
GaussianMixture Vlac::prior_of(Level& level) const {
  return GaussianMixture(level.p_z_given_y->all());
}

// Levels without clusters come last, so that their KL has its closed form.
void Vlac::infer_in_closed_form(Trace& q, const torch::Tensor& x) {
  std::vector<torch::Tensor> h;  // by level: [K…, B, H_l]
  torch::Tensor y;               // of the level below; undefined of one cluster
  for (size_t l = 0; l < levels.size(); ++l) {
    Level& level = levels[l];
    h.push_back(known(q, level.g, known_of(l == 0 ? x : h[l - 1], y), l));
    y = torch::Tensor();
    if (level.clusters == 1) continue;
    const auto z = q.latent(level.z, known(q, level.q_z_given_h_y, {h[l]}, l));
    y = q.cluster(level.y, prior_of(level).component_given(z));
  }
  for (size_t l = levels.size(); l-- > 0;) {
    if (levels[l].clusters == 1)
      q.latent(levels[l].z, known(q, levels[l].q_z_given_h_y, {h[l]}, l));
  }
}

void Vlac::generate(Trace& p) {
  std::vector<torch::Tensor> y;  // by level
  for (const Level& level : levels) {
    y.push_back(level.clusters == 1 ? torch::Tensor()
                                    : p.cluster(level.y, UniformClusters{level.clusters}));
  }
  std::vector<torch::Tensor> above;  // z̃_{l+1}, [K…, B, …]; none of the last level
  for (size_t l = levels.size(); l-- > 0;) {
    Level& level = levels[l];
    auto z = level.clusters == 1 ? p.latent(level.z, StandardNormal{level.latent})
                                 : p.latent(level.z, level.p_z_given_y(y[l]));
    if (presence.defined()) z = z * presence[static_cast<int64_t>(l)];
    std::vector<torch::Tensor> parents = {level.map_of_z.is_empty() ? z : level.map_of_z(z)};
    parents.insert(parents.end(), above.begin(), above.end());
    if (l > 0) {
      above = {level.f->given(parents)};
    } else {
      p.data("x|z", p_x_given_z->given(parents));  // [K…, B, D]
    }
  }
}

}  // namespace clade
