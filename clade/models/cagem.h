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
  TrunkOptions trunk{"dense", {"1024", "512"}, "relu", true};
  EstimatorOptions estimator;

  std::vector<Option> options() override;
  void validate() const override;
};

/// CaGeM, the cluster-aware generative model (Maaløe, Fraccaro & Winther 2017), without labels:
///   p(x, y, z1, z2) = p(x | y, z1) p(z1 | y, z2) p(y | z2) p(z2),  p(z2) = N(0, I)
///   q(y, z1, z2 | x) = q(z1 | x) q(y | z1, x) q(z2 | x, y, z1)
class Cagem : public Model {
 public:
  using Options = CagemOptions;

  Cagem(const CagemOptions& options, const Parent& x, Generator& generator);

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  GaussianConditional q_z1_given_x{nullptr};
  CategoricalConditional q_y_given_z1_x{nullptr};
  GaussianConditional q_z2_given_x_y_z1{nullptr};
  StandardNormal p_z2;
  CategoricalConditional p_y_given_z2{nullptr};
  GaussianConditional p_z1_given_y_z2{nullptr};
  Likelihood p_x_given_y_z1{nullptr};
};

}  // namespace clade
