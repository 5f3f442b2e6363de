#pragma once
#include <torch/types.h>

#include "clade/core/random.h"

namespace clade {

// On the CPU in float32 all threads draw, and the number of threads changes nothing; elsewhere ATen
// draws. No gradient.

/// Bits that are 1 with probability p. p: any shape -> same.
torch::Tensor draw_bits(const torch::Tensor& p, Generator& generator);

/// Standard normal numbers of this shape, on the device and of the type of `like`.
torch::Tensor draw_normals(at::IntArrayRef shape, const torch::Tensor& like, Generator& generator);

}  // namespace clade
