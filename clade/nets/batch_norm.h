#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "clade/ops/activation.h"

namespace clade {

/// Batch normalisation over all leading dimensions (Ioffe & Szegedy 2015). In training the batch's
/// own statistics normalise and enter the running ones; two scopes say otherwise.
class BatchNormImpl : public torch::nn::Module {
 public:
  explicit BatchNormImpl(int64_t features);

  /// For the activation that follows.
  Normalisation normalisation() const;

 private:
  torch::Tensor weight_, bias_, running_mean_, running_variance_;  // [features]
};
TORCH_MODULE(BatchNorm);

/// While it lives, batch norms used on this thread leave their running statistics as they are: for
/// a second look at the same points, or a look at some of them alone.
class KeptStatisticsScope {
 public:
  KeptStatisticsScope();
  ~KeptStatisticsScope();
  KeptStatisticsScope(const KeptStatisticsScope&) = delete;
  KeptStatisticsScope& operator=(const KeptStatisticsScope&) = delete;

 private:
  bool before_;
};

/// While it lives, batch norms used on this thread normalise by their running statistics and leave
/// them as they are, in training too: for inputs that are not data.
class RunningStatisticsScope {
 public:
  RunningStatisticsScope();
  ~RunningStatisticsScope();
  RunningStatisticsScope(const RunningStatisticsScope&) = delete;
  RunningStatisticsScope& operator=(const RunningStatisticsScope&) = delete;

 private:
  bool before_;
};

}  // namespace clade
