#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace clade {

/// Holds a network by pointer and is called like the conditional it stands for, with any number of
/// parents: `q_y_given_z1_x(z1, x)`. (TORCH_MODULE's own call cannot see a variadic forward.)
template <class Impl>
class Net : public torch::nn::ModuleHolder<Impl> {
 public:
  using torch::nn::ModuleHolder<Impl>::ModuleHolder;

  template <class... Tensors>
  auto operator()(const Tensors&... parents) {
    return this->get()->given({parents...});
  }
};

}  // namespace clade
