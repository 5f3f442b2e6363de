#pragma once
#include "clade/models/estimator.h"
#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// Defaults: the paper's (Maaløe, Fraccaro & Winther 2017, section 5).
struct CagemOptions : ModelOptions {
  int64_t clusters = 10;
  int64_t latent1 = 64;
  int64_t latent2 = 32;
  bool skip = true;  ///< Whether q(z2 | x, y, z1) reads x itself.
  bool warm_up_clusters = true;
  TrunkOptions trunk{"dense", {"1024", "512"}, "relu", true};
  /// Pairs that q(y | x) never uses would rule the batch norms, and y fall out of use.
  EstimatorOptions estimator{.weigh_statistics = true};

  void take_former_defaults() override { estimator.weigh_statistics = false; }
  std::vector<Option> options() override;
  void validate_together() const override;
};

/// CaGeM, the cluster-aware generative model (Maaløe, Fraccaro & Winther 2017):
///   p(x, y, z1, z2) = p(x | y, z1) p(z1 | y, z2) p(y | z2) p(z2),  p(z2) = N(0, I)
///   q(y, z1, z2 | x) = q(z1 | x) q(y | z1, x) q(z2 | x, y, z1)
/// With labels its clusters are classes. Labelled points are among those of the bound, in which
/// nobody knows their label; beside it stand the cross-entropies of the two classifiers,
///   q(y | x) = E_q(z1|x) q(y | z1, x)
///   p(y | x) = E_q(z1|x) Σ_ỹ q(ỹ | z1, x) E_q(z2|x,ỹ,z1) p(y | z2)
/// whose gradients reach the parameters of q(y | z1, x) and p(y | z2) and no others, so that the
/// representation does not overfit the few labels (section 4).
class Cagem : public Model {
 public:
  using Options = CagemOptions;

  Cagem(const CagemOptions& options, const Parent& x, Generator& generator);

  bool takes_labels() const override { return true; }

  /// The two cross-entropies, as classification terms: no bound of the labelled points.
  Bound labelled_bound(const torch::Tensor& x, const torch::Tensor& y,
                       Generator& generator) override;

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  DiagonalGaussian q_z2(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& z1);

  bool skip;
  bool warm_up_clusters;
  GaussianConditional q_z1_given_x{nullptr};
  CategoricalConditional q_y_given_z1_x{nullptr};
  GaussianConditional q_z2_given_x_y_z1{nullptr};  // or q(z2 | y, z1)
  StandardNormal p_z2;
  CategoricalConditional p_y_given_z2{nullptr};
  GaussianConditional p_z1_given_y_z2{nullptr};
  Likelihood p_x_given_y_z1{nullptr};
};

}  // namespace clade
