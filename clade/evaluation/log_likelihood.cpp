#include "clade/evaluation/log_likelihood.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

namespace clade {
namespace {

// Points × samples in flight, or × clusters if those are summed: wide enough for full matrix
// products, some tens of MB for images.
constexpr int64_t kRows = 10000;
constexpr int64_t kPointsAtATime = 100;

}  // namespace

torch::Tensor log_likelihood_per_point(Model& model, const torch::Tensor& x, int64_t samples,
                                       Generator& generator, bool sum_clusters) {
  const EvaluationMode evaluation(model);
  const int64_t decodings = sum_clusters ? model.decodings() : 1;
  const int64_t at_a_time = std::max<int64_t>(1, kRows / (x.size(0) * decodings));
  const Draws log_weights = model.log_weights(x, {.sum_clusters = sum_clusters});
  torch::Tensor log_sum;  // [B]
  for (int64_t done = 0; done < samples; done += at_a_time) {
    const auto log_w = log_weights(std::min(at_a_time, samples - done), generator).elbo();
    const auto chunk = torch::logsumexp(log_w.to(torch::kFloat64), 0);
    log_sum = log_sum.defined() ? torch::logaddexp(log_sum, chunk) : chunk;
  }
  return log_sum - std::log(static_cast<double>(samples));
}

double log_likelihood(Model& model, const torch::Tensor& x, int64_t samples, Generator& generator,
                      bool sum_clusters, const Progress& progress) {
  const int64_t n = x.size(0);
  const int64_t at_a_time =
      sum_clusters ? std::min(kPointsAtATime, rows_at_a_time(model)) : kPointsAtATime;
  torch::Tensor sum;
  for (int64_t start = 0; start < n; start += at_a_time) {
    const int64_t end = std::min(n, start + at_a_time);
    const auto batch =
        log_likelihood_per_point(model, x.slice(0, start, end), samples, generator, sum_clusters)
            .sum();
    sum = sum.defined() ? sum + batch : batch;
    if (progress) progress(end, n);
  }
  return sum.item<double>() / static_cast<double>(n);
}

}  // namespace clade
