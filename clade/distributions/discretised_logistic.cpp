#include "clade/distributions/discretised_logistic.h"

#include <ATen/ExpandUtils.h>
#include <torch/torch.h>

#include <algorithm>

#include "clade/ops/discretised_logistic.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

constexpr double kLast = 255;  // the last level
constexpr double kHalf = 0.5 / kLast;

torch::Tensor nearest_level(const torch::Tensor& x) {
  return (x * kLast).round().clamp(0, kLast) / kLast;
}

// Σ_k P(level ≥ k), k = 1 … 255, in units of x. location, inverse_scale: [n, D] each -> [n, D].
torch::Tensor mean_level(const torch::Tensor& location, const torch::Tensor& inverse_scale) {
  auto sum = torch::zeros_like(location);
  for (double k = 1; k <= kLast; ++k) {
    sum += (location - (k / kLast - kHalf)).mul_(inverse_scale).sigmoid_();
  }
  return sum / kLast;
}

}  // namespace

torch::Tensor DiscretisedLogistic::log_prob(const torch::Tensor& x) const {
  return discretised_logistic_log_prob(x, location_, log_scale_);
}

torch::Tensor DiscretisedLogistic::mean() const {
  torch::NoGradGuard no_grad;
  const auto shape = at::infer_size(location_.sizes(), log_scale_.sizes());
  const auto location = location_.expand(shape).reshape({-1, shape.back()});  // [N, D]
  const auto inverse_scale = (-log_scale_).exp().expand(shape).reshape(location.sizes());
  if (!location.is_cpu()) return mean_level(location, inverse_scale).view(shape);
  // By blocks that stay in a core's cache from level to level.
  constexpr int64_t kNumbers = 1 << 14;
  const int64_t rows = std::max<int64_t>(1, kNumbers / std::max<int64_t>(1, shape.back()));
  auto mean = torch::empty_like(location);
  parallel_for(location.size(0), rows, [&](int64_t begin, int64_t end) {
    torch::NoGradGuard each_thread_has_its_own;
    for (int64_t first = begin; first < end; first += rows) {
      const int64_t last = std::min(end, first + rows);
      mean.slice(0, first, last)
          .copy_(mean_level(location.slice(0, first, last), inverse_scale.slice(0, first, last)));
    }
  });
  return mean.view(shape);
}

torch::Tensor DiscretisedLogistic::sample(Generator& generator) const {
  torch::NoGradGuard no_grad;
  const auto shape = at::infer_size(location_.sizes(), log_scale_.sizes());
  const auto u = torch::empty(shape, location_.options()).uniform_(0, 1, generator);
  return nearest_level(location_ + log_scale_.exp() * torch::logit(u, 1e-7));
}

}  // namespace clade
