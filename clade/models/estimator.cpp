#include "clade/models/estimator.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/core/require.h"

namespace clade {

std::vector<Option> EstimatorOptions::options() {
  return {
      {"estimator", &kind,
       "how training takes the expectation over clusters: exact sums all K (cost grows with K), "
       "gumbel draws one relaxed cluster (cost does not)"},
      {"temperature", &temperature, "Gumbel-Softmax temperature of the first epoch"},
      {"temperature_floor", &temperature_floor, "the temperature never falls below this"},
      {"temperature_rate", &temperature_rate, "epoch e multiplies the temperature by exp(-rate e)"},
      {"straight_through", &straight_through,
       "Gumbel-Softmax: one-hot cluster forward, relaxed gradient backward"},
  };
}

void EstimatorOptions::validate() const {
  require_one_of("model.estimator", kind, {"exact", "gumbel"});
  require_above("model.temperature", temperature, 0);
  require_above("model.temperature_floor", temperature_floor, 0);
  require_at_least("model.temperature_rate", temperature_rate, 0);
}

void Estimator::begin_epoch(int64_t epoch) {
  // The product of exp(−rate·e) over the epochs so far, so that it needs no state of its own.
  const double exponent = 0.5 * static_cast<double>(epoch) * static_cast<double>(epoch + 1);
  temperature_ = std::max(options_.temperature_floor,
                          options_.temperature * std::exp(-options_.temperature_rate * exponent));
}

ClusterDraws Estimator::draw(const Categorical& q_y, bool training, Generator& generator) const {
  const auto log_probs = q_y.log_probs();
  if (training && options_.kind == "gumbel") {
    const RelaxedCategorical relaxed(q_y, temperature_);
    return {relaxed.rsample(generator, options_.straight_through).unsqueeze(0),
            torch::ones({1, 1}, log_probs.options())};
  }
  return {every_cluster(q_y.clusters(), log_probs.options()), q_y.probs().t()};
}

}  // namespace clade
