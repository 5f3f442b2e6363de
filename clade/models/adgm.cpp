#include "clade/models/adgm.h"

#include <torch/torch.h>

#include "clade/core/joined.h"

namespace clade {

std::vector<Option> AdgmOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters, at_least(1),
       "number of clusters K, one a class at least; with the exact estimator the cost of a step "
       "grows with it"},
      {"latent", &latent, at_least(1), "size of z"},
      {"auxiliary", &auxiliary, at_least(1), "size of the auxiliary a, which generates nothing"}};
  return joined({ModelOptions::options(), own, trunk.options(), estimator.options()});
}

void AdgmOptions::validate_together() const {
  trunk.validate();
}

Adgm::Adgm(const AdgmOptions& options, const Parent& x, Generator& generator)
    : Model({{"y", options.clusters}}, options.estimator), p_z{options.latent} {
  const Parent y{"y", options.clusters};
  const Parent z{"z", options.latent};
  const Parent a{"a", options.auxiliary};
  const auto gaussian = [&](const Parents& parents, int64_t width) {
    return GaussianConditional(parents, options.trunk, width, kFreeLogVariances, generator,
                               kSmallHeads);
  };

  q_a_given_x = register_module("q_a_given_x", gaussian({x}, a.width));
  q_y_given_a_x = register_module(
      "q_y_given_a_x", CategoricalConditional(Parents{a, x}, options.trunk, options.clusters,
                                              generator, kSmallHeads));
  q_z_given_a_x_y = register_module("q_z_given_a_x_y", gaussian({a, x, y}, z.width));
  p_x_given_y_z = register_module("p_x_given_y_z", Likelihood(options, Parents{y, z}, options.trunk,
                                                              x, generator, kSmallHeads));
  p_a_given_x_y_z = register_module("p_a_given_x_y_z", gaussian({x, y, z}, a.width));
}

void Adgm::infer(Trace& q, const torch::Tensor& x) {
  const auto a = q.latent("a", q.once(q_a_given_x, x));  // [B, d_a]
  const auto y = q.cluster("y", q_y_given_a_x(a, x));    // every one, [K, 1], or a draw
  q.latent("z", q_z_given_a_x_y(a, x, y));               // [K, B, d]
}

void Adgm::generate(Trace& p) {
  const auto y = p.cluster("y", UniformClusters{clusters()});
  const auto z = p.latent("z", p_z);
  const auto x = p.data("x|y,z", p_x_given_y_z(y, z));  // [B, D]
  p.latent("a", p_a_given_x_y_z(x, y, z));              // [K, B, d_a]
}

}  // namespace clade
