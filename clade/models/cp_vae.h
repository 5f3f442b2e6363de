#pragma once
#include "clade/models/estimator.h"
#include "clade/models/one_layer.h"

namespace clade {

struct CpVaeOptions : OneLayerOptions {
  int64_t clusters = 10;
  bool trainable_prior = true;
  EstimatorOptions estimator;

  std::vector<Option> options() override;
  void validate() const override;
};

/// CP-VAE, the VAE with data-dependent conditional priors (Lavda, Gregorova & Kalousis 2020):
///   p(x, y, z) = p(x | z, y) p(z | y) p(y),  p(z | y_k) = N(μ_k, σ_k) learned,  p(y) = 1/K
///   q(y, z | x) = q(z | x, y) q(y | x)
/// The encoder's hidden layers are computed once per data point; y enters at the heads of q(z|x,y).
class CpVae : public Model {
 public:
  using Options = CpVaeOptions;
  static constexpr const char* kName = "cp_vae";
  static constexpr const char* kSummary = "one continuous layer, one learned prior per cluster";

  CpVae(const CpVaeOptions& options, int64_t features, Generator& generator);

  Bound bound(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor log_weights(const torch::Tensor& x, int64_t samples, Generator& generator) override;
  torch::Tensor cluster_probabilities(const torch::Tensor& x, Generator& generator) override;
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator) override;
  torch::Tensor decode(const torch::Tensor& z, const torch::Tensor& y) override;
  torch::Tensor sample(int64_t n, std::optional<int64_t> cluster, Generator& generator) override;
  void begin_epoch(int64_t epoch) override { estimator.begin_epoch(epoch); }

 private:
  Trunk hidden_given_x{nullptr};
  CategoricalConditional q_y_given_x{nullptr};
  GaussianConditional q_z_given_x_y{nullptr};
  GaussianPerCluster p_z_given_y{nullptr};
  Likelihood p_x_given_z_y{nullptr};
  Estimator estimator;
};

}  // namespace clade
