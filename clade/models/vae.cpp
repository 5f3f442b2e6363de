#include "clade/models/vae.h"

#include <torch/torch.h>

namespace clade {

std::vector<Option> VaeOptions::options() {
  return joined({OneLayerOptions::options(), prior.options()});
}

void VaeOptions::validate() const {
  OneLayerOptions::validate();
  prior.validate();
}

Vae::Vae(const VaeOptions& options, int64_t features, Generator& generator)
    : Model(options.prior.size()) {
  const LogVarianceRange range;
  q_z_given_x =
      register_module("q_z_given_x", GaussianConditional(Parents{{"x", features}}, options.trunk,
                                                         options.latent, range, generator));
  p_x_given_z =
      register_module("p_x_given_z", Likelihood(options.likelihood, Parents{{"z", options.latent}},
                                                options.trunk, features, generator));
  p_z =
      register_module("p_z", Prior(options.prior, options.latent, features,
                                   is_bounded(options.likelihood), range, q_z_given_x, generator));
}

Bound Vae::bound(const torch::Tensor& x, Generator& generator) {
  const auto q_z = q_z_given_x(x);  // [B, d]
  const auto z = q_z.rsample(generator);
  return {{{"log p(x|z)", p_x_given_z(z)->log_prob(x)},  // [B]
           {"KL(z)", kl(q_z, p_z(x.options()), z), Role::divergence}}};
}

LogWeights Vae::log_weights(const torch::Tensor& x) {
  return [this, x, q_z = q_z_given_x(x), prior = p_z(x.options())](int64_t samples,
                                                                   Generator& generator) {
    const auto z = q_z.rsample(generator, samples);  // [S, B, d]
    return p_x_given_z(z)->log_prob(x) + prior.log_prob(z) - q_z.log_prob(z);
  };
}

torch::Tensor Vae::cluster_probabilities(const torch::Tensor& x, Generator& generator) {
  return component_probabilities(q_z_given_x(x), p_z(x.options()), generator);
}

std::vector<LayerPosterior> Vae::encode(const torch::Tensor& x, Generator& generator) {
  const auto q_z = q_z_given_x(x);
  return {{"z", q_z.mean(), kl_per_unit(q_z, p_z(x.options()), q_z.rsample(generator))}};
}

torch::Tensor Vae::reconstruct(const torch::Tensor& x) {
  return p_x_given_z(q_z_given_x(x).mean())->mean();
}

std::unique_ptr<Distribution> Vae::generate(int64_t n, std::optional<int64_t> cluster,
                                            Generator& generator) {
  check(cluster);
  const auto z = p_z(aggregated_posterior().options()).sample(generator, n, cluster);
  return p_x_given_z(z);
}

std::optional<Information> Vae::information(const torch::Tensor& x, Generator& generator) {
  const auto q_z = q_z_given_x(x);
  const auto z = q_z.rsample(generator);  // [N, d]
  const auto none = torch::zeros({x.size(0)}, x.options());
  return clade::information({q_z.log_prob(z), log_mean_density(q_z, none, z),
                             p_z(x.options()).log_prob(z), none.to(torch::kInt64),
                             torch::ones({1}, x.options())});
}

void Vae::start_from(const torch::Tensor& x, Generator& generator) {
  p_z->start_from(x, generator);
}

}  // namespace clade
