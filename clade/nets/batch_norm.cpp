#include "clade/nets/batch_norm.h"

#include <torch/torch.h>

namespace clade {
namespace {

constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;

}  // namespace

BatchNormImpl::BatchNormImpl(int64_t features)
    : weight_(register_parameter("weight", torch::ones({features}))),
      bias_(register_parameter("bias", torch::zeros({features}))),
      running_mean_(register_buffer("running_mean", torch::zeros({features}))),
      running_variance_(register_buffer("running_variance", torch::ones({features}))) {}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& h) {
  const auto rows = h.reshape({-1, h.size(-1)});
  // The variance of a single row is unknown: it is normalised by what was collected so far.
  const bool by_batch = is_training() && rows.size(0) > 1;
  const bool use_running = !by_batch || collect_;
  return torch::batch_norm(rows, weight_, bias_, use_running ? running_mean_ : torch::Tensor(),
                           use_running ? running_variance_ : torch::Tensor(), by_batch, kMomentum,
                           kEpsilon, /*cudnn_enabled=*/true)
      .view(h.sizes());
}

void collect_statistics(torch::nn::Module& module, bool on) {
  module.apply([on](torch::nn::Module& part) {
    if (auto* norm = part.as<BatchNormImpl>()) norm->collect_statistics(on);
  });
}

}  // namespace clade
