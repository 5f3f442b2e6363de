#include "clade/training/adam.h"

#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

}  // namespace

FlatParameters::FlatParameters(torch::nn::Module& module) {
  std::vector<torch::Tensor> parameters;
  std::vector<torch::Tensor> flat;
  for (auto& parameter : module.parameters()) {
    if (!parameter.requires_grad()) continue;
    parameters.push_back(parameter);
    flat.push_back(parameter.detach().reshape(-1));
  }
  values_ = torch::cat(flat);
  gradients_ = torch::zeros_like(values_);
  int64_t offset = 0;
  for (auto& parameter : parameters) {
    const int64_t size = parameter.numel();
    const auto view = [&](const torch::Tensor& all) {
      return all.slice(0, offset, offset + size).view(parameter.sizes());
    };
    parameter.set_data(view(values_));
    parameter.mutable_grad() = view(gradients_);
    offset += size;
  }
}

Adam::Adam(const torch::Tensor& like)
    : first_moment(torch::zeros_like(like)), second_moment(torch::zeros_like(like)) {}

void Adam::step(const torch::Tensor& values, const torch::Tensor& gradients, double learning_rate) {
  torch::NoGradGuard no_grad;
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps));
  first_moment.mul_(kBeta1).add_(gradients, 1 - kBeta1);
  second_moment.mul_(kBeta2).addcmul_(gradients, gradients, 1 - kBeta2);
  const auto denominator = second_moment.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
  values.addcdiv_(first_moment, denominator, -learning_rate / correction1);
}

}  // namespace clade
