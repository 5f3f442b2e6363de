#pragma once
#include <torch/types.h>

#include "clade/core/random.h"

namespace clade {

/// A distribution is a value: the parameters of one density per leading index. Log-densities are in
/// nats and summed over the last dimension (features); everything before it broadcasts.
class Distribution {
 public:
  virtual ~Distribution() = default;

  virtual torch::Tensor log_prob(const torch::Tensor& x) const = 0;  // [..., D] -> [...]
  virtual torch::Tensor mean() const = 0;                            // [..., D]
  virtual torch::Tensor sample(Generator& generator) const = 0;      // [..., D], no gradient
};

}  // namespace clade
