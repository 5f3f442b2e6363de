#include "clade/training/step.h"

#include <torch/torch.h>

#include <limits>

namespace clade {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

torch::TensorOptions row_numbers(const torch::Device& device) {
  return torch::dtype(torch::kInt64).device(device);
}

}  // namespace

void StepWatch::begin(const torch::Tensor& totals) {
  totals_ = totals;
  first_failed_ = torch::full_like(totals, kNever, totals.options().dtype(torch::kInt64));
}

void StepWatch::record(const Bound& bound, const torch::Tensor& norm, const torch::Tensor& step,
                       int64_t points) {
  std::vector<torch::Tensor> watched;
  for (const Term& term : bound.terms) watched.push_back(term.value.detach().mean());
  watched.push_back(norm);
  const auto values = torch::stack(watched).to(torch::kFloat64);  // [terms + 1]
  if (!totals_.defined()) begin(torch::zeros_like(values));
  if (terms_.empty()) {
    terms_ = bound.terms;
    for (Term& term : terms_) term.value = torch::Tensor();
  }
  totals_ += values * points;
  const auto failed = torch::isfinite(values).logical_not().logical_and(first_failed_ == kNever);
  first_failed_.copy_(torch::where(failed, step, first_failed_));
}

void StepWatch::clear() {
  if (!totals_.defined()) return;
  totals_.zero_();
  first_failed_.fill_(kNever);
}

std::optional<StepWatch::Failure> StepWatch::failure() const {
  const auto first_failed = first_failed_.cpu();
  const auto which = first_failed.argmin().item<int64_t>();
  const auto step = first_failed[which].item<int64_t>();
  if (step == kNever) return std::nullopt;
  const auto term = static_cast<size_t>(which);
  return Failure{term < terms_.size() ? terms_[term].name : "the gradient", step};
}

MeanBound StepWatch::means(int64_t points) const {
  const auto means = (totals_ / static_cast<double>(points)).cpu();
  MeanBound mean;
  for (size_t i = 0; i < terms_.size(); ++i) {
    const auto value = means[static_cast<int64_t>(i)].item<double>();
    mean.terms.emplace_back(terms_[i].name, value);
    if (terms_[i].role == Role::classification) continue;
    mean.elbo += terms_[i].role == Role::divergence ? -value : value;
  }
  return mean;
}

void StepWatch::restore(std::vector<Term> terms, const torch::Tensor& totals) {
  terms_ = std::move(terms);
  begin(totals.clone());
}

TrainingStep::TrainingStep(Model& model, const Splits& data, const TrainOptions& options,
                           const Generator& generator)
    : model_(model),
      data_(data),
      generator_(generator),
      precision_(precision_for("train.precision", options.precision, data.train.x.device())),
      over_norms_(options.optimiser == "adam_norm_grad"),
      clip_norm_(options.clip_norm),
      parameters_(model),
      adam_(parameters_.values()),
      rows_(torch::zeros({options.batch}, row_numbers(data.train.x.device()))),
      step_number_(torch::zeros({}, rows_.options())),
      graph_([this] { step_on(rows_); }, generator_, data.train.x.device(), options.cuda_graph) {}

void TrainingStep::begin_epoch(const Weights& weights) {
  weights_ = weights;
  graph_.forget();
}

void TrainingStep::take(const torch::Tensor& rows, double learning_rate) {
  adam_.begin_step(learning_rate);
  step_number_.fill_(adam_.steps);
  if (rows.size(0) == rows_.size(0)) {
    rows_.copy_(rows);
    graph_.run();
  } else {  // the epoch's last few points
    step_on(rows);
  }
}

void TrainingStep::step_on(const torch::Tensor& rows) {
  const PrecisionScope scope(precision_);
  const auto x = present(data_.train.x.index_select(0, rows), data_.preprocessing.binarise,
                         generator_);  // [B, D]
  const Bound bound = model_.bound(x, generator_);
  parameters_.forget_gradient();
  cost(bound, weights_).backward();

  torch::NoGradGuard no_grad;
  watch_.record(bound, descend(), step_number_, rows.size(0));
}

/// Returns the norm of the gradient as it was, [].
torch::Tensor TrainingStep::descend() {
  auto gradient = parameters_.gradient();
  const auto norm = norm_of(gradient);
  if (over_norms_) gradient = over_their_norms(gradient);
  const auto scale =
      clip_norm_ > 0 ? (clip_norm_ / (norm + 1e-6)).clamp_max(1) : torch::ones_like(norm);
  adam_.step(parameters_.values(), gradient, scale);
  return norm;
}

}  // namespace clade
