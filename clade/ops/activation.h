#pragma once
#include <torch/types.h>

#include <optional>
#include <vector>

#include "clade/ops/kernels.h"

namespace clade {

using Activation = ops::ActivationKind;

/// Batch normalisation of the rows before their activation (Ioffe & Szegedy 2015).
struct Normalisation {
  torch::Tensor weight, bias;                    // [width]
  torch::Tensor running_mean, running_variance;  // [width], no gradient
  /// Normalise by the rows' own mean and variance, not by the running ones; a single row has no
  /// variance and is normalised by the running ones all the same.
  bool by_batch;
  bool collect;  ///< Move the running ones towards the rows' own; needs by_batch.
  /// How often each row counts in the rows' own mean and variance, up to a factor. Broadcasts to
  /// the rows' leading sizes; leading dimensions that the rows lack are summed over. If its sizes
  /// do not fit, or it is undefined, all rows count alike. No gradient.
  torch::Tensor share = {};
  double momentum = 0.1;
  double epsilon = 1e-5;
};

/// act(norm(Σ parts + bias)), in one pass over memory (two with a batch's own statistics).
/// parts: [..., width] each, whose leading sizes broadcast; bias: [width] or undefined
/// -> [..., width] of type `out`, or [..., width / 2] for the gated kind, a ⊙ σ(b) of the halves.
torch::Tensor activate(const std::vector<torch::Tensor>& parts, const torch::Tensor& bias,
                       Activation kind, at::ScalarType out,
                       std::optional<Normalisation> normalisation = std::nullopt);

/// The same by ATen alone: for other devices and types, and to test against.
torch::Tensor activate_by_aten(const std::vector<torch::Tensor>& parts, const torch::Tensor& bias,
                               Activation kind, at::ScalarType out,
                               const std::optional<Normalisation>& normalisation = std::nullopt);

}  // namespace clade
