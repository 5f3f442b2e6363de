#pragma once
#include "clade/distributions/gaussian.h"

namespace clade {

/// A Gaussian over some features. The others are known constants: they have no density, and no part
/// in that of a point, whatever they are in it.
class PartialGaussian : public Distribution {
 public:
  /// gaussian: [..., D'], over the features `varying`, int64 [D'], of D in all. constant: [D], read
  /// at the other features.
  PartialGaussian(DiagonalGaussian gaussian, torch::Tensor varying, torch::Tensor constant)
      : gaussian_(std::move(gaussian)),
        varying_(std::move(varying)),
        constant_(std::move(constant)) {}

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override;
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor whole(const torch::Tensor& part) const;  // [..., D'] -> [..., D]

  DiagonalGaussian gaussian_;
  torch::Tensor varying_;
  torch::Tensor constant_;
};

}  // namespace clade
