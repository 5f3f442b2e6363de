#include "clade/clustering/bernoulli_mixture.h"

#include <torch/torch.h>

#include <limits>

#include "clade/clustering/k_means.h"
#include "clade/core/error.h"

namespace clade {
namespace {

constexpr int64_t kIterations = 300;
constexpr double kTolerance = 1e-5;  // of the log-likelihood a point, nats

/// log w_k p(x | k), [N, K].
torch::Tensor log_joint(const BernoulliMixture& mixture, const torch::Tensor& x) {
  const auto log_p = mixture.means.log(), log_q = (1 - mixture.means).log();  // [K, D]
  const auto ones = x.to(torch::kFloat64).matmul((log_p - log_q).t());        // [N, K]
  return ones + log_q.sum(1) + mixture.weights.log();
}

/// What responsibilities r, [N, K], make of x, [N, D] float64.
BernoulliMixture of_responsibilities(const torch::Tensor& x, const torch::Tensor& r) {
  const auto points = r.sum(0);                                            // [K]
  const auto means = (r.t().matmul(x) + 0.5) / (points + 1).unsqueeze(1);  // [K, D]
  const auto weights = (points + 0.5) / (points + 0.5).sum();              // none is 0
  return {weights, means};
}

BernoulliMixture fitted_from(const torch::Tensor& x, torch::Tensor r) {
  BernoulliMixture mixture;
  double before = -std::numeric_limits<double>::infinity();
  for (int64_t iteration = 0; iteration < kIterations; ++iteration) {
    mixture = of_responsibilities(x, r);
    const auto joint = log_joint(mixture, x);
    const auto log_p = torch::logsumexp(joint, 1, /*keepdim=*/true);  // [N, 1]
    mixture.log_likelihood = log_p.mean().item<double>();
    if (mixture.log_likelihood - before < kTolerance) break;
    before = mixture.log_likelihood;
    r = (joint - log_p).exp();
  }
  return mixture;
}

}  // namespace

torch::Tensor BernoulliMixture::log_prob(const torch::Tensor& x) const {
  return torch::logsumexp(log_joint(*this, x), 1);
}

torch::Tensor BernoulliMixture::responsibilities(const torch::Tensor& x) const {
  return log_joint(*this, x).softmax(1);
}

BernoulliMixture fit_bernoulli_mixture(const torch::Tensor& x, int64_t components, int64_t starts,
                                       Generator& generator, const Progress& progress) {
  if (!x.ge(0).logical_and(x.le(1)).all().item<bool>()) {
    throw Error("a mixture of Bernoulli distributions is of bits; give 0 and 1");
  }
  const auto bits = x.to(torch::kFloat64);
  KMeansOptions one;
  one.starts = 1;
  BernoulliMixture best;
  for (int64_t start = 0; start < starts; ++start) {
    if (progress) progress(start, starts);
    const auto clusters = k_means(bits, components, one, generator).clusters;
    auto mixture = fitted_from(bits, torch::one_hot(clusters, components).to(torch::kFloat64));
    if (start == 0 || mixture.log_likelihood > best.log_likelihood) best = std::move(mixture);
  }
  return best;
}

}  // namespace clade
