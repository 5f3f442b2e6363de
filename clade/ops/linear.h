#pragma once
#include "clade/ops/precision.h"

namespace clade {

/// x·Wᵀ + b in the present precision. x: [..., in]; weight: [out, in]; bias: [out] or undefined
/// -> [..., out] of type `out`. Gradients of weight and bias are float32 whatever the precision.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     at::ScalarType out);

}  // namespace clade
