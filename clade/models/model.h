#pragma once
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/core/random.h"
#include "clade/distributions/distribution.h"
#include "clade/models/bound.h"
#include "clade/models/information.h"

namespace clade {

/// S draws of log p(x, latents) − log q(latents | x) for some x, [S, B].
using LogWeights = std::function<torch::Tensor(int64_t samples, Generator& generator)>;

/// The posterior of one continuous layer.
struct LayerPosterior {
  std::string name;          ///< "z", "z1", "z2", from the data up.
  torch::Tensor mean;        // [B, d] at the most probable cluster
  torch::Tensor divergence;  // [B, d] KL per unit, in nats, expected over clusters
};

/// What every model's settings share.
struct ModelOptions : Options {
  std::string likelihood = "bernoulli";

  /// The shared settings, to which a model adds its own.
  std::vector<Option> options() override;
  void validate() const override;
};

/// A deep generative model with continuous and possibly discrete latents. All sizes follow
/// [samples S, clusters K, batch B, features D], leading ones optional. A model knows nothing of
/// files, optimisers or pictures. Draws come from the generator that each call is given.
///
/// In training mode expectations over the cluster follow the model's estimator; in evaluation mode
/// they are always sums over all K clusters, so that a reported bound is an honest one.
class Model : public torch::nn::Module {
 public:
  explicit Model(int64_t clusters);

  /// Number of clusters K: of the discrete latent, or the components of a mixture prior; 1 where
  /// there is neither.
  int64_t clusters() const { return clusters_; }

  /// How often a bound decodes each data point: what its memory grows with.
  virtual int64_t decodings() const { return clusters_; }

  /// x: [B, D].
  virtual Bound bound(const torch::Tensor& x, Generator& generator) = 0;

  /// What draws log p(x, latents) − log q(latents | x) for x, [B, D]: the mean over draws is the
  /// ELBO, the log-mean-exp the importance-weighted bound F_S (Burda et al. 2016). What depends on
  /// x alone is computed here, once, however often it draws; it refers to the model.
  virtual LogWeights log_weights(const torch::Tensor& x) = 0;

  /// q(y | x), or that of the prior's component: [B, D] -> [B, K]. Ones where K is 1.
  virtual torch::Tensor cluster_probabilities(const torch::Tensor& x, Generator& generator);

  /// Every continuous layer, from the data up. x: [B, D].
  virtual std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) = 0;

  /// p(x | latents), [n, D], for n draws of the latents from the generative model. `cluster` fixes
  /// y; without it y is drawn as the model says (see aggregated_posterior).
  virtual std::unique_ptr<Distribution> generate(int64_t n, std::optional<int64_t> cluster,
                                                 Generator& generator) = 0;

  /// How often `generate` draws each cluster where none is given, [K]: a component of a mixture
  /// p(z) as often as any other; p(y) fixed and uniform, as the aggregated posterior has it.
  virtual torch::Tensor cluster_weights(Generator& generator);

  /// E[x | latents] of such draws, what people look at: [n, D].
  torch::Tensor sample(int64_t n, std::optional<int64_t> cluster, Generator& generator) {
    return generate(n, cluster, generator)->mean();
  }

  /// E[x | latents] at the posterior means of x's most probable cluster: [B, D] -> [B, D].
  virtual torch::Tensor reconstruct(const torch::Tensor& x) = 0;

  /// The bound with a relaxed draw of the cluster in place of the sum: no bound on log p(x), but
  /// what some publish. Nothing where the model's estimator relaxes nothing.
  virtual std::optional<Bound> relaxed_bound(const torch::Tensor&, Generator&) { return {}; }

  /// The KL of the latents over x, [N, D], taken apart; nothing where that is not known.
  virtual std::optional<Information> information(const torch::Tensor&, Generator&) { return {}; }

  /// Called once with the training points [N, D], before the first step of a new model.
  virtual void start_from(const torch::Tensor&, Generator&) {}

  /// Called before each epoch of training, from 0; temperature schedules live here.
  virtual void begin_epoch(int64_t) {}

  /// q(y), the mean of q(y | x) over the training data, [K]: stored with a trained model, and what
  /// `sample` draws y from where p(y) is fixed and uniform. Uniform until it is set.
  const torch::Tensor& aggregated_posterior() const { return aggregated_posterior_; }
  void set_aggregated_posterior(const torch::Tensor& q_y);  // [K]

 protected:
  /// y for n generated points, int64 [n]: all `cluster`, or drawn from the aggregated
  /// posterior.
  torch::Tensor draw_clusters(int64_t n, std::optional<int64_t> cluster,
                              Generator& generator) const;

  /// Throws Error where there is no such cluster.
  void check(std::optional<int64_t> cluster) const;

 private:
  int64_t clusters_;
  torch::Tensor aggregated_posterior_;  // [K] buffer
};

/// Whether clusters of these weights, [K], are drawn alike.
bool all_alike(const torch::Tensor& weights);

}  // namespace clade
