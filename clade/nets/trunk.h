#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/nets/batch_norm.h"
#include "clade/nets/join.h"
#include "clade/nets/net.h"

namespace clade {

/// The hidden layers of a network.
struct TrunkOptions {
  std::string kind = "gated";  ///< "gated": h = (W x + b) ⊙ σ(V x + c); "dense": act(W x + b).
  std::vector<int64_t> hidden = {};  ///< Widths from the input on; empty: no hidden layer.
  std::string activation = "relu";   ///< Of dense layers: "relu", "tanh" or "elu".
  bool batch_norm = false;           ///< Between a layer's sum and its activation.

  /// The settings as they stand in an experiment file, for a model's own list.
  std::vector<Option> options();
  void validate() const;
};

/// Hidden layers over joined parents (Dauphin et al. 2017 for the gated kind).
class TrunkImpl : public torch::nn::Module {
 public:
  TrunkImpl(Parents parents, const TrunkOptions& options, Generator& generator);

  /// parents: [..., width_i] -> [..., width of the last hidden layer], in the activation type of
  /// the present precision.
  torch::Tensor given(const std::vector<torch::Tensor>& parents);

 private:
  std::vector<Join> layers_;
  std::vector<BatchNorm> norms_;  // one a layer, or none
  Activation activation_;
};
using Trunk = Net<TrunkImpl>;

}  // namespace clade
