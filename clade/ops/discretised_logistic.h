#pragma once
#include <torch/types.h>

namespace clade {

/// log P(level nearest to x) of levels k / 255, k = 0 … 255, summed over the last dimension in one
/// pass: a logistic distribution, cut into a cell about each level, of which the first and the last
/// reach to infinity. x, location and log_scale: [..., D], leading sizes broadcast -> [...], in
/// nats. x has no gradient.
torch::Tensor discretised_logistic_log_prob(const torch::Tensor& x, const torch::Tensor& location,
                                            const torch::Tensor& log_scale);

/// The same by ATen alone: for other devices and types, and to test against.
torch::Tensor discretised_logistic_log_prob_by_aten(const torch::Tensor& x,
                                                    const torch::Tensor& location,
                                                    const torch::Tensor& log_scale);

}  // namespace clade
