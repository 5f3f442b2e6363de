#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "clade/ops/activation.h"

namespace clade {

/// Batch normalisation over all leading dimensions (Ioffe & Szegedy 2015). In training the batch's
/// own statistics normalise; whether they also enter the running ones is a switch, because CaGeM
/// collects them in the unlabelled pass only.
class BatchNormImpl : public torch::nn::Module {
 public:
  explicit BatchNormImpl(int64_t features);

  /// For the activation that follows.
  Normalisation normalisation() const;
  void collect_statistics(bool on) { collect_ = on; }

 private:
  torch::Tensor weight_, bias_, running_mean_, running_variance_;  // [features]
  bool collect_ = true;
};
TORCH_MODULE(BatchNorm);

/// Switches statistics collection for every batch norm inside `module`.
void collect_statistics(torch::nn::Module& module, bool on);

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
