#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "clade/ops/activation.h"

namespace clade {

/// Batch normalisation over all leading dimensions (Ioffe & Szegedy 2015). In training the batch's
/// own statistics normalise and enter the running ones, unless a StatisticsScope says otherwise.
class BatchNormImpl : public torch::nn::Module {
 public:
  explicit BatchNormImpl(int64_t features);

  /// For the activation that follows.
  Normalisation normalisation() const;

 private:
  torch::Tensor weight_, bias_, running_mean_, running_variance_;  // [features]
};
TORCH_MODULE(BatchNorm);

/// While it lives, the rows of a batch count in the statistics of batch norms on this thread as
/// often as `share` says (see Normalisation). Scopes nest; the innermost counts.
class ShareScope {
 public:
  explicit ShareScope(torch::Tensor share);
  ~ShareScope();
  ShareScope(const ShareScope&) = delete;
  ShareScope& operator=(const ShareScope&) = delete;

 private:
  torch::Tensor before_;
};

/// What batch norms do with their statistics in training; the further down, the less they change.
enum class Statistics {
  collected,  ///< The batch's own normalise and enter the running ones.
  kept,       ///< The running ones stay: for a second look at the same points, or at some of them.
  running,    ///< They normalise, too: for inputs that are not data.
};

/// While it lives, batch norms used on this thread do what `statistics` says. Of nested scopes the
/// one further down the list counts.
class StatisticsScope {
 public:
  explicit StatisticsScope(Statistics statistics);
  ~StatisticsScope();
  StatisticsScope(const StatisticsScope&) = delete;
  StatisticsScope& operator=(const StatisticsScope&) = delete;

 private:
  Statistics before_;
};

}  // namespace clade
