#pragma once
#include "clade/models/model.h"
#include "clade/nets/prior.h"

namespace clade {

/// Defaults: CP-VAE, section 6 (Lavda et al. 2020), on the layout of Tomczak & Welling (2018).
struct HvaeOptions : ModelOptions {
  int64_t latent1 = 40;
  int64_t latent2 = 40;
  TrunkOptions trunk{"gated", {300, 300}, "relu", false};
  PriorOptions prior;  ///< Of z2.

  std::vector<Option> options() override;
  void validate() const override;
};

/// The hierarchical VAE of Tomczak & Welling (2018, section 4), both layers reached from x:
///   p(x, z1, z2) = p(x | z1, z2) p(z1 | z2) p(z2)
///   q(z1, z2 | x) = q(z1 | x, z2) q(z2 | x)
/// p(z2) is N(0, I), a learned mixture, or a VampPrior of q(z2 | x). The components of a mixture
/// count as clusters. A network of two parents gives each a first hidden layer of its own.
class Hvae : public Model {
 public:
  using Options = HvaeOptions;

  Hvae(const HvaeOptions& options, int64_t features, Generator& generator);

  int64_t decodings() const override { return 1; }
  Bound bound(const torch::Tensor& x, Generator& generator) override;
  LogWeights log_weights(const torch::Tensor& x) override;
  torch::Tensor cluster_probabilities(const torch::Tensor& x, Generator& generator) override;
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor reconstruct(const torch::Tensor& x) override;
  std::unique_ptr<Distribution> generate(int64_t n, std::optional<int64_t> cluster,
                                         Generator& generator) override;
  void start_from(const torch::Tensor& x, Generator& generator) override;

 private:
  /// q(z1 | x, z2), with q_z1_from_x(x) for x.
  DiagonalGaussian q_z1(const torch::Tensor& h, const torch::Tensor& z2);
  std::unique_ptr<Distribution> p_x(const torch::Tensor& z1, const torch::Tensor& z2);

  GaussianConditional q_z2_given_x{nullptr};
  Trunk q_z1_from_x{nullptr}, q_z1_from_z2{nullptr};
  GaussianConditional q_z1_given_x_z2{nullptr};
  Prior p_z2{nullptr};
  GaussianConditional p_z1_given_z2{nullptr};
  Trunk p_x_from_z1{nullptr}, p_x_from_z2{nullptr};
  Likelihood p_x_given_z1_z2{nullptr};
};

}  // namespace clade
