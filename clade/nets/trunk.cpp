#include "clade/nets/trunk.h"

#include <torch/torch.h>

#include "clade/core/require.h"
#include "clade/ops/precision.h"

namespace clade {
namespace {

Activation activation_of(const TrunkOptions& options) {
  if (options.kind == "gated") return Activation::gated;
  if (options.activation == "tanh") return Activation::tanh;
  if (options.activation == "elu") return Activation::elu;
  return Activation::relu;
}

}  // namespace

std::vector<Option> TrunkOptions::options() {
  return {
      {"trunk", &kind,
       "hidden layers of every network: gated (twice the cost of a width, trains better without "
       "batch norm) or dense"},
      {"hidden", &hidden, "widths of the hidden layers, from the input on"},
      {"activation", &activation, "of dense layers: relu, tanh or elu"},
      {"batch_norm", &batch_norm, "batch normalisation between a layer's sum and its activation"},
  };
}

void TrunkOptions::validate() const {
  require_one_of("model.trunk", kind, {"gated", "dense"});
  require_one_of("model.activation", activation, {"relu", "tanh", "elu"});
  for (const int64_t width : hidden) require_at_least("model.hidden", width, 1);
}

TrunkImpl::TrunkImpl(Parents parents, const TrunkOptions& options, Generator& generator)
    : activation_(activation_of(options)) {
  const bool gated = activation_ == Activation::gated;
  for (size_t i = 0; i < options.hidden.size(); ++i) {
    const int64_t width = options.hidden[i];
    const std::string number = std::to_string(i + 1);
    // Value and gate of a gated layer are one product of twice the width.
    layers_.push_back(register_module(
        "layer" + number, Join(parents, gated ? 2 * width : width, generator, JoinInit{0, width})));
    if (options.batch_norm) {
      norms_.push_back(register_module("norm" + number, BatchNorm(gated ? 2 * width : width)));
    }
    parents = {{"hidden", width}};
  }
}

torch::Tensor TrunkImpl::given(const std::vector<torch::Tensor>& parents) {
  torch::Tensor h;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto products = layers_[i]->products(i == 0 ? parents : std::vector<torch::Tensor>{h});
    std::optional<Normalisation> norm;
    if (!norms_.empty()) norm = norms_[i]->normalisation();
    h = activate(products, layers_[i]->bias(), activation_, activation_type(), norm);
  }
  return h;
}

}  // namespace clade
