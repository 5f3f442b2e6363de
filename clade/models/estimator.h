#pragma once
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/distributions/categorical.h"

namespace clade {

/// How training takes E_{q(y|x)}.
struct EstimatorOptions {
  std::string kind = "exact";      ///< "exact": the sum over all K; "gumbel": one relaxed draw.
  double temperature = 1.0;        ///< Gumbel-Softmax temperature of the first epoch.
  double temperature_floor = 0.5;  ///< It never falls below this.
  double temperature_rate = 3e-5;  ///< Each epoch e multiplies it by exp(−rate·e).
  bool straight_through = false;   ///< One-hot forward, relaxed gradient.

  /// The settings as they stand in an experiment file, for a model's own list.
  std::vector<Option> options();
  void validate() const;
};

/// The clusters an expectation runs over and their weights: E[f] ≈ (weight · f(y)).sum(0).
struct ClusterDraws {
  torch::Tensor y;       // [K, 1, K] every cluster, or [1, B, K] one relaxed draw
  torch::Tensor weight;  // [K, B] q(y_k|x), or [1, 1] one

  torch::Tensor expectation(const torch::Tensor& f) const {  // [K or 1, B] -> [B]
    return (weight * f).sum(0);
  }
};

class Estimator {
 public:
  explicit Estimator(EstimatorOptions options) : options_(std::move(options)) {}

  void begin_epoch(int64_t epoch);

  /// q_y: [B, K]. `training` false always gives the exact sum.
  ClusterDraws draw(const Categorical& q_y, bool training, Generator& generator) const;

 private:
  EstimatorOptions options_;
  double temperature_ = options_.temperature;
};

}  // namespace clade
