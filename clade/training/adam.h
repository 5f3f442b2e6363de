#pragma once
#include <torch/nn/module.h>

#include <vector>

#include "clade/ops/adam.h"

namespace clade {

/// All trainable parameters of a module as one flat vector, of which they become views. The module
/// must not be moved to another device afterwards.
class FlatParameters {
 public:
  explicit FlatParameters(torch::nn::Module& module);

  const torch::Tensor& values() const { return values_; }  // [P]

  /// What the last backward pass left, in the order of the values.
  GradientPieces gradient() const;

  /// Call it before a backward pass, which then writes its gradients instead of adding them to
  /// zeros: that would cost three more passes over memory.
  void forget_gradient();

 private:
  std::vector<torch::Tensor> parameters_;
  torch::Tensor values_;
};

/// Each piece divided by its own norm, so that every parameter tensor moves alike.
GradientPieces over_their_norms(const GradientPieces& gradient);

/// Adam (Kingma & Ba 2015) over flat parameters, with bias correction; β 0.9 and 0.999, ε 1e-8.
class Adam {
 public:
  explicit Adam(const torch::Tensor& like);  // [P]

  /// Counts a step and sets its constants; step() follows.
  void begin_step(double learning_rate);

  /// One step down scale·gradient. values: [P], scale: [].
  void step(const torch::Tensor& values, const GradientPieces& gradient,
            const torch::Tensor& scale);

  // The whole state, for checkpoints.
  torch::Tensor first_moment;   // [P]
  torch::Tensor second_moment;  // [P]
  int64_t steps = 0;

 private:
  AdamConstants constants_;
};

}  // namespace clade
