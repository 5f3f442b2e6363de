#include "clade/training/adam.h"

#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;
constexpr double kNormEpsilon = 1e-7;  // the VampPrior code's: what has no gradient stands still

}  // namespace

FlatParameters::FlatParameters(torch::nn::Module& module) {
  std::vector<torch::Tensor> flat;
  for (auto& parameter : module.parameters()) {
    if (!parameter.requires_grad()) continue;
    parameters_.push_back(parameter);
    flat.push_back(parameter.detach().reshape(-1));
  }
  values_ = torch::cat(flat);
  int64_t offset = 0;
  for (auto& parameter : parameters_) {
    const int64_t size = parameter.numel();
    parameter.set_data(values_.slice(0, offset, offset + size).view(parameter.sizes()));
    offset += size;
  }
}

GradientPieces FlatParameters::gradient() const {
  GradientPieces pieces;
  for (const auto& parameter : parameters_) {
    const auto& g = parameter.grad();
    pieces.push_back({g.defined() ? g.contiguous() : g, parameter.numel()});
  }
  return pieces;
}

void FlatParameters::forget_gradient() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

GradientPieces over_their_norms(const GradientPieces& gradient) {
  GradientPieces scaled;
  for (const auto& [values, size] : gradient) {
    scaled.push_back({values.defined() ? values / (values.norm() + kNormEpsilon) : values, size});
  }
  return scaled;
}

Adam::Adam(const torch::Tensor& like)
    : first_moment(torch::zeros_like(like)),
      second_moment(torch::zeros_like(like)),
      constants_{kBeta1, kBeta2, kEpsilon, torch::zeros({}, like.options()),
                 torch::zeros({}, like.options())} {}

void Adam::begin_step(double learning_rate) {
  ++steps;
  const auto t = static_cast<double>(steps);
  constants_.rate.fill_(learning_rate / (1 - std::pow(kBeta1, t)));
  constants_.root_correction.fill_(std::sqrt(1 - std::pow(kBeta2, t)));
}

void Adam::step(const torch::Tensor& values, const GradientPieces& gradient,
                const torch::Tensor& scale) {
  adam_step(constants_, gradient, scale, values, first_moment, second_moment);
}

}  // namespace clade
