#include "clade/nets/join.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/ops/activation.h"
#include "clade/ops/linear.h"

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

torch::Tensor JoinImpl::forward(const std::vector<torch::Tensor>& parents, at::ScalarType type) {
  if (parents.size() == 1 && weights_.size() == 1) {
    return linear(parents[0], weights_[0], bias_, type);
  }
  return activate(products(parents), bias_, Activation::identity, type);
}

std::vector<torch::Tensor> JoinImpl::products(const std::vector<torch::Tensor>& parents) {
  TORCH_CHECK(parents.size() == weights_.size(), "Join: ", weights_.size(), " parents expected, ",
              parents.size(), " given");
  std::vector<torch::Tensor> products;
  for (size_t i = 0; i < parents.size(); ++i) {
    products.push_back(linear(parents[i], weights_[i], {}, activation_type()));
  }
  return products;
}

}  // namespace clade
