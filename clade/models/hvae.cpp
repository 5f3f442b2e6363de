#include "clade/models/hvae.h"

#include <torch/torch.h>

#include "clade/core/require.h"
#include "clade/models/joined.h"

namespace clade {

std::vector<Option> HvaeOptions::options() {
  const std::vector<Option> own = {{"latent1", &latent1, "size of z1, the layer next to the data"},
                                   {"latent2", &latent2, "size of z2, the layer above it"}};
  return joined({ModelOptions::options(), own, trunk.options(), prior.options()});
}

void HvaeOptions::validate() const {
  ModelOptions::validate();
  require_at_least("model.latent1", static_cast<double>(latent1), 1);
  require_at_least("model.latent2", static_cast<double>(latent2), 1);
  require_at_least("number of model.hidden layers", static_cast<double>(trunk.hidden.size()), 1);
  trunk.validate();
  prior.validate();
}

Hvae::Hvae(const HvaeOptions& options, int64_t features, Generator& generator)
    : Model(options.prior.size()) {
  const Parent x{"x", features};
  const Parent z1{"z1", options.latent1};
  const Parent z2{"z2", options.latent2};
  const LogVarianceRange range;
  const auto& hidden = options.trunk.hidden;
  TrunkOptions own = options.trunk, joint = options.trunk;
  own.hidden = {hidden.front()};
  joint.hidden = {hidden.begin() + 1, hidden.end()};
  const auto first_layer = [&](const Parent& parent) {
    return Trunk(Parents{parent}, own, generator);
  };
  const auto h = [&](const Parent& parent) {
    return Parent{"hidden_" + parent.name, hidden.front()};
  };

  q_z2_given_x = register_module(
      "q_z2_given_x", GaussianConditional(Parents{x}, options.trunk, z2.width, range, generator));
  q_z1_from_x = register_module("q_z1_from_x", first_layer(x));
  q_z1_from_z2 = register_module("q_z1_from_z2", first_layer(z2));
  q_z1_given_x_z2 =
      register_module("q_z1_given_x_z2",
                      GaussianConditional(Parents{h(x), h(z2)}, joint, z1.width, range, generator));
  p_z1_given_z2 = register_module(
      "p_z1_given_z2", GaussianConditional(Parents{z2}, options.trunk, z1.width, range, generator));
  p_x_from_z1 = register_module("p_x_from_z1", first_layer(z1));
  p_x_from_z2 = register_module("p_x_from_z2", first_layer(z2));
  p_x_given_z1_z2 = register_module(
      "p_x_given_z1_z2",
      Likelihood(options.likelihood, Parents{h(z1), h(z2)}, joint, features, generator));
  p_z2 = register_module(
      "p_z2", Prior(options.prior, z2.width, features, is_bounded(options.likelihood), range,
                    q_z2_given_x, generator));
}

DiagonalGaussian Hvae::q_z1(const torch::Tensor& h, const torch::Tensor& z2) {
  return q_z1_given_x_z2(h, q_z1_from_z2(z2));
}

std::unique_ptr<Distribution> Hvae::p_x(const torch::Tensor& z1, const torch::Tensor& z2) {
  return p_x_given_z1_z2(p_x_from_z1(z1), p_x_from_z2(z2));
}

Bound Hvae::bound(const torch::Tensor& x, Generator& generator) {
  const auto q_z2 = q_z2_given_x(x);  // [B, d2]
  const auto z2 = q_z2.rsample(generator);
  const auto q = q_z1(q_z1_from_x(x), z2);  // [B, d1]
  const auto z1 = q.rsample(generator);
  return {{{"log p(x|z1,z2)", p_x(z1, z2)->log_prob(x)},
           {"KL(z1)", kl(q, p_z1_given_z2(z2)), Role::divergence},
           {"KL(z2)", kl(q_z2, p_z2(x.options()), z2), Role::divergence}}};
}

LogWeights Hvae::log_weights(const torch::Tensor& x) {
  return [this, x, h = q_z1_from_x(x), q_z2 = q_z2_given_x(x), prior = p_z2(x.options())](
             int64_t samples, Generator& generator) {
    const auto z2 = q_z2.rsample(generator, samples);  // [S, B, d2]
    const auto q = q_z1(h, z2);                        // [S, B, d1]
    const auto z1 = q.rsample(generator);
    return p_x(z1, z2)->log_prob(x) + p_z1_given_z2(z2).log_prob(z1) + prior.log_prob(z2) -
           q.log_prob(z1) - q_z2.log_prob(z2);
  };
}

torch::Tensor Hvae::cluster_probabilities(const torch::Tensor& x, Generator& generator) {
  return component_probabilities(q_z2_given_x(x), p_z2(x.options()), generator);
}

std::vector<LayerPosterior> Hvae::encode(const torch::Tensor& x, Generator& generator) {
  const auto q_z2 = q_z2_given_x(x);
  const auto z2 = q_z2.rsample(generator);
  const auto h = q_z1_from_x(x);
  return {{"z1", q_z1(h, q_z2.mean()).mean(), kl_per_unit(q_z1(h, z2), p_z1_given_z2(z2))},
          {"z2", q_z2.mean(), kl_per_unit(q_z2, p_z2(x.options()), z2)}};
}

torch::Tensor Hvae::reconstruct(const torch::Tensor& x) {
  const auto z2 = q_z2_given_x(x).mean();
  return p_x(q_z1(q_z1_from_x(x), z2).mean(), z2)->mean();
}

std::unique_ptr<Distribution> Hvae::generate(int64_t n, std::optional<int64_t> cluster,
                                             Generator& generator) {
  check(cluster);
  const auto z2 = p_z2(aggregated_posterior().options()).sample(generator, n, cluster);
  return p_x(p_z1_given_z2(z2).sample(generator), z2);
}

void Hvae::start_from(const torch::Tensor& x, Generator& generator) {
  p_z2->start_from(x, generator);
}

}  // namespace clade
