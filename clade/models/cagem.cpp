#include "clade/models/cagem.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "clade/core/joined.h"
#include "clade/nets/batch_norm.h"

namespace clade {

std::vector<Option> CagemOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters, at_least(1),
       "number of clusters K; with the exact estimator the cost of a step grows with it"},
      {"latent1", &latent1, at_least(1), "size of z1, the layer next to the data"},
      {"latent2", &latent2, at_least(1),
       "size of z2, the layer that chooses the cluster; 2 for a map of what is generated"},
      {"skip", &skip, "whether q(z2|x,y,z1) reads x itself beside y and z1, as in the paper"},
      {"warm_up_clusters", &warm_up_clusters,
       "whether KL warm-up weighs KL(y) too, as the paper does"}};
  return joined({ModelOptions::options(), own, trunk.options(), estimator.options()});
}

void CagemOptions::validate_together() const {
  trunk.validate();
}

Cagem::Cagem(const CagemOptions& options, const Parent& x, Generator& generator)
    : Model({{"y", options.clusters}}, options.estimator),
      skip(options.skip),
      warm_up_clusters(options.warm_up_clusters),
      p_z2{options.latent2} {
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
    return GaussianConditional(parents, trunk_of(parents), width, kFreeLogVariances, generator,
                               kSmallHeads);
  };
  const auto categorical = [&](const Parents& parents) {
    return CategoricalConditional(parents, trunk_of(parents), options.clusters, generator,
                                  kSmallHeads);
  };

  q_z1_given_x = register_module("q_z1_given_x", gaussian({x}, z1.width));
  q_y_given_z1_x = register_module("q_y_given_z1_x", categorical({z1, x}));
  q_z2_given_x_y_z1 =
      register_module(skip ? "q_z2_given_x_y_z1" : "q_z2_given_y_z1",
                      gaussian(skip ? Parents{x, y, z1} : Parents{y, z1}, z2.width));
  p_y_given_z2 = register_module("p_y_given_z2", categorical({z2}));
  p_z1_given_y_z2 = register_module("p_z1_given_y_z2", gaussian({y, z2}, z1.width));
  p_x_given_y_z1 = register_module(
      "p_x_given_y_z1",
      Likelihood(options, Parents{y, z1}, options.trunk, x, generator, kSmallHeads));
}

DiagonalGaussian Cagem::q_z2(const torch::Tensor& x, const torch::Tensor& y,
                             const torch::Tensor& z1) {
  return skip ? q_z2_given_x_y_z1(x, y, z1) : q_z2_given_x_y_z1(y, z1);
}

void Cagem::infer(Trace& q, const torch::Tensor& x) {
  const auto z1 = q.latent("z1", q.once(q_z1_given_x, x));  // [B, d1]
  const auto y = q.cluster("y", q_y_given_z1_x(z1, x));     // every one, [K, 1], or a draw
  q.latent("z2", q_z2(x, y, z1));                           // [K, B, d2]
}

void Cagem::generate(Trace& p) {
  const auto z2 = p.latent("z2", p_z2);
  const auto y = p.cluster("y", p_y_given_z2(z2), warm_up_clusters);  // [K, B, K]
  const auto z1 = p.latent("z1", p_z1_given_y_z2(y, z2));             // [K, B, d1]
  p.data("x|y,z1", p_x_given_y_z1(y, z1));                            // [K, B, D]
}

Bound Cagem::labelled_bound(const torch::Tensor& x, const torch::Tensor& y, Generator& generator) {
  const auto held = [](const auto& draw) {
    const torch::NoGradGuard only_clusters_learn;
    return draw();
  };
  const auto z1 = held([&] { return q_z1_given_x(x).sample(generator); });  // [B, d1]
  const Categorical q_y = q_y_given_z1_x(z1, x);                            // [B, K]
  // As in the bound, or p(y|z2) would learn from a z2 that it is not used on.
  std::optional<ShareScope> statistics;
  if (weighs_statistics()) statistics.emplace(q_y.probs().t().detach());
  const auto z2 = held([&] {
    return q_z2(x, every_cluster(clusters(), x.device()), z1).sample(generator);  // [K, B, d2]
  });
  const Categorical p_y = p_y_given_z2(z2);  // [K, B, K], of each ỹ
  const auto log_p_y = torch::logsumexp(
      q_y.log_probs().t() + p_y.log_prob(y.expand({clusters(), y.size(0)})), 0);  // [B]
  return {{{"H(q(y|x))", -q_y.log_prob(y), Role::classification},
           {"H(p(y|x))", -log_p_y, Role::classification}}};
}

}  // namespace clade
