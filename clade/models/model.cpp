#include "clade/models/model.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/core/error.h"
#include "clade/core/require.h"
#include "clade/core/words.h"
#include "clade/models/mean_bound.h"
#include "clade/nets/batch_norm.h"
#include "clade/nets/conditional.h"

namespace clade {
namespace {

constexpr int64_t kClassifierDraws = 100;
constexpr int64_t kDrawsAtATime = 10;
constexpr int64_t kResamplingCandidates = 100;
constexpr int64_t kWeightDraws = 10000;
constexpr int64_t kRowsOfPairs = 500;  // of a matrix of all points by all points

// What a generated latent and the inferred one of its name say together.
struct Pair {
  const Site& p;
  const Site& q;
  bool closed_form;
};

bool is_gaussian(const Site& site) {
  const auto* mixture = std::get_if<GaussianMixture>(&site.distribution);
  return mixture == nullptr || mixture->size() == 1;
}

// The pairs of all latents, from the data up. The KL of one may be taken in closed form exactly if
// all that is generated before it is inferred before it: only then does the draw that it is a
// function of leave q(latent | …) as it is.
std::vector<Pair> pairs(const Trace& p, const Trace& q) {
  std::vector<std::string> inferred;
  std::map<std::string, std::vector<std::string>> before;
  for (const Site& site : q.sites()) {
    before[site.name] = inferred;
    inferred.push_back(site.name);
  }
  std::vector<Pair> all;
  for (size_t i = p.sites().size(); i-- > 0;) {
    const Site& site = p.sites()[i];
    const auto& known = before[site.name];
    const bool closed =
        std::all_of(p.sites().begin(), p.sites().begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Site& above) {
                      return std::find(known.begin(), known.end(), above.name) != known.end();
                    });
    all.push_back({site, q.at(site.name), closed && is_gaussian(site)});
  }
  return all;
}

GaussianMixture as_mixture(const Site& site) {
  if (const auto* mixture = std::get_if<GaussianMixture>(&site.distribution)) return *mixture;
  return GaussianMixture::of_one(std::get<DiagonalGaussian>(site.distribution));
}

torch::Tensor closed_kl(const Pair& pair) {
  if (pair.p.uniform) return kl_to_uniform(pair.q.clusters());
  if (pair.p.is_cluster()) return kl(pair.q.clusters(), pair.p.clusters());
  const auto& q = std::get<DiagonalGaussian>(pair.q.distribution);
  if (const auto* p = std::get_if<DiagonalGaussian>(&pair.p.distribution)) return kl(q, *p);
  return kl(q, as_mixture(pair.p), pair.q.value);
}

torch::Tensor kl_of_units(const Posterior& posterior, const Pair& pair) {  // [B, d]
  const auto& q = std::get<DiagonalGaussian>(pair.q.distribution);
  const auto p = as_mixture(pair.p);
  if (pair.closed_form) {
    return posterior.expectation(kl_per_unit(q, p, pair.q.value), /*trailing=*/1);
  }
  return posterior.expectation(q.log_prob_per_unit(pair.q.value), 1) -
         posterior.expectation(p.log_prob_per_unit(pair.q.value), 1);
}

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

Term divergence(const Site& p, const torch::Tensor& value) {
  return {"KL(" + p.name + ")", value, Role::divergence, p.warms_up};
}

Term reconstruction(const Trace& p, const torch::Tensor& log_prob) {
  return {"log p(" + p.data_name() + ")", log_prob};
}

// log q of a draw. `densities`, if given, states the same latents over the same draws, through
// which no gradient passes: what reaches the parameters of q from there is the gradient of the
// densities alone, which is taken away.
torch::Tensor log_q(const Site& site, const std::optional<Replay>& densities) {
  const auto value = site.log_prob(site.value);
  if (!densities) return value;
  const auto density = densities->at(site.name).log_prob(site.value.detach());
  return value - (density - density.detach());
}

}  // namespace

std::vector<Option> ModelOptions::options() {
  return {{"likelihood", &likelihood,
           "p(x | ...): bernoulli for bits and grey levels, gaussian (one learned variance per "
           "feature) for real values, discretised_logistic (256 levels, one learned scale per "
           "feature) for colour images"}};
}

void ModelOptions::validate() const {
  require_one_of("model.likelihood", likelihood, likelihoods());
}

std::vector<Discrete> components_of(const PriorOptions& prior) {
  if (prior.size() == 1) return {};
  return {{"component", prior.size(), /*is_component=*/true}};
}

Model::Model(std::vector<Discrete> discrete, const EstimatorOptions& estimator)
    : discrete_(std::move(discrete)), estimator_(estimator) {
  std::string name = "aggregated_posterior";
  for (size_t i = 0; i < std::max<size_t>(1, discrete_.size()); ++i) {
    const int64_t K = discrete_.empty() ? 1 : discrete_[i].clusters;
    if (i > 0) name = "aggregated_posterior_" + discrete_[i].name;
    aggregated_posteriors_.push_back(
        register_buffer(name, torch::full({K}, 1.0 / static_cast<double>(K))));
  }
}

std::vector<size_t> Model::clusterings() const {
  std::vector<size_t> dividing;
  for (size_t l = 0; l < discrete_.size(); ++l) {
    if (discrete_[l].clusters > 1) dividing.push_back(l);
  }
  return dividing;
}

size_t Model::main_discrete() const {
  const auto largest =
      std::max_element(discrete_.begin(), discrete_.end(),
                       [](const auto& a, const auto& b) { return a.clusters < b.clusters; });
  return static_cast<size_t>(largest - discrete_.begin());
}

int64_t Model::clusters() const {
  return discrete_.empty() ? 1 : discrete_[main_discrete()].clusters;
}

int64_t Model::decodings() const {
  int64_t product = 1;
  for (const Discrete& latent : discrete_) {
    if (!latent.is_component) product *= latent.clusters;
  }
  return product;
}

Posterior Model::posterior(Clusters clusters, int64_t samples, Generator& generator,
                           OnceCache* cache) const {
  return Posterior(clusters, estimator_, samples, generator, like(), cache);
}

void Model::run(Posterior& q, const torch::Tensor& x, const std::string& last) {
  q.stop_at(last);
  try {
    infer(q, x);
  } catch (const Trace::Reached&) {
  }
}

void Model::run(Trace& p, const std::string& last) {
  p.stop_at(last);
  try {
    generate(p);
  } catch (const Trace::Reached&) {
  }
}

const std::vector<LatentInfo>& Model::latents() {
  if (!latents_.empty()) return latents_;
  const EvaluationMode evaluation(*this);
  auto generator = make_generator(0, like().device());
  Ancestral p(1, {}, aggregated_posteriors(), generator, like());
  generate(p);
  for (const Site& site : p.sites()) {
    latents_.push_back({site.name, site.is_cluster(), site.size()});
  }
  return latents_;
}

Bound Model::bound(const torch::Tensor& x, Generator& generator, int64_t samples) {
  auto q = posterior(is_training() ? Clusters::estimated : Clusters::every, samples, generator);
  return bound_over(q, x);
}

std::optional<Bound> Model::relaxed_bound(const torch::Tensor& x, Generator& generator) {
  if (!infers_clusters() || !estimator_.relaxes()) return {};
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

Bound Model::bound_over(Posterior& q, const torch::Tensor& x) {
  infer(q, x);
  Replay p(values_of(q), like());
  generate(p);
  Bound bound{{reconstruction(p, q.expectation(p.p_x().log_prob(x)))}};
  for (const Pair& pair : pairs(p, q)) {
    if (q.is_observed(pair.p.name)) {
      bound.terms.push_back(divergence(pair.p, -q.expectation(pair.p.log_prob(pair.q.value))));
    } else if (pair.closed_form) {
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
    const bool relaxed = is_training() && estimator_.relaxes();
    const auto clusters = how.sum_clusters ? Clusters::every
                          : relaxed        ? Clusters::estimated
                                           : Clusters::drawn;
    auto q = posterior(clusters, samples, generator, cache.get());
    return weights_over(q, x, how, cache.get());
  };
}

Bound Model::weights_over(Posterior& q, const torch::Tensor& x, const WeightOptions& how,
                          OnceCache* cache) {
  infer(q, x);
  Replay p(values_of(q), like(), cache);
  generate(p);
  std::optional<Replay> densities;
  if (how.posterior_without_gradient) {
    Replay::Values fixed = values_of(q);
    for (auto& [name, value] : fixed) value = value.detach();
    densities.emplace(std::move(fixed), like(), cache);
    collect_statistics(*this, false);  // of the same points
    infer(*densities, x);
    collect_statistics(*this, true);
  }
  if (!how.sum_clusters) {
    Bound bound{{reconstruction(p, q.expectation(p.p_x().log_prob(x)))}};
    for (const Pair& pair : pairs(p, q)) {
      bound.terms.push_back(divergence(pair.p, q.expectation(log_q(pair.q, densities)) -
                                                   q.expectation(pair.p.log_prob(pair.q.value))));
    }
    return bound;
  }
  auto log_w = p.p_x().log_prob(x);  // [K…, S, B]
  for (const Pair& pair : pairs(p, q)) {
    log_w = log_w + pair.p.log_prob(pair.q.value);
    if (!pair.q.is_cluster()) log_w = log_w - log_q(pair.q, densities);
  }
  for (int64_t i = 0; i < q.enumerated(); ++i) log_w = torch::logsumexp(log_w, 0);
  return {{{"log w", log_w}}};
}

bool Model::infers_clusters() const {
  return !discrete_.empty() && !discrete_.front().is_component;
}

const Discrete* Model::find_discrete(const std::string& name) const {
  for (const Discrete& latent : discrete_) {
    if (latent.name == name) return &latent;
  }
  return nullptr;
}

std::vector<torch::Tensor> Model::cluster_probabilities(const torch::Tensor& x,
                                                        Generator& generator) {
  if (discrete_.empty()) return {torch::ones({x.size(0), 1}, x.options())};
  if (!infers_clusters()) return {component_probabilities_of(x, generator)};
  return inferred_probabilities(x, generator);
}

torch::Tensor Model::component_probabilities_of(const torch::Tensor& x, Generator& generator) {
  // The latent whose prior is the mixture is generated first.
  Ancestral p(1, {}, aggregated_posteriors(), generator, like());
  const std::string name = latents().front().name;
  run(p, name);
  auto q = posterior(Clusters::drawn, 0, generator);
  run(q, x, name);
  return component_probabilities(std::get<DiagonalGaussian>(q.at(name).distribution),
                                 as_mixture(p.at(name)), generator);
}

std::vector<torch::Tensor> Model::inferred_probabilities(const torch::Tensor& x,
                                                         Generator& generator) {
  OnceCache cache;
  std::vector<torch::Tensor> sums(discrete_.size());  // [B, K_l]
  bool random = true;  // whether draws of a continuous latent have a part in it
  int64_t rounds = 0;
  for (; random && rounds < kClassifierDraws / kDrawsAtATime; ++rounds) {
    auto q = posterior(Clusters::every, kDrawsAtATime, generator, &cache);
    run(q, x, discrete_.back().name);
    random = false;
    for (size_t l = 0; l < discrete_.size(); ++l) {
      const auto& q_y = q.at(discrete_[l].name).clusters();
      auto probs = q.expectation(q_y.probs(), /*trailing=*/1);  // [B, K] or [S, B, K]
      random = random || (probs.dim() > 2 && probs.size(0) > 1);
      if (probs.dim() > 2) probs = probs.mean(0);
      sums[l] = sums[l].defined() ? sums[l] + probs : probs;
    }
  }
  for (auto& sum : sums) sum = sum / static_cast<double>(rounds);
  return sums;
}

std::vector<LayerPosterior> Model::encode(const torch::Tensor& x, Generator& generator) {
  auto q = posterior(Clusters::every, 0, generator);
  infer(q, x);
  Replay p(values_of(q), like());
  run(p, latents().back().name);  // all but the decoder
  auto mode = posterior(Clusters::likeliest, 0, generator);
  infer(mode, x);
  std::vector<LayerPosterior> layers;
  for (const Pair& pair : pairs(p, q)) {
    if (pair.p.is_cluster()) continue;
    layers.push_back({pair.p.name, mode.at(pair.p.name).value, kl_of_units(q, pair)});
  }
  return layers;
}

torch::Tensor Model::reconstruct(const torch::Tensor& x) {
  auto generator = make_generator(0, like().device());  // nothing is drawn
  auto mode = posterior(Clusters::likeliest, 0, generator);
  infer(mode, x);
  Replay p(values_of(mode), like());
  generate(p);
  return p.p_x().mean();
}

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
  Ancestral p(n, held, aggregated_posteriors(), generator, like());
  generate(p);
  return p.take_p_x();
}

// Draws what is generated before the cluster called `last` by p(… | the clusters held up to it): of
// many draws from p, one a point is kept by how probable it makes those clusters.
void Model::condition(Given& held, const std::string& last, int64_t n, Generator& generator) {
  constexpr int64_t M = kResamplingCandidates;
  Given upstream = held;
  for (auto& [known, value] : upstream) {
    const int64_t own_dimensions = find_discrete(known) != nullptr ? 0 : 1;
    if (value.dim() > own_dimensions && value.size(0) == n) value = value.repeat_interleave(M, 0);
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
  if (!log_p.defined()) return;
  const auto choice = Categorical(log_p.view({n, M})).sample(generator, 1).squeeze(0);  // [n]
  const auto rows = choice + torch::arange(n, choice.options()) * M;
  for (const Site& site : p.sites()) {
    if (held.count(site.name) == 0) held[site.name] = site.value.index_select(0, rows);
  }
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

std::optional<Information> Model::information(const torch::Tensor& x, Generator& generator) {
  const auto& all = latents();
  const bool one_layer = !all.back().is_cluster && (all.size() == 1 || all.front().is_cluster);
  if (all.size() > 2 || !one_layer) return {};

  OnceCache cache;
  auto q = posterior(Clusters::drawn, 0, generator, &cache);
  infer(q, x);
  Replay p(values_of(q), like(), &cache);
  run(p, all.back().name);
  const auto none = torch::zeros({x.size(0)}, x.options());
  const auto& z = q.at(all.back().name).value;
  JointDraws draws{none, log_mean_posterior(q, x, cache), p.at(all.back().name).log_prob(z),
                   none.to(torch::kInt64), torch::ones({1}, x.options())};
  for (const Site& site : q.sites()) {
    draws.log_q_given_own = draws.log_q_given_own + site.log_prob(site.value);
    if (!site.is_cluster()) continue;
    draws.y = site.value;
    draws.q_y = site.clusters().probs().mean(0);
  }
  return clade::information(draws);
}

// log 1/N Σ_m q(z_n, y_n | x_m) of the draws of each point n, [N]: every draw against every point,
// the draws of one cluster at a time.
torch::Tensor Model::log_mean_posterior(const Posterior& q, const torch::Tensor& x,
                                        OnceCache& cache) {
  auto log_q = torch::empty({x.size(0)}, x.options());
  const auto score = [&](const torch::Tensor& rows, Replay::Values values) {
    for (const auto& part : rows.split(kRowsOfPairs)) {
      for (const Site& site : q.sites()) {
        if (!site.is_cluster()) values[site.name] = site.value.index_select(0, part).unsqueeze(1);
      }
      Replay scored(values, like(), &cache);
      infer(scored, x);
      auto joint = torch::zeros({1}, x.options());  // [n, N]
      for (const Site& site : scored.sites()) joint = joint + site.log_prob(site.value);
      log_q.index_copy_(0, part, torch::logsumexp(joint, 1));
    }
  };
  if (infers_clusters()) {
    const std::string& name = discrete_.front().name;
    for (int64_t k = 0; k < discrete_.front().clusters; ++k) {
      const auto rows = torch::nonzero(q.at(name).value == k).squeeze(1);
      if (rows.numel() > 0) score(rows, {{name, torch::full({1}, k, rows.options())}});
    }
  } else {
    score(torch::arange(x.size(0), torch::dtype(torch::kInt64).device(x.device())), {});
  }
  return log_q - std::log(static_cast<double>(x.size(0)));
}

void Model::start_from(const torch::Tensor& x, Generator& generator) {
  for (const auto& module : modules()) {
    if (auto* prior = module->as<PriorImpl>()) prior->start_from(x, generator);
  }
}

std::map<std::string, torch::Tensor> Model::aggregated_posteriors() const {
  std::map<std::string, torch::Tensor> q_y;
  for (size_t i = 0; i < discrete_.size(); ++i) q_y[discrete_[i].name] = aggregated_posteriors_[i];
  return q_y;
}

const torch::Tensor& Model::aggregated_posterior(size_t latent) const {
  return aggregated_posteriors_.at(latent);
}

void Model::set_aggregated_posterior(const torch::Tensor& q_y, size_t latent) {
  torch::NoGradGuard no_grad;
  aggregated_posteriors_.at(latent).copy_(q_y);
}

bool all_alike(const torch::Tensor& weights) {
  return torch::allclose(weights, weights.mean(), 1e-5, 0);
}

}  // namespace clade
