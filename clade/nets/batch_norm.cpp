#include "clade/nets/batch_norm.h"

#include <torch/torch.h>

namespace clade {

BatchNormImpl::BatchNormImpl(int64_t features)
    : weight_(register_parameter("weight", torch::ones({features}))),
      bias_(register_parameter("bias", torch::zeros({features}))),
      running_mean_(register_buffer("running_mean", torch::zeros({features}))),
      running_variance_(register_buffer("running_variance", torch::ones({features}))) {}

Normalisation BatchNormImpl::normalisation() const {
  return {weight_, bias_, running_mean_, running_variance_, is_training(), collect_};
}

void collect_statistics(torch::nn::Module& module, bool on) {
  module.apply([on](torch::nn::Module& part) {
    if (auto* norm = part.as<BatchNormImpl>()) norm->collect_statistics(on);
  });
}

}  // namespace clade
