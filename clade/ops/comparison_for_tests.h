#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "clade/core/random.h"

namespace clade {

inline torch::Tensor noise(at::IntArrayRef shape, Generator& generator, double deviation = 1) {
  return torch::empty(shape).normal_(0, deviation, generator);
}

/// Largest deviation relative to the largest number expected.
inline double distance(const torch::Tensor& ours, const torch::Tensor& expected) {
  EXPECT_EQ(ours.sizes(), expected.sizes());
  const auto reference = expected.to(torch::kFloat64);
  const auto scale = reference.abs().max().clamp_min(1e-3);
  return ((ours.to(torch::kFloat64) - reference).abs().max() / scale).item<double>();
}

struct Compared {
  torch::Tensor value;
  std::vector<torch::Tensor> gradients;
};

/// f of `inputs` as `type`, and the gradients of a fixed random functional of it.
template <class F>
Compared evaluated(const std::vector<torch::Tensor>& inputs, at::ScalarType type, const F& f) {
  std::vector<torch::Tensor> leaves;
  for (const auto& input : inputs) {
    leaves.push_back(input.detach().to(type).clone().requires_grad_(true));
  }
  const auto value = f(leaves);
  auto generator = make_generator(99);
  const auto direction = noise(value.sizes(), generator).to(value.scalar_type());
  (value * direction).sum().backward();
  Compared result{value.detach(), {}};
  for (const auto& leaf : leaves) result.gradients.push_back(leaf.grad());
  return result;
}

/// Whether `ours` in float32 and `reference` in float64 agree in value and gradients.
template <class F, class G>
void expect_same(const std::vector<torch::Tensor>& inputs, const F& ours, const G& reference,
                 double tolerance, const std::string& what) {
  const auto got = evaluated(inputs, torch::kFloat32, ours);
  const auto expected = evaluated(inputs, torch::kFloat64, reference);
  EXPECT_LT(distance(got.value, expected.value), tolerance) << what;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_TRUE(got.gradients[i].defined()) << what << ", gradient " << i;
    EXPECT_LT(distance(got.gradients[i], expected.gradients[i]), tolerance)
        << what << ", gradient " << i;
  }
}

constexpr double kFloat = 2e-5;  // float32 against float64
constexpr double kBf16 = 2e-2;   // eight bits of mantissa

}  // namespace clade
