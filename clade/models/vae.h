#pragma once
#include "clade/models/one_layer.h"
#include "clade/nets/prior.h"

namespace clade {

struct VaeOptions : OneLayerOptions {
  PriorOptions prior;

  std::vector<Option> options() override;
  void validate() const override;
};

/// The variational auto-encoder (Kingma & Welling 2014; Rezende et al. 2014):
///   p(x, z) = p(x | z) p(z),  q(z | x).
/// p(z) is N(0, I), a learned mixture, or a VampPrior (Tomczak & Welling 2018). The components of a
/// mixture count as clusters.
class Vae : public Model {
 public:
  using Options = VaeOptions;

  Vae(const VaeOptions& options, int64_t features, Generator& generator);

  int64_t decodings() const override { return 1; }
  Bound bound(const torch::Tensor& x, Generator& generator) override;
  LogWeights log_weights(const torch::Tensor& x) override;
  torch::Tensor cluster_probabilities(const torch::Tensor& x, Generator& generator) override;
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor reconstruct(const torch::Tensor& x) override;
  std::unique_ptr<Distribution> generate(int64_t n, std::optional<int64_t> cluster,
                                         Generator& generator) override;
  std::optional<Information> information(const torch::Tensor& x, Generator& generator) override;
  void start_from(const torch::Tensor& x, Generator& generator) override;

 private:
  GaussianConditional q_z_given_x{nullptr};
  Prior p_z{nullptr};
  Likelihood p_x_given_z{nullptr};
};

}  // namespace clade
