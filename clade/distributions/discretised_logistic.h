#pragma once
#include "clade/distributions/distribution.h"

namespace clade {

/// Grey levels k / 255, k = 0 … 255: a logistic distribution, cut into a cell about each level, of
/// which the first and the last reach to infinity (Kingma et al. 2016, appendix C). For colour
/// images, whose levels are not drawn as bits.
class DiscretisedLogistic : public Distribution {
 public:
  /// location, log_scale: [..., D], broadcast against each other, in units of x.
  DiscretisedLogistic(torch::Tensor location, torch::Tensor log_scale)
      : location_(std::move(location)), log_scale_(std::move(log_scale)) {}

  /// Of the level nearest to x, which lies in [0, 1].
  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override;  // of the levels: 255 terms a number; no gradient
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor location_;
  torch::Tensor log_scale_;
};

}  // namespace clade
