#include "clade/clustering/bernoulli_mixture.h"

#include <torch/torch.h>

#include <functional>
#include <limits>

#include "clade/clustering/blocks.h"
#include "clade/clustering/k_means.h"
#include "clade/core/error.h"

namespace clade {
namespace {

using clustering::for_blocks;
using clustering::rows_in_double;
using clustering::rows_of_block;
using clustering::saying;
using clustering::sum_blocks;

constexpr int64_t kIterations = 300;
constexpr double kTolerance = 1e-5;  // of the log-likelihood a point, nats

/// log w_k p(x | k), [B, K], of x, [B, D] float64.
torch::Tensor log_joint(const BernoulliMixture& mixture, const torch::Tensor& x) {
  const auto log_p = mixture.means.log(), log_q = (1 - mixture.means).log();  // [K, D]
  return x.matmul((log_p - log_q).t()) + log_q.sum(1) + mixture.weights.log();
}

/// f(begin, end) for blocks of the rows of x, [N, D], of each of which it makes [B, K].
template <class F>
void for_rows(const torch::Tensor& x, int64_t components, const F& f) {
  for_blocks(x.device(), x.size(0), rows_of_block(x.size(1) + components), f);
}

/// The same, summed.
template <class F>
torch::Tensor sum_rows(const torch::Tensor& x, int64_t components, const F& f) {
  return sum_blocks(x.device(), x.size(0), rows_of_block(x.size(1) + components), f);
}

/// Of responsibilities r, [B, K], for each component the rows, their number and `more`, [B, M],
/// summed: [K, D + 1 + M].
torch::Tensor sums_of(const torch::Tensor& rows, const torch::Tensor& r,
                      const torch::Tensor& more) {
  return r.t().matmul(torch::cat({rows, torch::ones_like(rows.slice(1, 0, 1)), more}, 1));
}

/// Those sums by the mixture's responsibilities, M = 1 its log density. x: [N, D].
torch::Tensor expectation(const BernoulliMixture& mixture, const torch::Tensor& x) {
  return sum_rows(x, mixture.weights.size(0), [&](int64_t begin, int64_t end) {
    const auto rows = rows_in_double(x, begin, end);
    const auto joint = log_joint(mixture, rows);
    const auto log_p = torch::logsumexp(joint, 1, /*keepdim=*/true);  // [B, 1]
    return sums_of(rows, (joint - log_p).exp(), log_p);
  });
}

/// Those sums of clusters, [N] int64, M = 0.
torch::Tensor sums_of_clusters(const torch::Tensor& x, const torch::Tensor& clusters,
                               int64_t components) {
  return sum_rows(x, components, [&](int64_t begin, int64_t end) {
    const auto rows = rows_in_double(x, begin, end);
    const auto r = torch::one_hot(clusters.slice(0, begin, end), components).to(rows.dtype());
    return sums_of(rows, r, rows.slice(1, 0, 0));
  });
}

/// What those sums make of D bits.
BernoulliMixture maximisation(const torch::Tensor& sums, int64_t D) {
  const auto points = sums.select(1, D);                                       // [K]
  const auto means = (sums.slice(1, 0, D) + 0.5) / (points + 1).unsqueeze(1);  // [K, D]
  const auto weights = (points + 0.5) / (points + 0.5).sum();                  // none is 0
  return {weights, means};
}

/// Calls `each` before each iteration.
BernoulliMixture fitted_from(const torch::Tensor& x, torch::Tensor sums,
                             const std::function<void()>& each) {
  BernoulliMixture mixture;
  double before = -std::numeric_limits<double>::infinity();
  for (int64_t iteration = 0; iteration < kIterations; ++iteration) {
    each();
    mixture = maximisation(sums, x.size(1));
    sums = expectation(mixture, x);
    mixture.log_likelihood =
        sums.select(1, -1).sum().item<double>() / static_cast<double>(x.size(0));
    if (mixture.log_likelihood - before < kTolerance) break;
    before = mixture.log_likelihood;
  }
  return mixture;
}

}  // namespace

torch::Tensor BernoulliMixture::log_prob(const torch::Tensor& x) const {
  auto all = torch::empty({x.size(0)}, weights.options());
  for_rows(x, weights.size(0), [&](int64_t begin, int64_t end) {
    all.slice(0, begin, end).copy_(log_joint(*this, rows_in_double(x, begin, end)).logsumexp(1));
  });
  return all;
}

torch::Tensor BernoulliMixture::responsibilities(const torch::Tensor& x) const {
  auto all = torch::empty({x.size(0), weights.size(0)}, weights.options());
  for_rows(x, weights.size(0), [&](int64_t begin, int64_t end) {
    all.slice(0, begin, end).copy_(log_joint(*this, rows_in_double(x, begin, end)).softmax(1));
  });
  return all;
}

BernoulliMixture fit_bernoulli_mixture(const torch::Tensor& x, int64_t components, int64_t starts,
                                       Generator& generator, const Progress& progress) {
  if (!x.ge(0).logical_and(x.le(1)).all().item<bool>()) {
    throw Error("a mixture of Bernoulli distributions is of bits; give 0 and 1");
  }
  torch::NoGradGuard no_grad;
  KMeansOptions one;
  one.starts = 1;
  BernoulliMixture best;
  for (int64_t start = 0; start < starts; ++start) {
    const auto each = saying(progress, start, starts);
    const auto clusters =
        k_means(x, components, one, generator, [&](int64_t, int64_t) { each(); }).clusters;
    auto mixture = fitted_from(x, sums_of_clusters(x, clusters, components), each);
    if (start == 0 || mixture.log_likelihood > best.log_likelihood) best = std::move(mixture);
    if (progress) progress(start + 1, starts);
  }
  return best;
}

}  // namespace clade
