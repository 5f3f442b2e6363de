#pragma once
#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// Defaults: those of CaGeM, whose baseline it is (Maaløe, Fraccaro & Winther 2017, section 5).
struct VaeL2Options : ModelOptions {
  int64_t latent1 = 64;
  int64_t latent2 = 32;
  TrunkOptions trunk{"dense", {"1024", "512"}, "relu", true};
  std::vector<std::string> upper_layers = {"1024", "512"};

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// The VAE of two stochastic layers, inferred from the data up (Rezende et al. 2014; Burda et al.
/// 2016), which learns to leave z2 unused:
///   p(x, z1, z2) = p(x | z1) p(z1 | z2) p(z2),  p(z2) = N(0, I)
///   q(z1, z2 | x) = q(z1 | x) q(z2 | z1)
/// KL(z1) has no closed form: its p is given a z2 that was drawn given z1.
class VaeL2 : public Model {
 public:
  using Options = VaeL2Options;

  VaeL2(const VaeL2Options& options, const Parent& x, Generator& generator);

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  GaussianConditional q_z1_given_x{nullptr};
  GaussianConditional q_z2_given_z1{nullptr};
  StandardNormal p_z2;
  GaussianConditional p_z1_given_z2{nullptr};
  Likelihood p_x_given_z1{nullptr};
};

}  // namespace clade
