#include "clade/models/gmvae.h"

#include <torch/torch.h>

namespace clade {

GmvaeOptions::GmvaeOptions() {
  latent = 200;
  trunk = {"dense", {"500"}, "relu", true};
}

std::vector<Option> GmvaeOptions::options() {
  return joined(
      {OneLayerOptions::options(),
       {{"latent_w", &latent_w, at_least(1),
         "size of the style w, of which the clusters in z are made"},
        {"clusters", &clusters, at_least(1),
         "number of clusters K: the last layer from w to z has K times as many units"},
        {"prior_layers", &prior_layers, at_least(1), "tanh layers from w to the clusters in z"},
        {"prior_spread", &prior_spread, at_least(0),
         "standard deviation of the clusters' means at w = 0 at the start"},
        {"bound", &bound, any_of({"published", "tight"}),
         "what training descends: published (eq. 4 of the paper, a looser bound) or tight (the "
         "bound itself); both are measured"},
        {"information_floor", &information_floor, at_least(0),
         "λ, in nats: training charges at least this for a batch's mean KL(y), so that clusters "
         "can part before it pulls them together; 0 for none"}}});
}

void GmvaeOptions::validate_together() const {
  OneLayerOptions::validate_together();
  Range().not_empty().check("model.layers", trunk.layers);
}

Gmvae::Gmvae(const GmvaeOptions& options, const Parent& x, Generator& generator)
    : Model({{"y", options.clusters}}),
      trains_on_eq_4(options.bound == "published"),
      information_floor(options.information_floor),
      p_w{options.latent_w} {
  const Parent w{"w", options.latent_w};
  const Parent z{"z", options.latent};
  const TrunkOptions heads_only{.layers = {}};
  TrunkOptions tanh{"dense", {}, "tanh", false};
  for (const int64_t units : options.prior_layers) tanh.layers.push_back(std::to_string(units));

  hidden_given_x = register_module("hidden_given_x", Trunk(Parents{x}, options.trunk, generator));
  const Parents hidden = {hidden_given_x->output()};
  q_w_given_x = register_module("q_w_given_x", GaussianConditional(hidden, heads_only, w.width,
                                                                   kFreeLogVariances, generator));
  q_z_given_x = register_module("q_z_given_x", GaussianConditional(hidden, heads_only, z.width,
                                                                   kFreeLogVariances, generator));
  p_z_given_w = register_module(
      "p_z_given_w", MixtureConditional(w, tanh, options.clusters, z.width, kFreeLogVariances,
                                        options.prior_spread, generator));
  p_x_given_z =
      register_module("p_x_given_z", Likelihood(options, Parents{z}, options.trunk, x, generator));
}

void Gmvae::infer(Trace& q, const torch::Tensor& x) {
  const auto h = q.once(hidden_given_x, x);                     // [B, H]
  const auto w = q.latent("w", q.once(q_w_given_x, h));         // [B, d_w]
  const auto z = q.latent("z", q.once(q_z_given_x, h));         // [B, d_z]
  q.cluster("y", q.shared(p_z_given_w, w).component_given(z));  // p(y|z,w), eq. 3
}

void Gmvae::generate(Trace& p) {
  const auto w = p.latent("w", p_w);
  const auto y = p.cluster("y", UniformClusters{clusters(), /*warms_up=*/true, information_floor});
  const auto z = p.latent("z", p.shared(p_z_given_w, w).component(y));  // [K, B, d_z]
  p.data("x|z", p_x_given_z(z));                                        // [B, D]
}

}  // namespace clade
