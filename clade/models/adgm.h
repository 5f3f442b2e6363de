#pragma once
#include "clade/models/estimator.h"
#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// Defaults: the authors' code (Maaløe et al. 2016).
struct AdgmOptions : ModelOptions {
  int64_t clusters = 10;
  int64_t latent = 100;
  int64_t auxiliary = 100;
  TrunkOptions trunk{"dense", {"500", "500"}, "relu", true};
  /// Pairs that q(y | x) never uses would rule the batch norms, and y fall out of use.
  EstimatorOptions estimator{.weigh_statistics = true};

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// The auxiliary deep generative model (Maaløe, Sønderby, Sønderby & Winther 2016), which learns
/// its clusters from some labels. An auxiliary a, generated after x, makes q(z, y | x) richer than
/// a Gaussian and leaves p(x, y, z) as it is:
///   p(x, y, z, a) = p(y) p(z) p(x | y, z) p(a | x, y, z),  p(y) = 1/K, p(z) = N(0, I)
///   q(a, y, z | x) = q(a | x) q(y | a, x) q(z | a, x, y)
/// With one cluster it is the auxiliary VAE.
class Adgm : public Model {
 public:
  using Options = AdgmOptions;

  Adgm(const AdgmOptions& options, const Parent& x, Generator& generator);

  bool takes_labels() const override { return true; }

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  GaussianConditional q_a_given_x{nullptr};
  CategoricalConditional q_y_given_a_x{nullptr};
  GaussianConditional q_z_given_a_x_y{nullptr};
  StandardNormal p_z;
  Likelihood p_x_given_y_z{nullptr};
  GaussianConditional p_a_given_x_y_z{nullptr};
};

}  // namespace clade
