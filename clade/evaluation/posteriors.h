#pragma once
#include <string>
#include <vector>

#include "clade/models/mean_bound.h"

namespace clade {

/// What the posteriors of a data set say about one continuous layer.
struct LayerSummary {
  std::string name;
  torch::Tensor means;       // [N, d] posterior means
  int64_t active_units = 0;  ///< Units whose posterior mean varies by more than 0.01 (Burda 2016).
  double divergence = 0;     ///< KL of the layer, nats per data point.
};

/// The posteriors of a data set, in evaluation mode and without gradients.
struct Posteriors {
  std::vector<torch::Tensor> clusters;  // q(y | x) of each of discrete(), [N, K_l]; one of ones for
                                        // a model without
  std::vector<LayerSummary> layers;
};

/// x: [N, D] with N > 0.
Posteriors posteriors(Model& model, const torch::Tensor& x, Generator& generator);

}  // namespace clade
