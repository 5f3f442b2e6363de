#include "clade/models/mean_bound.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/models/evaluation_mode.h"

namespace clade {

int64_t rows_at_a_time(const Model& model) {
  constexpr int64_t kRowsDecoded = 10000;
  return std::clamp<int64_t>(kRowsDecoded / model.decodings(), 1, 1000);
}

namespace {

MeanBound mean_over(const Model& model, const torch::Tensor& x,
                    const std::function<Bound(const torch::Tensor& rows)>& bound_of) {
  const int64_t n = x.size(0);
  std::vector<Term> layout;
  torch::Tensor sums;  // [terms], and the ELBO last
  for (int64_t start = 0; start < n; start += rows_at_a_time(model)) {
    Bound bound = bound_of(x.slice(0, start, std::min(n, start + rows_at_a_time(model))));
    std::vector<torch::Tensor> batch;
    for (const Term& term : bound.terms) batch.push_back(term.value.sum(torch::kFloat64));
    batch.push_back(bound.elbo().sum(torch::kFloat64));
    const auto batch_sums = torch::stack(batch);
    sums = sums.defined() ? sums + batch_sums : batch_sums;
    layout = std::move(bound.terms);
  }
  const auto means = (sums / static_cast<double>(n)).cpu();
  MeanBound mean;
  const double* value = means.data_ptr<double>();
  for (const Term& term : layout) mean.terms.emplace_back(term.name, *value++);
  mean.elbo = *value;
  return mean;
}

}  // namespace

MeanBound MeanBound::less(double log_volume) const {
  MeanBound bound = *this;
  bound.elbo -= log_volume;
  if (bound.weighted) *bound.weighted -= log_volume;
  for (auto& [name, value] : bound.terms) {
    if (name.rfind("log p(x", 0) == 0) value -= log_volume;
  }
  return bound;
}

MeanBound mean_bound(Model& model, const torch::Tensor& x, Generator& generator) {
  const EvaluationMode evaluation(model);
  return mean_over(model, x, [&](const auto& rows) { return model.bound(rows, generator); });
}

double mean_weighted_bound(Model& model, const torch::Tensor& x, int64_t samples,
                           Generator& generator) {
  const EvaluationMode evaluation(model);
  const int64_t at_a_time = std::max<int64_t>(1, rows_at_a_time(model) / samples);
  torch::Tensor sum = torch::zeros({}, x.options().dtype(torch::kFloat64));
  for (const auto& rows : x.split(at_a_time)) {
    const auto log_w = model.log_weights(rows)(samples, generator).elbo();  // [S, B]
    sum += torch::logsumexp(log_w.to(torch::kFloat64), 0).sum();
  }
  return sum.item<double>() / static_cast<double>(x.size(0)) -
         std::log(static_cast<double>(samples));
}

std::optional<MeanBound> mean_relaxed_bound(Model& model, const torch::Tensor& x,
                                            Generator& generator) {
  const EvaluationMode evaluation(model);
  if (!model.relaxed_bound(x.slice(0, 0, 1), generator)) return {};
  MeanBound mean =
      mean_over(model, x, [&](const auto& rows) { return *model.relaxed_bound(rows, generator); });
  mean.kind = BoundKind::relaxed;
  return mean;
}

std::optional<MeanBound> mean_looser_bound(Model& model, const torch::Tensor& x,
                                           Generator& generator) {
  const EvaluationMode evaluation(model);
  auto asked = generator.clone();  // so that the draws are those of mean_bound()
  if (!model.looser_bound(x.slice(0, 0, 1), asked)) return {};
  MeanBound mean =
      mean_over(model, x, [&](const auto& rows) { return *model.looser_bound(rows, generator); });
  mean.kind = BoundKind::looser;
  return mean;
}

}  // namespace clade
