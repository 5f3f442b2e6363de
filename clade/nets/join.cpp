#include "clade/nets/join.h"

#include <torch/torch.h>

#include <cmath>

namespace clade {

JoinImpl::JoinImpl(const Parents& parents, int64_t out, Generator& generator,
                   const JoinInit& init) {
  int64_t fan_in = 0;
  for (const Parent& parent : parents) fan_in += parent.width;
  const auto fan_out = init.fan_out > 0 ? init.fan_out : out;
  const double bound = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  for (const Parent& parent : parents) {
    auto weight = torch::empty({out, parent.width});
    if (parent.silent_at_first) {
      weight.zero_();
    } else if (init.deviation > 0) {
      weight.normal_(0, init.deviation, generator);
    } else {
      weight.uniform_(-bound, bound, generator);
    }
    weights_.push_back(register_parameter("weight_" + parent.name, weight));
  }
  bias_ = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor JoinImpl::forward(const std::vector<torch::Tensor>& parents) {
  TORCH_CHECK(parents.size() == weights_.size(), "Join: ", weights_.size(), " parents expected, ",
              parents.size(), " given");
  auto sum = torch::linear(parents[0], weights_[0], bias_);
  for (size_t i = 1; i < parents.size(); ++i) {
    sum = sum + torch::linear(parents[i], weights_[i]);
  }
  return sum;
}

}  // namespace clade
