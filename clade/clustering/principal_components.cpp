#include "clade/clustering/principal_components.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/clustering/blocks.h"

namespace clade {
namespace {

using clustering::mean_of_rows;
using clustering::rows_in_double;
using clustering::rows_of_block;
using clustering::sum_blocks;

constexpr int64_t kMostExactFeatures = 2000;

double degrees_of_freedom(const torch::Tensor& x) {
  return static_cast<double>(std::max<int64_t>(1, x.size(0) - 1));
}

// [D, D]
torch::Tensor covariance(const torch::Tensor& x, const torch::Tensor& mean) {
  // At least as many rows as columns: adding a product to the sum must not cost more than making
  // it.
  const int64_t rows = std::max(rows_of_block(x.size(1)), x.size(1));
  const auto products = sum_blocks(x.device(), x.size(0), rows, [&](int64_t begin, int64_t end) {
    const auto centred = rows_in_double(x, begin, end) - mean;
    return torch::mm(centred.t(), centred);
  });
  return products / degrees_of_freedom(x);
}

// The covariance times `vectors`, [D, M], without the covariance.
torch::Tensor covariance_times(const torch::Tensor& x, const torch::Tensor& mean,
                               const torch::Tensor& vectors) {
  const int64_t rows = rows_of_block(x.size(1));
  const auto products = sum_blocks(x.device(), x.size(0), rows, [&](int64_t begin, int64_t end) {
    const auto centred = rows_in_double(x, begin, end) - mean;
    return torch::mm(centred.t(), torch::mm(centred, vectors));
  });
  return products / degrees_of_freedom(x);
}

struct Eigenpairs {
  torch::Tensor values;   // largest first, [M]
  torch::Tensor vectors;  // columns, [D, M]
};

Eigenpairs eigenpairs(const torch::Tensor& symmetric) {
  const auto [values, vectors] = torch::linalg_eigh(symmetric, "L");
  return {values.flip(0), vectors.flip(1)};
}

// By block power iterations: the eigenvalues of the covariance within the space of the vectors
// (Rayleigh-Ritz) grow towards its own.
Eigenpairs leading_eigenpairs(const torch::Tensor& x, const torch::Tensor& mean, int64_t count,
                              Generator& generator) {
  constexpr int64_t kMore = 10, kMostPasses = 30;
  constexpr double kStill = 1e-6;  // relative change of the sum of the `count` variances
  const int64_t width = std::min(count + kMore, x.size(1));
  auto vectors =
      torch::empty({x.size(1), width}, torch::dtype(torch::kFloat64).device(generator.device()))
          .normal_(0, 1, generator)
          .to(x.device());
  vectors = std::get<0>(torch::linalg_qr(vectors));
  double before = 0;
  for (int64_t pass = 1;; ++pass) {
    const auto product = covariance_times(x, mean, vectors);
    const auto inner = eigenpairs(torch::mm(vectors.t(), product));
    const auto sum = inner.values.slice(0, 0, count).sum().item<double>();
    if (pass == kMostPasses || std::abs(sum - before) <= kStill * sum) {
      return {inner.values, torch::mm(vectors, inner.vectors)};
    }
    before = sum;
    vectors = std::get<0>(torch::linalg_qr(product));
  }
}

// Turned so that the entry of each column that is largest in size is positive.
torch::Tensor with_fixed_signs(const torch::Tensor& axes) {
  const auto largest = axes.gather(0, axes.abs().argmax(0, /*keepdim=*/true));  // [1, P]
  return axes * torch::where(largest < 0, -torch::ones_like(largest), torch::ones_like(largest));
}

}  // namespace

torch::Tensor PrincipalComponents::project(const torch::Tensor& x) const {
  torch::NoGradGuard no_grad;
  auto codes =
      torch::empty({x.size(0), axes.size(1)}, torch::dtype(torch::kFloat32).device(x.device()));
  clustering::for_blocks(
      x.device(), x.size(0), rows_of_block(x.size(1)), [&](int64_t begin, int64_t end) {
        codes.slice(0, begin, end).copy_(torch::mm(rows_in_double(x, begin, end) - mean, axes));
      });
  return codes;
}

PrincipalComponents principal_components(const torch::Tensor& x, int64_t count,
                                         Generator& generator) {
  torch::NoGradGuard no_grad;
  if (x.dim() != 2 || x.size(0) == 0) {
    throw Error("principal components are of points as rows, [N, D]; give at least one");
  }
  count = std::min({count, x.size(0), x.size(1)});
  const auto mean = mean_of_rows(x);
  const auto pairs = x.size(1) <= kMostExactFeatures
                         ? eigenpairs(covariance(x, mean))
                         : leading_eigenpairs(x, mean, count, generator);
  return {mean, with_fixed_signs(pairs.vectors.slice(1, 0, count).contiguous()),
          pairs.values.slice(0, 0, count).clamp_min(0).sqrt()};
}

}  // namespace clade
