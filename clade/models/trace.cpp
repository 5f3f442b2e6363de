#include "clade/models/trace.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/error.h"

namespace clade {

int64_t Site::size() const {
  if (is_cluster()) return clusters().clusters();
  if (const auto* mixture = std::get_if<GaussianMixture>(&distribution)) {
    return mixture->components().mean().size(-1);
  }
  return std::get<DiagonalGaussian>(distribution).mean().size(-1);
}

torch::Tensor Site::log_prob(const torch::Tensor& of) const {
  return std::visit([&of](const auto& p) { return p.log_prob(of); }, distribution);
}

torch::Tensor Trace::latent(const std::string& name, const DiagonalGaussian& given) {
  return add({name, given});
}

torch::Tensor Trace::latent(const std::string& name, const GaussianMixture& prior) {
  return add({name, prior});
}

torch::Tensor Trace::latent(const std::string& name, const StandardNormal& prior) {
  return add({name, prior.on(like_)});
}

torch::Tensor Trace::latent(const std::string& name, Prior& prior) {
  return add({name, cached(prior.get(), {}, [&] { return prior(like_); })});
}

torch::Tensor Trace::cluster(const std::string& name, const Categorical& given, bool warms_up) {
  return add({name, given, /*uniform=*/false, warms_up});
}

torch::Tensor Trace::cluster(const std::string& name, const UniformClusters& prior) {
  return add({name, Categorical(torch::zeros({prior.clusters}, like_)), /*uniform=*/true,
              prior.warms_up, prior.floor});
}

torch::Tensor Trace::data(const std::string& given, std::unique_ptr<Distribution> p_x) {
  data_name_ = given;
  p_x_ = std::move(p_x);
  return x();
}

const Site* Trace::find(const std::string& name) const {
  for (const Site& site : sites_) {
    if (site.name == name) return &site;
  }
  return nullptr;
}

const Site& Trace::at(const std::string& name) const {
  const Site* site = find(name);
  if (site == nullptr) throw Error("the model states no latent " + name + " here");
  return *site;
}

void Trace::check_same(const torch::Tensor& x, const torch::Tensor& now) {
  if (!x.is_same(now))
    throw Error("once() is asked for one network and two inputs; call it itself");
}

torch::Tensor Trace::add(Site site) {
  sites_.push_back(std::move(site));
  if (sites_.back().name == last_) throw Reached();
  auto value = value_of(sites_.back());
  sites_.back().value = value;
  return value;
}

Posterior::Posterior(Clusters clusters, const Estimator& estimator, int64_t samples,
                     Generator& generator, torch::TensorOptions like, OnceCache* cache)
    : Trace(std::move(like), cache),
      clusters_(clusters),
      estimator_(estimator),
      samples_(samples),
      generator_(generator) {}

torch::Tensor Posterior::value_of(const Site& site) {
  if (const auto known = observed_.find(site.name); known != observed_.end()) return known->second;
  if (site.is_cluster()) return draw(site.clusters());
  const auto& q = std::get<DiagonalGaussian>(site.distribution);
  if (clusters_ == Clusters::likeliest || clusters_ == Clusters::every_at_means) return q.mean();
  if (samples_ == 0) return q.rsample(generator_);
  return q.rsample(generator_, {samples_, 1});
}

torch::Tensor Posterior::draw(const Categorical& q_y) {
  if (clusters_ == Clusters::likeliest) return q_y.probs().argmax(-1);
  if (clusters_ != Clusters::drawn) return enumerate(q_y);
  const bool samples_inside = samples_ == 0 || q_y.log_probs().dim() > 2;
  if (samples_inside) return q_y.sample(generator_, 1).squeeze(0);
  return q_y.sample(generator_, samples_);
}

torch::Tensor Posterior::enumerate(const Categorical& q_y) {
  // Of the batch, the samples, the clusters so far, and this one.
  const int64_t rank = 2 + (samples_ > 0 ? 1 : 0) + enumerated();
  const auto widened = [](torch::Tensor t, int64_t to) {
    while (t.dim() < to) t = t.unsqueeze(1);
    return t;
  };
  ClusterDraws draws = estimator_.draw(q_y, clusters_ == Clusters::estimated, samples_, generator_);
  draws.weight = widened(draws.weight, rank);
  draws.y = widened(draws.y, rank + (draws.y.is_floating_point() ? 1 : 0));
  enumerated_.push_back(draws);
  if (estimator_.weighs_statistics()) {
    const auto weight = draws.weight.detach();
    share_ = share_.defined() ? weight * share_ : weight;
    statistics_.reset();
    statistics_.emplace(share_);
  }
  return draws.y;
}

torch::Tensor Posterior::expectation_from(size_t first, torch::Tensor f, int64_t trailing) const {
  for (size_t i = enumerated_.size(); i-- > first;) f = enumerated_[i].expectation(f, trailing);
  return f;
}

// How many of the enumerated clusters, from the first, have no draw in their probabilities.
size_t Posterior::decided_by_x() const {
  const auto depends =
      std::find_if(enumerated_.begin(), enumerated_.end(), [](const ClusterDraws& draws) {
        const bool is_drawn = draws.log_q_drawn.defined() || draws.y.is_floating_point();
        return is_drawn || draws.weight.size(-2) > 1;
      });
  return static_cast<size_t>(depends - enumerated_.begin());
}

torch::Tensor Posterior::expectation_over_drawn(const torch::Tensor& f) const {
  return expectation_from(decided_by_x(), f, 0);
}

torch::Tensor Posterior::share_of_x() const {
  torch::Tensor share;
  for (size_t i = 0; i < decided_by_x(); ++i) {
    const auto& weight = enumerated_[i].weight;
    share = share.defined() ? weight * share : weight;
  }
  return share;
}

Replay::Replay(const Trace& drawn, const torch::Tensor& x, OnceCache* cache)
    : Replay(drawn, values_of(drawn, x), cache) {}

Replay::Replay(const Trace& drawn, Values values, OnceCache* cache)
    : Replay(std::move(values), drawn.like(), cache) {
  share_with(drawn);
}

torch::Tensor Replay::value_of(const Site& site) {
  const auto known = values_.find(site.name);
  if (known == values_.end()) {
    throw Error("the model states a latent " + site.name + " in only one of its two programs");
  }
  return known->second;
}

Replay::Values values_of(const Trace& trace, const torch::Tensor& x) {
  Replay::Values values = {{"x", x}};
  for (const Site& site : trace.sites()) values[site.name] = site.value;
  return values;
}

Ancestral::Ancestral(int64_t n, Given given, std::map<std::string, torch::Tensor> q_y,
                     Generator& generator, torch::TensorOptions like)
    : Trace(std::move(like)),
      n_(n),
      given_(std::move(given)),
      q_y_(std::move(q_y)),
      generator_(generator) {}

torch::Tensor Ancestral::held(const Site& site, const torch::Tensor& value) const {
  const auto here = value.to(like().device());
  if (site.is_cluster()) return here.to(torch::kInt64).expand({n_});
  return here.to(like().dtype()).expand({n_, site.size()});
}

torch::Tensor Ancestral::value_of(const Site& site) {
  if (const auto fixed = given_.find(site.name); fixed != given_.end()) {
    return held(site, fixed->second);
  }
  if (site.uniform) {
    const auto q_y = q_y_.find(site.name);
    if (q_y == q_y_.end()) {
      throw Error("the model is made without the discrete latent " + site.name +
                  " that generate() states");
    }
    return Categorical(q_y->second.clamp_min(1e-30).log()).sample(generator_, n_);
  }
  if (site.is_cluster()) {
    const auto& p_y = site.clusters();
    return p_y.log_probs().dim() == 1 ? p_y.sample(generator_, n_)
                                      : p_y.sample(generator_, 1).squeeze(0);
  }
  if (const auto* mixture = std::get_if<GaussianMixture>(&site.distribution)) {
    std::optional<int64_t> component;
    if (const auto fixed = given_.find("component"); fixed != given_.end()) {
      component = fixed->second.item<int64_t>();
    }
    return mixture->sample(generator_, n_, component);
  }
  const auto& p = std::get<DiagonalGaussian>(site.distribution);
  return p.mean().dim() > 1 ? p.sample(generator_) : p.rsample(generator_, {n_}).detach();
}

}  // namespace clade
