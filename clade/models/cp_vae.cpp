#include "clade/models/cp_vae.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/core/require.h"

namespace clade {

std::vector<Option> CpVaeOptions::options() {
  return joined(
      joined(OneLayerOptions::options(),
             {{"clusters", &clusters,
               "number of clusters K; with the exact estimator the cost of a step grows with it"},
              {"trainable_prior", &trainable_prior,
               "learn the mean and variance of each p(z|y); false leaves them as drawn"}}),
      estimator.options());
}

void CpVaeOptions::validate() const {
  OneLayerOptions::validate();
  require_at_least("model.clusters", static_cast<double>(clusters), 1);
  require_at_least("number of model.hidden layers", static_cast<double>(trunk.hidden.size()), 1);
  estimator.validate();
}

CpVae::CpVae(const CpVaeOptions& options, int64_t features, Generator& generator)
    : Model(options.clusters), estimator(options.estimator) {
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
  q_z_given_x_y = register_module(
      "q_z_given_x_y", GaussianConditional(Parents{hidden, y}, heads_only, d, range, generator));
  p_z_given_y = register_module(
      "p_z_given_y", GaussianPerCluster(K, d, range, options.trainable_prior, generator));
  p_x_given_z_y = register_module(
      "p_x_given_z_y",
      Likelihood(options.likelihood, Parents{{"z", d}, y}, options.trunk, features, generator));
}

Bound CpVae::bound(const torch::Tensor& x, Generator& generator) {
  const auto h = hidden_given_x(x);                                  // [B, H]
  const auto q_y = q_y_given_x(h);                                   // [B, K]
  const auto draws = estimator.draw(q_y, is_training(), generator);  // y [K, 1]
  const auto q_z = q_z_given_x_y(h, draws.y);                        // [K, B, d]
  const auto z = q_z.rsample(generator);
  const auto p_z = p_z_given_y(draws.y);       // [K, 1, d]
  const auto p_x = p_x_given_z_y(z, draws.y);  // [K, B, D]
  return {{{"log p(x|z,y)", draws.expectation(p_x->log_prob(x))},
           {"KL(z)", draws.expectation(kl(q_z, p_z)), true},
           {"KL(y)", kl_to_uniform(q_y), true, /*warms_up=*/false}}};
}

torch::Tensor CpVae::log_weights(const torch::Tensor& x, int64_t samples, Generator& generator) {
  const auto h = hidden_given_x(x);
  const auto q_y = q_y_given_x(h);
  const auto y = q_y.sample(generator, samples);  // [S, B]
  const auto q_z = q_z_given_x_y(h, y);           // [S, B, d]
  const auto z = q_z.rsample(generator);
  const double log_p_y = -std::log(static_cast<double>(clusters()));
  return p_x_given_z_y(z, y)->log_prob(x) + p_z_given_y(y).log_prob(z) + log_p_y - q_z.log_prob(z) -
         q_y.log_prob(y);
}

torch::Tensor CpVae::cluster_probabilities(const torch::Tensor& x, Generator&) {
  return q_y_given_x(hidden_given_x(x)).probs();
}

std::vector<LayerPosterior> CpVae::encode(const torch::Tensor& x, Generator&) {
  const auto h = hidden_given_x(x);
  const auto q_y = q_y_given_x(h);
  const auto every_y = every_cluster(clusters(), x.device());  // [K, 1]
  const auto best_y = q_y.probs().argmax(-1);                  // [B]
  const auto divergence = kl_per_unit(q_z_given_x_y(h, every_y), p_z_given_y(every_y));
  return {
      {"z", q_z_given_x_y(h, best_y).mean(), (q_y.probs().t().unsqueeze(-1) * divergence).sum(0)}};
}

torch::Tensor CpVae::decode(const torch::Tensor& z, const torch::Tensor& y) {
  return p_x_given_z_y(z, y)->mean();
}

torch::Tensor CpVae::sample(int64_t n, std::optional<int64_t> cluster, Generator& generator) {
  const auto y = draw_clusters(n, cluster, generator);
  return decode(p_z_given_y(y).sample(generator), y);
}

}  // namespace clade
