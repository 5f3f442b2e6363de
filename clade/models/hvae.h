#pragma once
#include "clade/models/model.h"
#include "clade/nets/prior.h"

namespace clade {

/// Defaults: CP-VAE, section 6 (Lavda et al. 2020), on the layout of Tomczak & Welling (2018).
struct HvaeOptions : ModelOptions {
  int64_t latent1 = 40;
  int64_t latent2 = 40;
  TrunkOptions trunk{"gated", {"300", "300"}, "relu", false};
  PriorOptions prior;  ///< Of z2.

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// The hierarchical VAE of Tomczak & Welling (2018, section 4), both layers reached from x:
///   p(x, z1, z2) = p(x | z1, z2) p(z1 | z2) p(z2)
///   q(z1, z2 | x) = q(z1 | x, z2) q(z2 | x)
/// p(z2) is N(0, I), a learned mixture, or a VampPrior of q(z2 | x). The components of a mixture
/// count as clusters. A network of two parents gives each a first hidden layer of its own.
class Hvae : public Model {
 public:
  using Options = HvaeOptions;

  Hvae(const HvaeOptions& options, const Parent& x, Generator& generator);

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  GaussianConditional q_z2_given_x{nullptr};
  Trunk q_z1_from_x{nullptr}, q_z1_from_z2{nullptr};
  GaussianConditional q_z1_given_x_z2{nullptr};
  Prior p_z2{nullptr};
  GaussianConditional p_z1_given_z2{nullptr};
  Trunk p_x_from_z1{nullptr}, p_x_from_z2{nullptr};
  Likelihood p_x_given_z1_z2{nullptr};
};

}  // namespace clade
