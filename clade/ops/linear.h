#pragma once
#include "clade/ops/precision.h"

namespace clade {

/// Σ_k y_k table_k. y: categories, int64 [...], whose row is looked up; or points of the simplex,
/// [..., K]. table: [K, D] -> [..., D].
torch::Tensor mix_rows(const torch::Tensor& y, const torch::Tensor& table);

/// x·Wᵀ + b in the present precision. x: [..., in], or int64 [...] for one-hot vectors that are
/// never made; weight: [out, in]; bias: [out] or undefined -> [..., out] of type `out`. Gradients
/// of weight and bias are float32 whatever the precision.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     at::ScalarType out);

}  // namespace clade
