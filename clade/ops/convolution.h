#pragma once
#include "clade/ops/convolve.h"
#include "clade/ops/precision.h"

namespace clade {

/// weight ∗ x + b in the present precision, over maps whose pixels hold their channels side by
/// side. x: [..., H, W, C]; weight: [O, C, k, k]; bias: [O] or undefined -> [..., H', W', O] of
/// type `out`, where H' = window.places(H), or window.back(H) for a transposed convolution, which
/// spreads each pixel over its window instead. Gradients of weight and bias are float32 whatever
/// the precision.
torch::Tensor convolution(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const Window& window, bool transposed,
                          at::ScalarType out);

/// The same by ATen alone: for other devices and types, and to test against.
torch::Tensor convolution_by_aten(const torch::Tensor& x, const torch::Tensor& weight,
                                  const torch::Tensor& bias, const Window& window, bool transposed,
                                  at::ScalarType out);

}  // namespace clade
