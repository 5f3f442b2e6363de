#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clade/distributions/categorical.h"
#include "clade/distributions/gaussian_mixture.h"
#include "clade/nets/net.h"
#include "clade/nets/trunk.h"

namespace clade {

/// A conditional distribution p(child | parents) is a module: call it with the parents, in the
/// order of construction, and it returns the distribution of the child. Parents broadcast over
/// their leading dimensions (see Join). Without hidden layers the heads read the parents directly.
/// `init` is how the weights of the heads start.

/// Weights of the heads in the code of ADGM (Maaløe et al. 2016), taken for what its authors built
/// on it.
inline constexpr JoinInit kSmallHeads{1e-3};

/// Where log-variances are clamped.
struct LogVarianceRange {
  double low = -6;
  double high = 2;
};

/// For papers that leave log σ free: keeps exp() and its inverse harmless in float32, and no more.
inline constexpr LogVarianceRange kFreeLogVariances{-12, 6};

/// N(mean(parents), diag(variance(parents))).
class GaussianConditionalImpl : public torch::nn::Module {
 public:
  GaussianConditionalImpl(const Parents& parents, const TrunkOptions& trunk, int64_t features,
                          const LogVarianceRange& range, Generator& generator,
                          const JoinInit& init = {});

  DiagonalGaussian given(const std::vector<torch::Tensor>& parents);

 private:
  Trunk trunk_{nullptr};
  Join mean_{nullptr};
  Join log_variance_{nullptr};
  LogVarianceRange range_;
};
using GaussianConditional = Net<GaussianConditionalImpl>;

/// 1/K Σ_k N(μ_k(parent), σ_k(parent)): one network with 2K streams of output (Dilokthanakul et al.
/// 2016, table A.2), which start near enough to each other that every component gets points.
class MixtureConditionalImpl : public torch::nn::Module {
 public:
  /// `spread`: deviation of the K means at parent = 0, at first.
  MixtureConditionalImpl(const Parent& parent, const TrunkOptions& trunk, int64_t components,
                         int64_t features, const LogVarianceRange& range, double spread,
                         Generator& generator);

  GaussianMixture given(const std::vector<torch::Tensor>& parents);  // components [..., K, d]

  /// At parent = 0 the components become Gaussians of these moments, [K, d] each, but for those of
  /// no weight, [K]; elsewhere all that a network makes of its parent stays. Those of another shape
  /// change nothing.
  void start_from(const torch::Tensor& weight, const torch::Tensor& mean,
                  const torch::Tensor& variance);

 private:
  int64_t parent_, components_, features_;  // sizes
  Trunk trunk_{nullptr};
  Join mean_{nullptr};          // [..., K·d]
  Join log_variance_{nullptr};  // [..., K·d]
  LogVarianceRange range_;
};
using MixtureConditional = Net<MixtureConditionalImpl>;

/// Categorical with logits(parents).
class CategoricalConditionalImpl : public torch::nn::Module {
 public:
  CategoricalConditionalImpl(const Parents& parents, const TrunkOptions& trunk, int64_t clusters,
                             Generator& generator, const JoinInit& init = {});

  Categorical given(const std::vector<torch::Tensor>& parents);

 private:
  Trunk trunk_{nullptr};
  Join logits_{nullptr};
};
using CategoricalConditional = Net<CategoricalConditionalImpl>;

/// Which p(x | parents), but for its layers.
struct LikelihoodOptions {
  // It may be written as its word.
  LikelihoodOptions(std::string kind = "bernoulli") : likelihood(std::move(kind)) {}  // NOLINT
  LikelihoodOptions(const char* kind) : likelihood(kind) {}                           // NOLINT

  std::string likelihood;
  /// The spread of every kind but "bernoulli" and "poisson": "learned", one a feature; "network",
  /// one for each feature of each point, from the network beside the mean; or "fixed".
  std::string scale = "learned";
  /// Of "fixed": deviation of a Gaussian, α of a negative binomial, from 0.001 to 1000, scale of
  /// the other kinds.
  double fixed_scale = 0.3;

  /// The settings as they stand in an experiment file, for a model's own list.
  std::vector<Option> likelihood_options();
};

/// p(x | parents): "bernoulli" (logits), "gaussian", "laplace", "discretised_logistic", over 256
/// levels, or, of counts, "poisson" and "negative_binomial".
///
/// `trunk` says what leads from x to its latents; the likelihood's own layers are the way back, see
/// mirrored(). If all parents are maps, it begins with the first transposed convolution. Throws
/// ConfigError for a scale where there is none, and for a fixed α out of its range.
class LikelihoodImpl : public torch::nn::Module {
 public:
  LikelihoodImpl(const LikelihoodOptions& options, const Parents& parents,
                 const TrunkOptions& trunk, const Parent& x, Generator& generator,
                 const JoinInit& init = {});

  std::unique_ptr<Distribution> given(const std::vector<torch::Tensor>& parents);

  /// Once, before anything is loaded or trained. Under a density, features that have a number in
  /// `constant`, [D], and not NaN, are that and have no part in it; undefined for none. The others,
  /// unless their spread is fixed, have a least deviation, least_deviations() of the share
  /// `least_deviation`; 0 for none.
  void limit(const torch::Tensor& constant, double least_deviation);

  /// Takes the least deviations from training points x, [N, D]; of counts their means, at which a
  /// network whose rates are exponentials would arrive late.
  void start_from(const torch::Tensor& x);

  /// How many features have a deviation less than a tenth above their least one; nothing if there
  /// is no least one, or if deviations differ from point to point.
  std::optional<int64_t> features_at_least_deviation() const;

 private:
  torch::Tensor spread(const std::vector<torch::Tensor>& inputs);   // [D] or [..., D]
  torch::Tensor clamped(const torch::Tensor& spread) const;         // of the same sizes
  torch::Tensor limited(const torch::Tensor& spread) const;         // likewise
  std::unique_ptr<Distribution> density(const torch::Tensor& mean,  // [..., D]
                                        const torch::Tensor& spread) const;

  std::string kind_;
  int64_t features_;  // D
  Trunk trunk_{nullptr};
  Join output_{nullptr};
  // Log-variance of a Gaussian, log-scale of the other kinds; one of the two, or none.
  torch::Tensor spread_;           // [D], learned or fixed
  Join spread_of_x_{nullptr};      // from the network
  LogVarianceRange spread_range_;  // where it is clamped; a fixed one nowhere

  // Of a density, if it is limited.
  double least_deviation_ = 0;
  torch::Tensor least_spread_;  // [D]
  torch::Tensor constant_;      // [D]
  torch::Tensor varying_;       // [D'] int64, the features that are not constant
};
using Likelihood = Net<LikelihoodImpl>;

/// One learned Gaussian per cluster, p(z | y_k) = N(μ_k, σ_k); at first N(0, spread²) draws and 1.
class GaussianPerClusterImpl : public torch::nn::Module {
 public:
  GaussianPerClusterImpl(int64_t clusters, int64_t features, const LogVarianceRange& range,
                         double spread, bool trainable, Generator& generator);

  /// y: categories, int64 [...], or relaxed [..., K] -> [..., d].
  DiagonalGaussian forward(const torch::Tensor& y);
  DiagonalGaussian all() const;  // [K, d]

  /// Becomes Gaussians of these moments, [K, d] each, but for clusters of no weight, [K]. Those of
  /// another shape change nothing.
  void start_from(const torch::Tensor& weight, const torch::Tensor& mean,
                  const torch::Tensor& variance);

 private:
  torch::Tensor mean_;          // [K, d]
  torch::Tensor log_variance_;  // [K, d]
  LogVarianceRange range_;
};
TORCH_MODULE(GaussianPerCluster);

}  // namespace clade
