#pragma once
#include "clade/models/one_layer.h"

namespace clade {

struct VaeOptions : OneLayerOptions {};

/// The variational auto-encoder (Kingma & Welling 2014; Rezende et al. 2014):
///   p(x, z) = p(x | z) p(z),  p(z) = N(0, I),  q(z | x).
class Vae : public Model {
 public:
  using Options = VaeOptions;
  static constexpr const char* kName = "vae";
  static constexpr const char* kSummary = "one continuous layer, no cluster (the baseline)";

  Vae(const VaeOptions& options, int64_t features, Generator& generator);

  Bound bound(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor log_weights(const torch::Tensor& x, int64_t samples, Generator& generator) override;
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor decode(const torch::Tensor& z, const torch::Tensor& y) override;
  torch::Tensor sample(int64_t n, std::optional<int64_t> cluster, Generator& generator) override;

 private:
  GaussianConditional q_z_given_x{nullptr};
  StandardNormal p_z;
  Likelihood p_x_given_z{nullptr};
  int64_t latent;
};

}  // namespace clade
