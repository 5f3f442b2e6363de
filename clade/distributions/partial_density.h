#pragma once
#include <memory>

#include "clade/distributions/distribution.h"

namespace clade {

/// A density over some features. The others are known constants: they have no density, and no part
/// in that of a point, whatever they are in it.
class PartialDensity : public Distribution {
 public:
  /// of_varying: [..., D'], over the features `varying`, int64 [D'], of D in all. constant: [D],
  /// read at the other features.
  PartialDensity(std::unique_ptr<Distribution> of_varying, torch::Tensor varying,
                 torch::Tensor constant)
      : of_varying_(std::move(of_varying)),
        varying_(std::move(varying)),
        constant_(std::move(constant)) {}

  torch::Tensor log_prob(const torch::Tensor& x) const override;
  torch::Tensor mean() const override;
  torch::Tensor sample(Generator& generator) const override;

 private:
  torch::Tensor whole(const torch::Tensor& part) const;  // [..., D'] -> [..., D]

  std::unique_ptr<Distribution> of_varying_;
  torch::Tensor varying_;
  torch::Tensor constant_;
};

}  // namespace clade
