#pragma once
#include <torch/nn/module.h>

#include <vector>

namespace clade {

/// All trainable parameters of a module as one flat vector, and their gradients as another: the
/// parameters become views of the first, their gradients of the second. One tensor operation then
/// reaches every parameter. The module must not be moved to another device afterwards.
class FlatParameters {
 public:
  explicit FlatParameters(torch::nn::Module& module);

  const torch::Tensor& values() const { return values_; }        // [P]
  const torch::Tensor& gradients() const { return gradients_; }  // [P]

 private:
  torch::Tensor values_, gradients_;
};

/// Adam (Kingma & Ba 2015) over flat parameters, with bias correction; β 0.9 and 0.999, ε 1e-8.
class Adam {
 public:
  explicit Adam(const torch::Tensor& like);  // [P]

  /// One step down `gradients`. values, gradients: [P].
  void step(const torch::Tensor& values, const torch::Tensor& gradients, double learning_rate);

  // The whole state, for checkpoints.
  torch::Tensor first_moment;   // [P]
  torch::Tensor second_moment;  // [P]
  int64_t steps = 0;
};

}  // namespace clade
