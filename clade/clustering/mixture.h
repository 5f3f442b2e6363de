#pragma once
#include <torch/types.h>

#include "clade/core/progress.h"
#include "clade/core/random.h"

namespace clade {

/// Σ_k w_k N(μ_k, Σ_k) fitted to points: unlike GaussianMixture, a value learned by EM before any
/// network is, with full covariances. On the data's device, in double precision.
struct Mixture {
  torch::Tensor weights;      ///< [K]
  torch::Tensor means;        ///< [K, D]
  torch::Tensor covariances;  ///< [K, D, D]; diagonal ones too are kept as matrices.
  double log_likelihood = 0;  ///< Of the points it was fitted to, nats a point.
  int64_t iterations = 0;     ///< Of EM, of the start that was best.

  torch::Tensor log_prob(const torch::Tensor& x) const;          ///< [N, D] -> [N] float64
  torch::Tensor responsibilities(const torch::Tensor& x) const;  ///< [N, D] -> [N, K] float64

  /// Whether the N points it was fitted to, x [N, D], lie about its centres as a Gaussian's would:
  /// the mean of d⁴, d the Mahalanobis distance to a component's centre, each component by its
  /// responsibilities, less what a Gaussian's points have, in its standard deviations (Mardia
  /// 1970). Far above 0 of heavy tails and of outliers, below of boxes and of few whole numbers.
  double excess_kurtosis(const torch::Tensor& x) const;
};

struct MixtureOptions {
  bool diagonal = false;     ///< Covariances without correlation.
  int64_t starts = 10;       ///< The one of highest likelihood is kept.
  int64_t iterations = 300;  ///< Of one start at most.
  bool splits = true;        ///< Whether the best start goes on by split_and_merge().
  /// EM ends when the log-likelihood a point grows by less, in nats.
  double tolerance = 1e-4;
  /// Added to each variance, as a share of that feature's own among all points: what keeps a
  /// component from closing in on a few points that coincide.
  double regularisation = 1e-6;
};

/// Fits by EM from k-means clusters with k-means++ starts (one a start), the best start by
/// likelihood. A component left with fewer points than a covariance takes (D + 1; 2 for a diagonal
/// one) starts again where the mixture explains the points least. Data are read by blocks; in
/// memory a block makes rows of D²/2 + K numbers, of diagonal covariances 2 D + K. x: [N, D]
/// finite, 0 < K <= N, else throws Error. `progress` counts starts and may throw.
Mixture fit_mixture(const torch::Tensor& x, int64_t components, const MixtureOptions& options,
                    Generator& generator, const Progress& progress = {});

/// The mixture, or one of higher likelihood: as long as it grows by that, two components near each
/// other are merged, another is split in two, and EM goes on (Ueda, Nakano, Ghahramani & Hinton
/// 2000). EM alone does not leave a start that has two groups in one component and one in two, and
/// among ten starts by k-means often none is better.
Mixture split_and_merge(const torch::Tensor& x, const Mixture& mixture,
                        const MixtureOptions& options);

/// EM from the mixture that these responsibilities give, [N, K], rows summing to one; of `options`
/// starts play no part. With iterations = 0 that mixture itself.
Mixture fit_mixture(const torch::Tensor& x, const torch::Tensor& responsibilities,
                    const MixtureOptions& options);

/// EM from this mixture.
Mixture fit_mixture(const torch::Tensor& x, const Mixture& start, const MixtureOptions& options);

}  // namespace clade
