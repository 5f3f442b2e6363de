#include "clade/models/vae.h"

#include <torch/torch.h>

#include "clade/distributions/likelihood_kinds.h"

namespace clade {

std::vector<Option> VaeOptions::options() {
  return joined({OneLayerOptions::options(), prior.options()});
}

Vae::Vae(const VaeOptions& options, const Parent& x, Generator& generator)
    : Model(components_of(options.prior)) {
  const Parent z{"z", options.latent};
  const LogVarianceRange range;
  q_z_given_x = register_module(
      "q_z_given_x", GaussianConditional(Parents{x}, options.trunk, z.width, range, generator));
  p_x_given_z =
      register_module("p_x_given_z", Likelihood(options, Parents{z}, options.trunk, x, generator));
  p_z =
      register_module("p_z", Prior(options.prior, z.width, x.width, is_bounded(options.likelihood),
                                   range, q_z_given_x, generator));
}

void Vae::infer(Trace& q, const torch::Tensor& x) {
  q.latent("z", q.once(q_z_given_x, x));  // [B, d]
}

void Vae::generate(Trace& p) {
  const auto z = p.latent("z", p_z);
  p.data("x|z", p_x_given_z(z));  // [B, D]
}

}  // namespace clade
