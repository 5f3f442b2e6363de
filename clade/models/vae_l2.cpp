#include "clade/models/vae_l2.h"

#include <torch/torch.h>

#include "clade/core/joined.h"

namespace clade {

std::vector<Option> VaeL2Options::options() {
  const std::vector<Option> own = {
      {"latent1", &latent1, at_least(1), "size of z1, the layer next to the data"},
      {"latent2", &latent2, at_least(1), "size of z2, the layer above it"},
      {"upper_layers", &upper_layers,
       "hidden layers between z1 and z2, as widths; `layers` are those between x and z1"}};
  return joined({ModelOptions::options(), own, trunk.options()});
}

void VaeL2Options::validate_together() const {
  trunk.validate();
  require_dense("model.upper_layers", upper_layers, "and z1 is no image");
}

VaeL2::VaeL2(const VaeL2Options& options, const Parent& x, Generator& generator)
    : p_z2{options.latent2} {
  const Parent z1{"z1", options.latent1};
  const Parent z2{"z2", options.latent2};
  TrunkOptions upper = options.trunk;
  upper.layers = options.upper_layers;
  const auto gaussian = [&](const Parent& parent, const TrunkOptions& trunk, int64_t width) {
    return GaussianConditional(Parents{parent}, trunk, width, kFreeLogVariances, generator,
                               kSmallHeads);
  };

  q_z1_given_x = register_module("q_z1_given_x", gaussian(x, options.trunk, z1.width));
  q_z2_given_z1 = register_module("q_z2_given_z1", gaussian(z1, upper, z2.width));
  p_z1_given_z2 = register_module("p_z1_given_z2", gaussian(z2, upper, z1.width));
  p_x_given_z1 = register_module(
      "p_x_given_z1", Likelihood(options, Parents{z1}, options.trunk, x, generator, kSmallHeads));
}

void VaeL2::infer(Trace& q, const torch::Tensor& x) {
  const auto z1 = q.latent("z1", q.once(q_z1_given_x, x));  // [B, d1]
  q.latent("z2", q_z2_given_z1(z1));                        // [B, d2]
}

void VaeL2::generate(Trace& p) {
  const auto z2 = p.latent("z2", p_z2);
  const auto z1 = p.latent("z1", p_z1_given_z2(z2));
  p.data("x|z1", p_x_given_z1(z1));  // [B, D]
}

}  // namespace clade
