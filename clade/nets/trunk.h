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
  /// From the input on, each as Layer reads it; none: no hidden layer. A model's settings say what
  /// leads from x to its latents; see mirrored() for the way back.
  std::vector<std::string> layers = {};
  /// Of layers that are not gated: "relu", "leaky_relu" (slope 0.1), "tanh" or "elu".
  std::string activation = "relu";
  bool batch_norm = false;  ///< Between a layer's sum and its activation.

  /// The same with dense layers alone: what lies between latents.
  TrunkOptions without_convolutions() const;

  /// The settings as they stand in an experiment file, for a model's own list.
  std::vector<Option> options();
  void validate() const;
};

/// Hidden layers over joined parents (Dauphin et al. 2017 for the gated kind).
class TrunkImpl : public torch::nn::Module {
 public:
  TrunkImpl(const Parents& parents, const TrunkOptions& options, Generator& generator);

  /// parents: [..., width_i] -> [..., width of the last hidden layer], in the activation type of
  /// the present precision.
  torch::Tensor given(const std::vector<torch::Tensor>& parents);

  /// The last hidden layer as a parent of what comes next.
  const Parent& output() const { return output_; }

 private:
  std::vector<Join> layers_;
  std::vector<BatchNorm> norms_;  // one a layer, or none
  Activation activation_;
  Parent output_;
};
using Trunk = Net<TrunkImpl>;

}  // namespace clade
