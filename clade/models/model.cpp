#include "clade/models/model.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/joined.h"
#include "clade/models/evaluation_mode.h"
#include "clade/models/pairs.h"

namespace clade {
namespace {

/// Of one latent alone and not of a batch, the Gaussian with mean 0 and variance 1.
bool is_standard_normal(const Site& site) {
  if (site.is_cluster()) return false;
  const GaussianMixture p = as_mixture(site);
  const auto &mean = p.components().mean(), &log_variance = p.components().log_variance();
  return p.size() == 1 && mean.dim() == 2 && !mean.any().item<bool>() &&
         !log_variance.any().item<bool>();
}

}  // namespace

std::vector<Option> ModelOptions::options() {
  const std::vector<Option> limits = {
      {"least_deviation", &least_deviation, at_least(0),
       "under a gaussian or laplace likelihood the least deviation of a feature, as a share of its "
       "own over the training points, but not below the rounding of its numbers (the smallest step "
       "/ √12); 0 sets no least one. Unless it is given, clade train takes 0.05"}};
  return joined({likelihood_options(), limits});
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
  if (discrete_.empty()) return 0;
  const auto largest =
      std::max_element(discrete_.rbegin(), discrete_.rend(),
                       [](const auto& a, const auto& b) { return a.clusters < b.clusters; });
  return static_cast<size_t>(discrete_.rend() - largest) - 1;
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

bool Model::shares_parameters() const {
  const auto all = modules();
  return std::any_of(all.begin(), all.end(), [](const auto& module) {
    const auto* prior = module->template as<PriorImpl>();
    return prior != nullptr && prior->is_vampprior();
  });
}

void Model::run_latents(Replay& p, const Posterior& q) {
  const bool any_after_x = q.sites().size() > latents().size();
  run(p, any_after_x ? "" : latents().back().name);  // else without the decoder
}

// That the clusters stated are those the constructor was told of.
void Model::check_discrete() const {
  for (const Discrete& told : discrete_) {
    const bool stated =
        std::any_of(latents_.begin(), latents_.end(), [&](const LatentInfo& latent) {
          return latent.is_cluster && latent.name == told.name && latent.size == told.clusters;
        });
    if (told.is_component || stated) continue;
    throw Error("the model is made with a discrete latent " + told.name + " of " +
                std::to_string(told.clusters) + " clusters, but generate() states none such");
  }
}

const std::vector<LatentInfo>& Model::latents() {
  if (!latents_.empty()) return latents_;
  const EvaluationMode evaluation(*this);
  auto generator = make_generator(0, like().device());
  Ancestral p(1, {}, aggregated_posteriors(), generator, like());
  run(p);
  for (const Site& site : p.sites()) {
    latents_.push_back({site.name, site.is_cluster(), site.size(), is_standard_normal(site)});
  }
  check_discrete();
  return latents_;
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

void Model::start_from(const torch::Tensor& x, Generator& generator) {
  for (const auto& module : modules()) {
    if (auto* prior = module->as<PriorImpl>()) prior->start_from(x, generator);
    if (auto* likelihood = module->as<LikelihoodImpl>()) likelihood->start_from(x);
  }
}

void Model::limit_likelihood(const torch::Tensor& constant, double least_deviation) {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* likelihood = module->as<LikelihoodImpl>()) {
      likelihood->limit(constant, least_deviation);
    }
  }
}

std::optional<int64_t> Model::features_at_least_deviation() const {
  for (const auto& module : modules(/*include_self=*/false)) {
    const auto* likelihood = module->as<LikelihoodImpl>();
    if (likelihood != nullptr) return likelihood->features_at_least_deviation();
  }
  return std::nullopt;
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
