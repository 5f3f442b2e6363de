#include "clade/models/cagem.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/require.h"
#include "clade/models/joined.h"

namespace clade {
namespace {

// The paper leaves log σ free; these bounds only keep exp() and its inverse in float32's range.
constexpr LogVarianceRange kRange{-12, 6};

// Weights of the linear heads (the first author's public code for the sibling model ADGM).
constexpr HeadInit kHeads{1e-3};

}  // namespace

std::vector<Option> CagemOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters,
       "number of clusters K; with the exact estimator the cost of a step grows with it"},
      {"latent1", &latent1, "size of z1, the layer next to the data"},
      {"latent2", &latent2, "size of z2, the layer that chooses the cluster"}};
  return joined({ModelOptions::options(), own, trunk.options(), estimator.options()});
}

void CagemOptions::validate() const {
  ModelOptions::validate();
  require_at_least("model.clusters", static_cast<double>(clusters), 1);
  require_at_least("model.latent1", static_cast<double>(latent1), 1);
  require_at_least("model.latent2", static_cast<double>(latent2), 1);
  trunk.validate();
  estimator.validate();
}

Cagem::Cagem(const CagemOptions& options, const Parent& x, Generator& generator)
    : Model({{"y", options.clusters}}, options.estimator), p_z2{options.latent2} {
  const Parent y{"y", options.clusters};
  const Parent z1{"z1", options.latent1};
  const Parent z2{"z2", options.latent2};
  // What x has no part in reads no maps.
  const auto trunk_of = [&](const Parents& parents) {
    const auto is_x = [](const Parent& parent) { return parent.name == "x"; };
    const bool reads_x = std::any_of(parents.begin(), parents.end(), is_x);
    return reads_x ? options.trunk : options.trunk.without_convolutions();
  };
  const auto gaussian = [&](const Parents& parents, int64_t width) {
    return GaussianConditional(parents, trunk_of(parents), width, kRange, generator, kHeads);
  };
  const auto categorical = [&](const Parents& parents) {
    return CategoricalConditional(parents, trunk_of(parents), options.clusters, generator, kHeads);
  };

  q_z1_given_x = register_module("q_z1_given_x", gaussian({x}, z1.width));
  q_y_given_z1_x = register_module("q_y_given_z1_x", categorical({z1, x}));
  q_z2_given_x_y_z1 = register_module("q_z2_given_x_y_z1", gaussian({x, y, z1}, z2.width));
  p_y_given_z2 = register_module("p_y_given_z2", categorical({z2}));
  p_z1_given_y_z2 = register_module("p_z1_given_y_z2", gaussian({y, z2}, z1.width));
  p_x_given_y_z1 = register_module(
      "p_x_given_y_z1",
      Likelihood(options.likelihood, Parents{y, z1}, options.trunk, x, generator, kHeads));
}

void Cagem::infer(Trace& q, const torch::Tensor& x) {
  const auto z1 = q.latent("z1", q.once(q_z1_given_x, x));  // [B, d1]
  const auto y = q.cluster("y", q_y_given_z1_x(z1, x));     // every one, [K, 1], or a draw
  q.latent("z2", q_z2_given_x_y_z1(x, y, z1));              // [K, B, d2]
}

void Cagem::generate(Trace& p) {
  const auto z2 = p.latent("z2", p_z2);
  const auto y = p.cluster("y", p_y_given_z2(z2));         // [K, B, K]
  const auto z1 = p.latent("z1", p_z1_given_y_z2(y, z2));  // [K, B, d1]
  p.data("x|y,z1", p_x_given_y_z1(y, z1));                 // [K, B, D]
}

}  // namespace clade
