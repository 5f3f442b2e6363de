#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <vector>

#include "clade/core/random.h"

namespace clade {

/// A named input of a network and the size of its last dimension.
struct Parent {
  std::string name;
  int64_t width;
  bool silent_at_first = false;  ///< Its weights start at zero: the child learns to depend on it.
};
using Parents = std::vector<Parent>;

/// Weights N(0, deviation²) instead of Glorot's uniform; what the papers use for output heads.
struct JoinInit {
  double deviation = 0;  ///< 0: Glorot.
  int64_t fan_out = 0;   ///< 0: the output width. A gated layer's two halves each count alone.
};

/// The one way parents enter a network: Σᵢ Wᵢ·parentᵢ + b. The parents' leading dimensions
/// broadcast after their own product, so that W_x·x is computed once per data point however many
/// clusters and samples the other parents bring. Weights are called `weight_<parent>`.
class JoinImpl : public torch::nn::Module {
 public:
  JoinImpl(const Parents& parents, int64_t out, Generator& generator, const JoinInit& init = {});

  /// parents: [..., width_i], or int64 [...] for a categorical one, in the order of construction
  /// -> [..., out] of type `type`.
  torch::Tensor forward(const std::vector<torch::Tensor>& parents,
                        at::ScalarType type = torch::kFloat32);

  /// Wᵢ·parentᵢ for each parent, [..., out], and b: for an activation that adds them up itself.
  std::vector<torch::Tensor> products(const std::vector<torch::Tensor>& parents);
  const torch::Tensor& bias() const { return bias_; }

 private:
  std::vector<torch::Tensor> weights_;  // [out, width_i]
  torch::Tensor bias_;                  // [out]
};
TORCH_MODULE(Join);

}  // namespace clade
