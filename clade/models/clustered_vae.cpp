#include "clade/models/clustered_vae.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/core/require.h"

namespace clade {

std::vector<Option> ClusteredVaeOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters,
       "number of clusters K; with the exact estimator the cost of a step grows with it"}};
  return joined({OneLayerOptions::options(), own,
                 given_y.prior ? prior.of_given_y() : prior.options(), estimator.options()});
}

void ClusteredVaeOptions::validate() const {
  OneLayerOptions::validate();
  require_at_least("model.clusters", static_cast<double>(clusters), 1);
  require_at_least("number of model.hidden layers", static_cast<double>(trunk.hidden.size()), 1);
  prior.validate();
  estimator.validate();
}

ClusteredVae::ClusteredVae(const ClusteredVaeOptions& options, int64_t features,
                           Generator& generator)
    : Model(options.clusters), given_y(options.given_y), estimator(options.estimator) {
  const int64_t K = options.clusters;
  const int64_t d = options.latent;
  const Parent hidden{"hidden", options.trunk.hidden.back()};
  // At first only the conditional priors tell clusters apart. Were the decoder to prefer one of
  // them by the accident of its weights, q(y|x) would give it every point before z has learned
  // anything.
  const Parent y{"y", K, /*silent_at_first=*/true};
  const TrunkOptions heads_only{.hidden = {}};
  const LogVarianceRange range;

  hidden_given_x =
      register_module("hidden_given_x", Trunk(Parents{{"x", features}}, options.trunk, generator));
  q_y_given_x = register_module("q_y_given_x",
                                CategoricalConditional(Parents{hidden}, heads_only, K, generator));
  posterior =
      register_module(given_y.posterior ? "q_z_given_x_y" : "q_z_given_x",
                      GaussianConditional(given_y.posterior ? Parents{hidden, y} : Parents{hidden},
                                          heads_only, d, range, generator));
  if (given_y.prior) {
    p_z_given_y = register_module(
        "p_z_given_y",
        GaussianPerCluster(K, d, range, options.prior.spread, options.prior.trainable, generator));
  } else {
    // A pseudo-input is encoded as a data point is, in the cluster it most likely belongs to.
    const auto encoder = [this](const torch::Tensor& u) {
      const auto h = hidden_given_x(u);
      return q_z(h, q_y_given_x(h).probs().argmax(-1));
    };
    p_z_alone =
        register_module("p_z", Prior(options.prior, d, features, is_bounded(options.likelihood),
                                     range, encoder, generator));
  }
  const Parent z{"z", d};
  decoder =
      register_module(given_y.decoder ? "p_x_given_z_y" : "p_x_given_z",
                      Likelihood(options.likelihood, given_y.decoder ? Parents{z, y} : Parents{z},
                                 options.trunk, features, generator));
}

DiagonalGaussian ClusteredVae::q_z(const torch::Tensor& h, const torch::Tensor& y) {
  return given_y.posterior ? posterior(h, y) : posterior(h);
}

GaussianMixture ClusteredVae::p_z(const torch::Tensor& y) {
  return given_y.prior ? GaussianMixture::of_one(p_z_given_y(y))
                       : p_z_alone(aggregated_posterior().options());
}

std::unique_ptr<Distribution> ClusteredVae::p_x(const torch::Tensor& z, const torch::Tensor& y) {
  return given_y.decoder ? decoder(z, y) : decoder(z);
}

Bound ClusteredVae::bound(const torch::Tensor& x, Generator& generator) {
  const auto h = hidden_given_x(x);  // [B, H]
  const auto q_y = q_y_given_x(h);   // [B, K]
  return bound_over(x, h, q_y, estimator.draw(q_y, is_training(), generator), generator);
}

std::optional<Bound> ClusteredVae::relaxed_bound(const torch::Tensor& x, Generator& generator) {
  if (!estimator.relaxes()) return {};
  const auto h = hidden_given_x(x);
  const auto q_y = q_y_given_x(h);
  return bound_over(x, h, q_y, estimator.draw(q_y, /*training=*/true, generator), generator);
}

Bound ClusteredVae::bound_over(const torch::Tensor& x, const torch::Tensor& h,
                               const Categorical& q_y, const ClusterDraws& draws,
                               Generator& generator) {
  const auto& y = draws.y;   // [K, 1]
  const auto q = q_z(h, y);  // [K, B, d], or [B, d] where z does not depend on y
  const auto z = q.rsample(generator);
  return {
      {{given_y.decoder ? "log p(x|z,y)" : "log p(x|z)", draws.expectation(p_x(z, y)->log_prob(x))},
       {"KL(z)", draws.expectation(kl(q, p_z(y), z)), Role::divergence},
       {"KL(y)", kl_to_uniform(q_y), Role::divergence, /*warms_up=*/false}}};
}

LogWeights ClusteredVae::log_weights(const torch::Tensor& x) {
  const auto h = hidden_given_x(x);
  // Where they do not depend on y.
  std::optional<DiagonalGaussian> q_alone;
  std::optional<GaussianMixture> p_alone;
  if (!given_y.posterior) q_alone = posterior(h);
  if (!given_y.prior) p_alone = p_z_alone(x.options());
  return
      [this, x, h, q_y = q_y_given_x(h), q_alone, p_alone](int64_t samples, Generator& generator) {
        const auto y = q_y.sample(generator, samples);  // [S, B]
        const auto q = q_alone ? *q_alone : q_z(h, y);
        const auto z = q_alone ? q.rsample(generator, samples) : q.rsample(generator);  // [S, B, d]
        const auto p = p_alone ? *p_alone : p_z(y);
        const double log_p_y = -std::log(static_cast<double>(clusters()));
        return p_x(z, y)->log_prob(x) + p.log_prob(z) + log_p_y - q.log_prob(z) - q_y.log_prob(y);
      };
}

torch::Tensor ClusteredVae::cluster_probabilities(const torch::Tensor& x, Generator&) {
  return q_y_given_x(hidden_given_x(x)).probs();
}

std::vector<LayerPosterior> ClusteredVae::encode(const torch::Tensor& x, Generator& generator) {
  const auto h = hidden_given_x(x);
  const auto q_y = q_y_given_x(h);
  const auto every_y = every_cluster(clusters(), x.device());  // [K, 1]
  const auto best_y = q_y.probs().argmax(-1);                  // [B]
  const auto q = q_z(h, every_y);
  const auto divergence = kl_per_unit(q, p_z(every_y), q.rsample(generator));  // [K, B, d]
  return {{"z", q_z(h, best_y).mean(), (q_y.probs().t().unsqueeze(-1) * divergence).sum(0)}};
}

torch::Tensor ClusteredVae::reconstruct(const torch::Tensor& x) {
  const auto h = hidden_given_x(x);
  const auto best_y = q_y_given_x(h).probs().argmax(-1);  // [B]
  return p_x(q_z(h, best_y).mean(), best_y)->mean();
}

std::unique_ptr<Distribution> ClusteredVae::generate(int64_t n, std::optional<int64_t> cluster,
                                                     Generator& generator) {
  const auto y = draw_clusters(n, cluster, generator);
  return p_x(p_z(y).sample(generator, n), y);
}

std::optional<Information> ClusteredVae::information(const torch::Tensor& x, Generator& generator) {
  const auto h = hidden_given_x(x);
  const auto q_y = q_y_given_x(h);
  const auto y = q_y.sample(generator, 1).squeeze(0);  // [N]
  const auto q = q_z(h, y);
  const auto z = q.rsample(generator);  // [N, d]
  JointDraws draws{q.log_prob(z) + q_y.log_prob(y), torch::empty_like(z.select(1, 0)),
                   p_z(y).log_prob(z), y, q_y.probs().mean(0)};
  // The aggregated posterior of each cluster, at the draws of that cluster.
  for (int64_t k = 0; k < clusters(); ++k) {
    const auto own = torch::nonzero(y == k).squeeze(1);  // [n]
    if (own.numel() == 0) continue;
    draws.log_q.index_copy_(0, own,
                            log_mean_density(q_z(h, torch::full_like(y, k)),
                                             q_y.log_probs().select(1, k), z.index_select(0, own)));
  }
  return clade::information(draws);
}

void ClusteredVae::start_from(const torch::Tensor& x, Generator& generator) {
  if (!given_y.prior) p_z_alone->start_from(x, generator);
}

}  // namespace clade
