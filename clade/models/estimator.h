#pragma once
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/distributions/categorical.h"

namespace clade {

/// How training takes E_{q(y|x)}.
struct EstimatorOptions {
  std::string kind = "exact";      ///< "exact", "gumbel" or "sum_and_sample".
  int64_t summed_clusters = 4;     ///< Of sum_and_sample: clusters summed exactly.
  double temperature = 1.0;        ///< Gumbel-Softmax temperature of the first epoch.
  double temperature_floor = 0.5;  ///< It never falls below this.
  double temperature_rate = 3e-5;  ///< Each epoch e multiplies it by exp(−rate·e).
  bool straight_through = false;   ///< One-hot forward, relaxed gradient.
  bool weigh_statistics = false;   ///< Clusters count in batch norms as they do in E.

  /// The settings as they stand in an experiment file, for a model's own list.
  std::vector<Option> options();
};

/// The clusters an expectation runs over and their weights. Clusters of latents that were
/// enumerated earlier have dimensions of their own between C and S.
struct ClusterDraws {
  torch::Tensor y;       // int64 [C, 1 or (S,) B], or relaxed [1, (S,) B, K]
  torch::Tensor weight;  // [C, 1 or (S,) B]
  /// log q(y|x) of the sampled cluster (the last row of y), whose weight stands for all clusters
  /// that are not summed. Undefined if every cluster is summed.
  torch::Tensor log_q_drawn;  // [(K…,) (S,) B]

  /// E_q[f(y)], or its estimate: unbiased, in value and gradient, but for relaxed draws. If f does
  /// not depend on y (it has fewer dimensions than the weights, or size 1 in the first), its
  /// expectation is f itself.
  /// f: [C, (S,) B] with `trailing` more dimensions behind -> the same without C.
  torch::Tensor expectation(const torch::Tensor& f, int64_t trailing = 0) const;
};

class Estimator {
 public:
  explicit Estimator(EstimatorOptions options) : options_(std::move(options)) {}

  void begin_epoch(int64_t epoch);

  /// Whether training draws relaxed clusters.
  bool relaxes() const { return options_.kind == "gumbel"; }

  /// Whether training draws one cluster for all that it does not sum.
  bool samples() const { return options_.kind == "sum_and_sample"; }

  bool weighs_statistics() const { return options_.weigh_statistics; }

  /// The clusters to take E_q over. q_y: [(K…, S or 1,) B, K], K… those of other latents that were
  /// enumerated before. `training` false always gives the exact sum. What is drawn is drawn for
  /// each of `samples`, if there are any.
  ///   exact           C = K, every cluster by its probability
  ///   gumbel          C = 1, a relaxed draw (Jang et al. 2017; Maddison et al. 2017)
  ///   sum_and_sample  the most probable clusters by their probability, one more drawn from the
  ///                   others (Liu et al. 2019): the cost of a step does not grow with K.
  ///                   Unbiased but for batch norm, whose statistics are of these clusters alone,
  ///                   each as often as another unless they are weighed (weigh_statistics)
  ClusterDraws draw(const Categorical& q_y, bool training, int64_t samples,
                    Generator& generator) const;

 private:
  EstimatorOptions options_;
  double temperature_ = options_.temperature;
};

}  // namespace clade
