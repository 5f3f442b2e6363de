#include "clade/models/vae.h"

#include <torch/torch.h>

namespace clade {

Vae::Vae(const VaeOptions& options, int64_t features, Generator& generator)
    : Model(/*clusters=*/1), latent(options.latent) {
  q_z_given_x =
      register_module("q_z_given_x", GaussianConditional(Parents{{"x", features}}, options.trunk,
                                                         latent, LogVarianceRange{}, generator));
  p_x_given_z = register_module(
      "p_x_given_z",
      Likelihood(options.likelihood, Parents{{"z", latent}}, options.trunk, features, generator));
}

Bound Vae::bound(const torch::Tensor& x, Generator& generator) {
  const auto q_z = q_z_given_x(x);  // [B, d]
  const auto z = q_z.rsample(generator);
  return {{{"log p(x|z)", p_x_given_z(z)->log_prob(x)},  // [B]
           {"KL(z)", kl(q_z, p_z), true}}};
}

torch::Tensor Vae::log_weights(const torch::Tensor& x, int64_t samples, Generator& generator) {
  const auto q_z = q_z_given_x(x);
  const auto z = q_z.rsample(generator, samples);  // [S, B, d]
  return p_x_given_z(z)->log_prob(x) + p_z.log_prob(z) - q_z.log_prob(z);
}

std::vector<LayerPosterior> Vae::encode(const torch::Tensor& x, Generator&) {
  const auto q_z = q_z_given_x(x);
  return {{"z", q_z.mean(), kl_per_unit(q_z, p_z)}};
}

torch::Tensor Vae::decode(const torch::Tensor& z, const torch::Tensor&) {
  return p_x_given_z(z)->mean();
}

torch::Tensor Vae::sample(int64_t n, std::optional<int64_t> cluster, Generator& generator) {
  const auto y = draw_clusters(n, cluster, generator);
  return decode(
      torch::empty({n, latent}, aggregated_posterior().options()).normal_(0, 1, generator), y);
}

}  // namespace clade
