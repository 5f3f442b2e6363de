#pragma once
#include <functional>
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/distributions/gaussian_mixture.h"
#include "clade/nets/conditional.h"

namespace clade {

/// Which p(z) a latent without a cluster above it has.
struct PriorOptions {
  std::string kind = "standard_normal";  ///< "standard_normal", "mixture" or "vampprior".
  int64_t components = 10;               ///< Of a mixture; pseudo-inputs of a vampprior.
  double spread = 0.1;  ///< Deviation of the means of a mixture, or of p(z | y), at the start.
  bool trainable = true;
  std::string pseudo_inputs = "noise";  ///< What they start as: "noise" or "data".

  /// M, the components of p(z).
  int64_t size() const { return kind == "standard_normal" ? 1 : components; }

  /// The settings as they stand in an experiment file, for a model's own list; of_given_y() those
  /// that concern p(z | y).
  std::vector<Option> options();
  std::vector<Option> of_given_y();
};

/// p(z) as a component any model may take:
///   standard_normal   N(0, I)
///   mixture           1/M Σ_m N(μ_m, σ_m), all learned
///   vampprior         1/M Σ_m q(z | u_m), pseudo-inputs u_m learned (Tomczak & Welling 2018); with
///                     pseudo-inputs that start as data and stay, a prior of fixed exemplars
class PriorImpl : public torch::nn::Module {
 public:
  /// What a vampprior reads its components with: q(z | x), [M, D] -> [M, d].
  using Posterior = std::function<DiagonalGaussian(const torch::Tensor& x)>;

  /// `bounded` keeps pseudo-inputs in [0, 1], where the data are.
  PriorImpl(const PriorOptions& options, int64_t latent, int64_t features, bool bounded,
            const LogVarianceRange& range, Posterior posterior, Generator& generator);

  /// p(z) as it is now; `like` gives a standard normal its device and type. Batch norms read
  /// pseudo-inputs by their running statistics, as they will when the model is evaluated.
  GaussianMixture forward(const torch::TensorOptions& like);

  /// Whether its components are posteriors q(z | u_m).
  bool is_vampprior() const { return pseudo_inputs_.defined(); }

  /// Pseudo-inputs that start as data become points of x, [N, D].
  void start_from(const torch::Tensor& x, Generator& generator);

  /// Pseudo-inputs become the mean points of as many clusters, x [M, D], but for clusters of no
  /// weight, [M].
  void start_from(const torch::Tensor& weight, const torch::Tensor& x);

 private:
  int64_t latent_;
  bool bounded_;
  bool start_as_data_;
  Posterior posterior_;
  GaussianPerCluster components_{nullptr};  // of a mixture
  torch::Tensor pseudo_inputs_;             // [M, D] of a vampprior
};
TORCH_MODULE(Prior);

/// E_{q(z|x)} p(m | z) over so many draws: which component of p a point belongs to.
/// [B, d] -> [B, M]
torch::Tensor component_probabilities(const DiagonalGaussian& q_z, const GaussianMixture& p_z,
                                      Generator& generator, int64_t draws);

}  // namespace clade
