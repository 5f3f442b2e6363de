#include "clade/nets/trunk.h"

#include <torch/torch.h>

#include "clade/core/require.h"

namespace clade {

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
    : kind_(options.kind), activation_(options.activation) {
  const bool gated = kind_ == "gated";
  for (size_t i = 0; i < options.hidden.size(); ++i) {
    const int64_t width = options.hidden[i];
    const std::string number = std::to_string(i + 1);
    // Value and gate of a gated layer are one product of twice the width, split by glu.
    layers_.push_back(register_module(
        "layer" + number, Join(parents, gated ? 2 * width : width, generator, JoinInit{0, width})));
    if (options.batch_norm) {
      norms_.push_back(register_module("norm" + number, BatchNorm(gated ? 2 * width : width)));
    }
    parents = {{"hidden", width}};
  }
}

torch::Tensor TrunkImpl::activate(const torch::Tensor& h) const {
  if (kind_ == "gated") return torch::glu(h, -1);
  if (activation_ == "tanh") return torch::tanh(h);
  if (activation_ == "elu") return torch::elu(h);
  return torch::relu(h);
}

torch::Tensor TrunkImpl::given(const std::vector<torch::Tensor>& parents) {
  torch::Tensor h;
  for (size_t i = 0; i < layers_.size(); ++i) {
    h = i == 0 ? layers_[i](parents) : layers_[i](std::vector<torch::Tensor>{h});
    if (!norms_.empty()) h = norms_[i](h);
    h = activate(h);
  }
  return h;
}

}  // namespace clade
