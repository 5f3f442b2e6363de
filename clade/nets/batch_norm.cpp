#include "clade/nets/batch_norm.h"

#include <torch/torch.h>

namespace clade {
namespace {

thread_local bool keeps_statistics = false;
thread_local bool by_running_statistics = false;

}  // namespace

BatchNormImpl::BatchNormImpl(int64_t features)
    : weight_(register_parameter("weight", torch::ones({features}))),
      bias_(register_parameter("bias", torch::zeros({features}))),
      running_mean_(register_buffer("running_mean", torch::zeros({features}))),
      running_variance_(register_buffer("running_variance", torch::ones({features}))) {}

Normalisation BatchNormImpl::normalisation() const {
  const bool by_batch = is_training() && !by_running_statistics;
  return {weight_, bias_, running_mean_, running_variance_, by_batch, !keeps_statistics};
}

KeptStatisticsScope::KeptStatisticsScope() : before_(keeps_statistics) {
  keeps_statistics = true;
}

KeptStatisticsScope::~KeptStatisticsScope() {
  keeps_statistics = before_;
}

RunningStatisticsScope::RunningStatisticsScope() : before_(by_running_statistics) {
  by_running_statistics = true;
}

RunningStatisticsScope::~RunningStatisticsScope() {
  by_running_statistics = before_;
}

}  // namespace clade
