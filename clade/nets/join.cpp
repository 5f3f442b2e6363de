#include "clade/nets/join.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/core/memory.h"
#include "clade/ops/convolution.h"
#include "clade/ops/linear.h"

namespace clade {
namespace {

/// Throws DataError unless memory holds so many weights, their gradient, and Adam's two moments.
void weigh(int64_t weights, const Parent& parent, const Layer& layer) {
  constexpr uint64_t bytes = 4 * sizeof(float);
  require_memory(bytes * static_cast<uint64_t>(weights),
                 "a layer from " + parent.name + ", " + std::to_string(parent.width) +
                     " numbers, to " + std::to_string(layer.width),
                 "give points of fewer numbers (images: data.resize), or narrower layers");
}

}  // namespace

JoinImpl::JoinImpl(const Parents& parents, const Layer& layer, Generator& generator,
                   const JoinInit& init)
    : layer_(layer), parents_(parents) {
  const auto shape_of = [&](const Parent& parent) -> std::vector<int64_t> {
    if (!layer.window || parent.shape.empty()) return {layer.width, parent.width};
    return {layer.width, parent.shape[0], layer.window->size, layer.window->size};
  };
  int64_t fan_in = 0;
  for (const Parent& parent : parents) {
    fan_in += c10::multiply_integers(shape_of(parent)) / layer.width;
  }
  const int64_t places = layer.window ? layer.window->size * layer.window->size : 1;
  const int64_t fan_out = (init.fan_out > 0 ? init.fan_out : layer.width) * places;
  const double bound = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  for (const Parent& parent : parents) {
    weigh(c10::multiply_integers(shape_of(parent)), parent, layer);
    auto weight = torch::empty(shape_of(parent));
    if (parent.silent_at_first) {
      weight.zero_();
    } else if (init.deviation > 0) {
      weight.normal_(0, init.deviation, generator);
    } else {
      weight.uniform_(-bound, bound, generator);
    }
    weights_.push_back(register_parameter("weight_" + parent.name, weight));
  }
  bias_ = register_parameter("bias", torch::zeros({layer.width}));
}

torch::Tensor JoinImpl::product(size_t i, const torch::Tensor& parent, const torch::Tensor& bias,
                                at::ScalarType type) {
  if (!layer_.window) return linear(parent, weights_[i], bias, type);
  const auto& shape = parents_[i].shape;
  if (shape.empty()) return linear(parent, weights_[i], bias, type).unsqueeze(-2);
  const auto maps = parent.unflatten(-1, {shape[1], shape[2], shape[0]});  // [..., H, W, C]
  return convolution(maps, weights_[i], bias, *layer_.window, layer_.transposed, type)
      .flatten(-3, -2);
}

torch::Tensor JoinImpl::forward(const std::vector<torch::Tensor>& parents, at::ScalarType type) {
  if (parents.size() != 1 || weights_.size() != 1) {
    return activated(parents, Activation::identity, type);
  }
  const auto sum = product(0, parents[0], bias_, type);
  return layer_.window ? sum.flatten(-2) : sum;
}

torch::Tensor JoinImpl::activated(const std::vector<torch::Tensor>& parents, Activation kind,
                                  at::ScalarType type,
                                  const std::optional<Normalisation>& normalisation) {
  TORCH_CHECK(parents.size() == weights_.size(), "Join: ", weights_.size(), " parents expected, ",
              parents.size(), " given");
  std::vector<torch::Tensor> products;
  for (size_t i = 0; i < parents.size(); ++i) {
    products.push_back(product(i, parents[i], {}, activation_type()));
  }
  auto norm = normalisation;
  // Of a map every pixel is a row.
  if (norm && layer_.window && norm->share.defined()) norm->share = norm->share.unsqueeze(-1);
  const auto child = activate(products, bias_, kind, type, norm);
  return layer_.window ? child.flatten(-2) : child;
}

}  // namespace clade
