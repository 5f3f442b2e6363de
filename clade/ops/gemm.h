#pragma once
#include <torch/types.h>

namespace clade::ops {

/// c = a · b, + bias on each row where it is defined. a: [M, K], b: [K, N], row or column after
/// row (a transposed view is read in place); both float32 or both bfloat16; sums in float32.
/// c: [M, N], contiguous, float32 or bfloat16. bias: [N] float32.
void gemm(const torch::Tensor& c, const torch::Tensor& a, const torch::Tensor& b,
          const torch::Tensor& bias = {});

}  // namespace clade::ops
