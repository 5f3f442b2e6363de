#pragma once
#include <torch/types.h>

#include <vector>

namespace clade {

/// A gradient of P numbers in pieces, one behind the other. An undefined piece counts as zeros.
struct GradientPiece {
  torch::Tensor values;
  int64_t size;
};
using GradientPieces = std::vector<GradientPiece>;

/// The Euclidean norm of all pieces together, [].
torch::Tensor norm_of(const GradientPieces& gradient);

/// Constants of one Adam step (Kingma & Ba 2015), bias correction included. What changes from step
/// to step are tensors, so that a captured step reads them anew.
struct AdamConstants {
  double beta1, beta2, epsilon;
  torch::Tensor rate;             ///< [] learning rate / (1 − β1ᵗ).
  torch::Tensor root_correction;  ///< [] √(1 − β2ᵗ).
};

/// One Adam step down scale·gradient, in one pass over memory. values, first, second: [P], changed
/// in place; scale: [].
void adam_step(const AdamConstants& constants, const GradientPieces& gradient,
               const torch::Tensor& scale, const torch::Tensor& values, const torch::Tensor& first,
               const torch::Tensor& second);

/// The same by ATen alone: for other devices and types, and to test against.
void adam_step_by_aten(const AdamConstants& constants, const GradientPieces& gradient,
                       const torch::Tensor& scale, const torch::Tensor& values,
                       const torch::Tensor& first, const torch::Tensor& second);

}  // namespace clade
