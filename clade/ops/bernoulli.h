#pragma once
#include <torch/types.h>

namespace clade {

/// Σ_d x_d·l_d − log(1 + e^{l_d}), in one pass and without the numbers per feature in memory.
/// logits: [..., D]; x: [..., D], whose leading sizes broadcast to those of the logits -> [...]
/// float32, in nats.
torch::Tensor bernoulli_log_prob(const torch::Tensor& logits, const torch::Tensor& x);

/// The same by ATen alone: for other devices and types, and to test against.
torch::Tensor bernoulli_log_prob_by_aten(const torch::Tensor& logits, const torch::Tensor& x);

}  // namespace clade
