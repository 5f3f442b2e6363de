#include "clade/nets/batch_norm.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

namespace clade {
namespace {

thread_local Statistics present = Statistics::collected;
thread_local torch::Tensor present_share;

}  // namespace

BatchNormImpl::BatchNormImpl(int64_t features)
    : weight_(register_parameter("weight", torch::ones({features}))),
      bias_(register_parameter("bias", torch::zeros({features}))),
      running_mean_(register_buffer("running_mean", torch::zeros({features}))),
      running_variance_(register_buffer("running_variance", torch::ones({features}))) {}

Normalisation BatchNormImpl::normalisation() const {
  const bool by_batch = is_training() && present != Statistics::running;
  Normalisation how{weight_,           bias_,    running_mean_,
                    running_variance_, by_batch, present == Statistics::collected};
  how.share = present_share;
  return how;
}

ShareScope::ShareScope(torch::Tensor share)
    : before_(std::exchange(present_share, std::move(share))) {}

ShareScope::~ShareScope() {
  present_share = before_;
}

StatisticsScope::StatisticsScope(Statistics statistics) : before_(present) {
  present = std::max(before_, statistics);
}

StatisticsScope::~StatisticsScope() {
  present = before_;
}

}  // namespace clade
