#include "clade/nets/batch_norm.h"

#include <torch/torch.h>

#include <algorithm>

namespace clade {
namespace {

thread_local Statistics present = Statistics::collected;

}  // namespace

BatchNormImpl::BatchNormImpl(int64_t features)
    : weight_(register_parameter("weight", torch::ones({features}))),
      bias_(register_parameter("bias", torch::zeros({features}))),
      running_mean_(register_buffer("running_mean", torch::zeros({features}))),
      running_variance_(register_buffer("running_variance", torch::ones({features}))) {}

Normalisation BatchNormImpl::normalisation() const {
  const bool by_batch = is_training() && present != Statistics::running;
  return {weight_,           bias_,    running_mean_,
          running_variance_, by_batch, present == Statistics::collected};
}

StatisticsScope::StatisticsScope(Statistics statistics) : before_(present) {
  present = std::max(before_, statistics);
}

StatisticsScope::~StatisticsScope() {
  present = before_;
}

}  // namespace clade
