#include "clade/models/clustered_vae.h"

#include <torch/torch.h>

#include "clade/distributions/likelihood_kinds.h"

namespace clade {

std::vector<Option> ClusteredVaeOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters, at_least(1),
       "number of clusters K; with the exact estimator the cost of a step grows with it"},
      {"warm_up_clusters", &warm_up_clusters,
       "whether KL warm-up weighs KL(y) too, as CP-VAE's paper does; if not, only KL(z): while "
       "KL(y) costs next to nothing, clusters are easily drawn into one"}};
  return joined({OneLayerOptions::options(), own,
                 given_y.prior ? prior.of_given_y() : prior.options(), estimator.options()});
}

void ClusteredVaeOptions::validate_together() const {
  OneLayerOptions::validate_together();
  Range().not_empty().check("model.layers", trunk.layers);
}

ClusteredVae::ClusteredVae(const ClusteredVaeOptions& options, const Parent& x,
                           Generator& generator)
    : Model({{"y", options.clusters}}, options.estimator),
      given_y(options.given_y),
      labels(options.labels),
      warm_up_clusters(options.warm_up_clusters) {
  const int64_t K = options.clusters;
  const int64_t d = options.latent;
  // At first only the conditional priors tell clusters apart. Were the decoder to prefer one of
  // them by the accident of its weights, q(y|x) would give it every point before z has learned
  // anything.
  const Parent y{"y", K, /*silent_at_first=*/true};
  const TrunkOptions heads_only{.layers = {}};
  const LogVarianceRange range;

  hidden_given_x = register_module("hidden_given_x", Trunk(Parents{x}, options.trunk, generator));
  const Parent& hidden = hidden_given_x->output();
  q_y_given_x = register_module("q_y_given_x",
                                CategoricalConditional(Parents{hidden}, heads_only, K, generator));
  q_z_given_x_y =
      register_module(given_y.posterior ? "q_z_given_x_y" : "q_z_given_x",
                      GaussianConditional(given_y.posterior ? Parents{hidden, y} : Parents{hidden},
                                          heads_only, d, range, generator));
  if (given_y.prior) {
    p_z_given_y = register_module(
        "p_z_given_y",
        GaussianPerCluster(K, d, range, options.prior.spread, options.prior.trainable, generator));
  } else {
    // A pseudo-input is encoded as a data point is, in the cluster it most likely belongs to.
    const auto encoder = [this](const torch::Tensor& u) {
      const auto h = hidden_given_x(u);
      return given_y.posterior ? q_z_given_x_y(h, q_y_given_x(h).probs().argmax(-1))
                               : q_z_given_x_y(h);
    };
    p_z = register_module("p_z", Prior(options.prior, d, x.width, is_bounded(options.likelihood),
                                       range, encoder, generator));
  }
  const Parent z{"z", d};
  p_x_given_z_y = register_module(given_y.decoder ? "p_x_given_z_y" : "p_x_given_z",
                                  Likelihood(options, given_y.decoder ? Parents{z, y} : Parents{z},
                                             options.trunk, x, generator));
}

void ClusteredVae::infer(Trace& q, const torch::Tensor& x) {
  const auto h = q.once(hidden_given_x, x);               // [B, H]
  const auto y = q.cluster("y", q.once(q_y_given_x, h));  // every one, [K, 1], or a draw
  q.latent("z", given_y.posterior ? q_z_given_x_y(h, y) : q.once(q_z_given_x_y, h));  // [K, B, d]
}

void ClusteredVae::generate(Trace& p) {
  const auto y = p.cluster("y", UniformClusters{clusters(), warm_up_clusters});
  const auto z = given_y.prior ? p.latent("z", p_z_given_y(y)) : p.latent("z", p_z);
  if (given_y.decoder) {
    p.data("x|z,y", p_x_given_z_y(z, y));  // [K, B, D]
  } else {
    p.data("x|z", p_x_given_z_y(z));
  }
}

}  // namespace clade
