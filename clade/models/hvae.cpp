#include "clade/models/hvae.h"

#include <torch/torch.h>

#include "clade/core/joined.h"
#include "clade/distributions/likelihood_kinds.h"

namespace clade {

std::vector<Option> HvaeOptions::options() {
  const std::vector<Option> own = {
      {"latent1", &latent1, at_least(1), "size of z1, the layer next to the data"},
      {"latent2", &latent2, at_least(1), "size of z2, the layer above it"}};
  auto hidden = trunk.options();
  for (Option& option : hidden) {
    if (option.name == "layers") option.help = "widths of the hidden layers, from the data on";
  }
  return joined({ModelOptions::options(), own, hidden, prior.options()});
}

void HvaeOptions::validate_together() const {
  Range().not_empty().check("model.layers", trunk.layers);
  trunk.validate();
  require_dense("model.layers", trunk.layers, "which hvae and hvp do not have");
}

Hvae::Hvae(const HvaeOptions& options, const Parent& x, Generator& generator)
    : Model(components_of(options.prior)) {
  const Parent z1{"z1", options.latent1};
  const Parent z2{"z2", options.latent2};
  const LogVarianceRange range;
  const auto& layers = options.trunk.layers;
  TrunkOptions own = options.trunk, joint = options.trunk;
  own.layers = {layers.front()};
  joint.layers = {layers.begin() + 1, layers.end()};
  const auto first_layer = [&](const Parent& parent) {
    return Trunk(Parents{parent}, own, generator);
  };
  const auto h = [&](const Parent& parent) {
    return Layer(layers.front()).output("hidden_" + parent.name, {parent});
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
      "p_x_given_z1_z2", Likelihood(options, Parents{h(z1), h(z2)}, joint, x, generator));
  p_z2 = register_module(
      "p_z2", Prior(options.prior, z2.width, x.width, is_bounded(options.likelihood), range,
                    q_z2_given_x, generator));
}

void Hvae::infer(Trace& q, const torch::Tensor& x) {
  const auto z2 = q.latent("z2", q.once(q_z2_given_x, x));  // [B, d2]
  const auto h = q.once(q_z1_from_x, x);
  q.latent("z1", q_z1_given_x_z2(h, q_z1_from_z2(z2)));  // [B, d1]
}

void Hvae::generate(Trace& p) {
  const auto z2 = p.latent("z2", p_z2);
  const auto z1 = p.latent("z1", p_z1_given_z2(z2));
  p.data("x|z1,z2", p_x_given_z1_z2(p_x_from_z1(z1), p_x_from_z2(z2)));
}

}  // namespace clade
