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
  bool labels = false;     ///< Whether it learns from labels; not a setting either.
  int64_t clusters = 10;
  bool warm_up_clusters = false;
  PriorOptions prior;  ///< Of p(z); of p(z | y) as far as of_given_y() goes.
  EstimatorOptions estimator;

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// One continuous layer under a cluster, p(y) = 1/K (Lavda, Gregorova & Kalousis 2020, table 1):
///              p(x, y, z) / p(y)      q(y, z | x)
///   cp_vae     p(x | z, y) p(z | y)   q(z | x, y) q(y | x)   with conditional priors N(μ_k, σ_k)
///   indq       p(x | z, y) p(z | y)   q(z | x) q(y | x)      (the assumptions of VaDE)
///   indp       p(x | z, y) p(z)       q(z | x, y) q(y | x)
///   indqp      p(x | z, y) p(z)       q(z | x) q(y | x)
///   gm_dgm     p(x | z) p(z | y)      q(z | x, y) q(y | x)   (Willetts, Roberts & Holmes 2019)
///   m2         as indp, with y known for labelled points     (Kingma et al. 2014)
/// The encoder's hidden layers are computed once per data point; y enters at the heads of q(z|x,y),
/// as in the authors' code (their figure 2 has one more gated layer of hidden units and y). A
/// relaxed y has the prior N(Σ_k y_k μ_k, exp Σ_k y_k log σ²_k), which the exact sum is the limit
/// of as the temperature falls; the authors' code weighs the KL to every p(z | y_k) by q(y_k | x)
/// instead, whatever cluster q(z | x, y) was given.
class ClusteredVae : public Model {
 public:
  using Options = ClusteredVaeOptions;

  ClusteredVae(const ClusteredVaeOptions& options, const Parent& x, Generator& generator);

  bool takes_labels() const override { return labels; }

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  ClusterFactors given_y;
  bool labels;
  bool warm_up_clusters;
  Trunk hidden_given_x{nullptr};
  CategoricalConditional q_y_given_x{nullptr};
  GaussianConditional q_z_given_x_y{nullptr};  // or q(z | x)
  GaussianPerCluster p_z_given_y{nullptr};     // this …
  Prior p_z{nullptr};                          // … or this
  Likelihood p_x_given_z_y{nullptr};           // or p(x | z)
};

}  // namespace clade
