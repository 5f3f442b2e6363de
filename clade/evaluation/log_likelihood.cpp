#include "clade/evaluation/log_likelihood.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/models/evaluation_mode.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

// Points × samples in flight, or × clusters if those are summed: wide enough for full matrix
// products, some tens of MB for images.
constexpr int64_t kRows = 10000;
constexpr int64_t kPointsAtATime = 100;

}  // namespace

torch::Tensor log_likelihood_per_point(Model& model, const torch::Tensor& x, int64_t samples,
                                       Generator& generator, bool sum_clusters,
                                       const Progress& progress) {
  const EvaluationMode evaluation(model);
  const int64_t decodings = sum_clusters ? model.decodings() : 1;
  // However few points: the draws of one do not depend on how many others there are.
  const int64_t points = std::max(x.size(0), kPointsAtATime);
  const int64_t at_a_time = std::max<int64_t>(1, kRows / (points * decodings));
  const Draws log_weights = model.log_weights(x, {.sum_clusters = sum_clusters});
  torch::Tensor log_sum;  // [B]
  for (int64_t done = 0; done < samples; done += at_a_time) {
    const auto log_w = log_weights(std::min(at_a_time, samples - done), generator).elbo();
    const auto chunk = torch::logsumexp(log_w.to(torch::kFloat64), 0);
    log_sum = log_sum.defined() ? torch::logaddexp(log_sum, chunk) : chunk;
    if (progress) progress(std::min(samples, done + at_a_time), samples);
  }
  return log_sum - std::log(static_cast<double>(samples));
}

torch::Tensor log_likelihoods(Model& model, const torch::Tensor& x, int64_t samples,
                              Generator& generator, bool sum_clusters, const Progress& progress) {
  const int64_t n = x.size(0);
  const int64_t at_a_time =
      sum_clusters ? std::min(kPointsAtATime, rows_at_a_time(model)) : kPointsAtATime;
  const auto all = torch::empty({n}, torch::kFloat64);
  for (int64_t start = 0; start < n; start += at_a_time) {
    const int64_t end = std::min(n, start + at_a_time);
    // Of many samples: whoever watches may want to stop long before these points are done.
    const auto go_on = [&](int64_t, int64_t) {
      if (progress) progress(start, n);
    };
    Generator own = SameForEveryRow::of_part(generator);
    all.slice(0, start, end)
        .copy_(log_likelihood_per_point(model, x.slice(0, start, end), samples, own, sum_clusters,
                                        go_on));
    if (progress) progress(end, n);
  }
  return all;
}

double log_likelihood(Model& model, const torch::Tensor& x, int64_t samples, Generator& generator,
                      bool sum_clusters, const Progress& progress) {
  return log_likelihoods(model, x, samples, generator, sum_clusters, progress)
      .mean()
      .item<double>();
}

torch::Tensor shares_below(const torch::Tensor& values, const torch::Tensor& reference) {
  const auto sorted = std::get<0>(reference.sort());
  const auto below = torch::searchsorted(sorted, values);
  const auto up_to = torch::searchsorted(sorted, values, /*out_int32=*/false, /*right=*/true);
  return (below + up_to).to(torch::kFloat64) / (2.0 * static_cast<double>(reference.size(0)));
}

}  // namespace clade
