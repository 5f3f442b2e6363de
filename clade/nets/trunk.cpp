#include "clade/nets/trunk.h"

#include <torch/torch.h>

#include "clade/core/words.h"
#include "clade/ops/precision.h"

namespace clade {
namespace {

Activation activation_of(const TrunkOptions& options) {
  if (options.kind == "gated") return Activation::gated;
  if (options.activation == "tanh") return Activation::tanh;
  if (options.activation == "elu") return Activation::elu;
  if (options.activation == "leaky_relu") return Activation::leaky_relu;
  return Activation::relu;
}

const std::vector<std::string>& activations() {
  static const std::vector<std::string> names = {"relu", "leaky_relu", "tanh", "elu"};
  return names;
}

}  // namespace

TrunkOptions TrunkOptions::without_convolutions() const {
  TrunkOptions dense = *this;
  std::erase_if(dense.layers, [](const auto& word) { return Layer(word).window.has_value(); });
  return dense;
}

std::vector<Option> TrunkOptions::options() {
  return {
      {"trunk", &kind, any_of({"gated", "dense"}),
       "hidden layers of every network: gated (twice the cost of a width, trains better without "
       "batch norm) or dense"},
      {"layers", &layers,
       "hidden layers, from the data on: widths, before which images may have convolutions, as in "
       "[\"16c5\", \"64c4s2p1\", 500]: 16 channels of 5 x 5 pixels, then 64 of 4 x 4 with stride 2 "
       "and padding 1 (16c5same: padded so that the map keeps its size); what decodes images has "
       "them backwards",
       "hidden"},
      {"activation", &activation, any_of(activations()),
       "of layers that are not gated: " + one_of(activations())},
      {"batch_norm", &batch_norm, "batch normalisation between a layer's sum and its activation"},
  };
}

void TrunkOptions::validate() const {
  layers_of(layers);
}

TrunkImpl::TrunkImpl(const Parents& parents, const TrunkOptions& options, Generator& generator)
    : activation_(activation_of(options)) {
  const bool gated = activation_ == Activation::gated;
  Parents inputs = parents;
  for (const Layer& layer : layers_of(options.layers)) {
    const std::string number = std::to_string(layers_.size() + 1);
    output_ = layer.output("hidden", inputs);
    // Value and gate of a gated layer are one product of twice the width.
    Layer joined = layer;
    if (gated) joined.width *= 2;
    layers_.push_back(register_module("layer" + number,
                                      Join(inputs, joined, generator, JoinInit{0, layer.width})));
    if (options.batch_norm) {
      norms_.push_back(register_module("norm" + number, BatchNorm(joined.width)));
    }
    inputs = {output_};
  }
}

torch::Tensor TrunkImpl::given(const std::vector<torch::Tensor>& parents) {
  torch::Tensor h;
  for (size_t i = 0; i < layers_.size(); ++i) {
    std::optional<Normalisation> norm;
    if (!norms_.empty()) norm = norms_[i]->normalisation();
    h = layers_[i]->activated(i == 0 ? parents : std::vector<torch::Tensor>{h}, activation_,
                              activation_type(), norm);
  }
  return h;
}

}  // namespace clade
