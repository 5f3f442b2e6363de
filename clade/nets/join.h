#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <optional>
#include <string>
#include <vector>

#include "clade/core/random.h"
#include "clade/nets/layer.h"
#include "clade/ops/activation.h"

namespace clade {

/// How the weights of a layer start.
struct JoinInit {
  double deviation = 0;  ///< Of N(0, deviation²), what the papers use for output heads; 0: Glorot.
  int64_t fan_out = 0;   ///< 0: the layer's width. A gated layer's two halves each count alone.
};

/// The one way parents enter a network: Σᵢ Wᵢ·parentᵢ + b. The parents' leading dimensions
/// broadcast after their own product, so that W_x·x is computed once per data point however many
/// clusters and samples the other parents bring.
///
/// A convolution is one more kind of it: maps are convolved, and parents that are none add a number
/// to each channel, the same for all pixels. Weights are called `weight_<parent>`, [out, width]; or
/// [out channels, channels, k, k] of a map that is convolved.
class JoinImpl : public torch::nn::Module {
 public:
  JoinImpl(const Parents& parents, const Layer& layer, Generator& generator,
           const JoinInit& init = {});

  /// parents: [..., width_i], or int64 [...] for a categorical one, in the order of construction
  /// -> [..., D], D the width of the layer's output, of type `type`.
  torch::Tensor forward(const std::vector<torch::Tensor>& parents,
                        at::ScalarType type = torch::kFloat32);

  /// The same behind batch normalisation, of each unit or channel, and an activation; of which the
  /// gated one halves the units or channels.
  torch::Tensor activated(const std::vector<torch::Tensor>& parents, Activation kind,
                          at::ScalarType type,
                          const std::optional<Normalisation>& normalisation = std::nullopt);

 private:
  /// Wᵢ·parentᵢ + bias, which may be undefined: [..., units], or [..., pixels, channels], of which
  /// there is one pixel if the parent has none of its own.
  torch::Tensor product(size_t i, const torch::Tensor& parent, const torch::Tensor& bias,
                        at::ScalarType type);

  Layer layer_;
  Parents parents_;
  std::vector<torch::Tensor> weights_;
  torch::Tensor bias_;  // [units or channels]
};
TORCH_MODULE(Join);

}  // namespace clade
