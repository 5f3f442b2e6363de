#pragma once
#include "clade/models/estimator.h"
#include "clade/models/one_layer.h"
#include "clade/nets/prior.h"

namespace clade {

/// What may depend on the cluster; the factors in which the models of this family differ.
struct ClusterFactors {
  bool prior = true;      ///< p(z | y), a learned Gaussian each, or p(z).
  bool posterior = true;  ///< q(z | x, y) or q(z | x).
  bool decoder = true;    ///< p(x | z, y) or p(x | z).
};

struct ClusteredVaeOptions : OneLayerOptions {
  ClusterFactors given_y;  ///< Not a setting: the model's name says it.
  int64_t clusters = 10;
  PriorOptions prior;  ///< Of p(z); of p(z | y) as far as of_given_y() goes.
  EstimatorOptions estimator;

  std::vector<Option> options() override;
  void validate() const override;
};

/// One continuous layer under a cluster, p(y) = 1/K (Lavda, Gregorova & Kalousis 2020, table 1):
///              p(x, y, z) / p(y)      q(y, z | x)
///   cp_vae     p(x | z, y) p(z | y)   q(z | x, y) q(y | x)   with conditional priors N(μ_k, σ_k)
///   indq       p(x | z, y) p(z | y)   q(z | x) q(y | x)      (the assumptions of VaDE)
///   indp       p(x | z, y) p(z)       q(z | x, y) q(y | x)   (M2 of Kingma et al. 2014, no labels)
///   indqp      p(x | z, y) p(z)       q(z | x) q(y | x)
///   gm_dgm     p(x | z) p(z | y)      q(z | x, y) q(y | x)   (Willetts, Roberts & Holmes 2019)
/// The encoder's hidden layers are computed once per data point; y enters at the heads of q(z|x,y),
/// as in the authors' code (their figure 2 has one more gated layer of hidden units and y). A
/// relaxed y has the prior N(Σ_k y_k μ_k, exp Σ_k y_k log σ²_k), which the exact sum is the limit
/// of as the temperature falls; the authors' code weighs the KL to every p(z | y_k) by q(y_k | x)
/// instead, whatever cluster q(z | x, y) was given.
class ClusteredVae : public Model {
 public:
  using Options = ClusteredVaeOptions;

  ClusteredVae(const ClusteredVaeOptions& options, int64_t features, Generator& generator);

  Bound bound(const torch::Tensor& x, Generator& generator) override;
  LogWeights log_weights(const torch::Tensor& x) override;
  torch::Tensor cluster_probabilities(const torch::Tensor& x, Generator& generator) override;
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor reconstruct(const torch::Tensor& x) override;
  std::unique_ptr<Distribution> generate(int64_t n, std::optional<int64_t> cluster,
                                         Generator& generator) override;
  torch::Tensor cluster_weights(Generator&) override { return aggregated_posterior(); }
  std::optional<Bound> relaxed_bound(const torch::Tensor& x, Generator& generator) override;
  std::optional<Information> information(const torch::Tensor& x, Generator& generator) override;
  void begin_epoch(int64_t epoch) override { estimator.begin_epoch(epoch); }
  void start_from(const torch::Tensor& x, Generator& generator) override;

 private:
  Bound bound_over(const torch::Tensor& x, const torch::Tensor& h, const Categorical& q_y,
                   const ClusterDraws& draws, Generator& generator);

  // Each takes y whether or not its distribution depends on it. h: [B, H].
  DiagonalGaussian q_z(const torch::Tensor& h, const torch::Tensor& y);
  GaussianMixture p_z(const torch::Tensor& y);
  std::unique_ptr<Distribution> p_x(const torch::Tensor& z, const torch::Tensor& y);

  ClusterFactors given_y;
  Trunk hidden_given_x{nullptr};
  CategoricalConditional q_y_given_x{nullptr};
  GaussianConditional posterior{nullptr};   // q(z | x, y) or q(z | x)
  GaussianPerCluster p_z_given_y{nullptr};  // this …
  Prior p_z_alone{nullptr};                 // … or this
  Likelihood decoder{nullptr};              // p(x | z, y) or p(x | z)
  Estimator estimator;
};

}  // namespace clade
