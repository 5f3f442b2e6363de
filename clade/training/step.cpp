#include "clade/training/step.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "clade/nets/batch_norm.h"

namespace clade {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

Objective objective_of(const TrainOptions& options) {
  if (options.objective == "elbo") return Objective::elbo;
  return options.gradient == "standard" ? Objective::iwae : Objective::doubly_reparameterised_iwae;
}

int64_t labelled_batch_of(const TrainOptions& options, const Model& model, const Splits& data) {
  if (!model.takes_labels()) return 0;
  return std::min(data.labelled.size(),
                  options.labelled_batch > 0 ? options.labelled_batch : options.batch);
}

std::vector<Term> without_values(std::vector<Term> terms) {
  for (Term& term : terms) term.value = torch::Tensor();
  return terms;
}

/// The bound of terms whose means are `means`[first], …
MeanBound mean_of(const std::vector<Term>& terms, const torch::Tensor& means, size_t first) {
  MeanBound mean;
  for (size_t i = 0; i < terms.size(); ++i) {
    const auto value = means[static_cast<int64_t>(first + i)].item<double>();
    mean.terms.emplace_back(terms[i].name, value);
    if (!terms[i].is_in_bound()) continue;
    mean.elbo += terms[i].sign() * value;
  }
  return mean;
}

torch::TensorOptions row_numbers(const torch::Device& device) {
  return torch::dtype(torch::kInt64).device(device);
}

}  // namespace

void StepWatch::begin(const torch::Tensor& totals) {
  totals_ = totals;
  first_failed_ = torch::full_like(totals, kNever, totals.options().dtype(torch::kInt64));
}

void StepWatch::record(const Bound& bound, const Bound& labelled, const torch::Tensor& norm,
                       const torch::Tensor& step, int64_t points) {
  std::vector<torch::Tensor> watched;
  for (const Bound* all : {&bound, &labelled}) {
    for (const Term& term : all->terms) watched.push_back(all->mean(term.value).detach());
  }
  watched.push_back(norm);
  const auto values = torch::stack(watched).to(torch::kFloat64);  // [terms + 1]
  if (!totals_.defined()) begin(torch::zeros_like(values));
  if (totals_.sizes() != values.sizes()) {
    throw Error("the checkpoint holds other terms of the bound than this model has; train anew");
  }
  if (terms_.empty()) {
    terms_ = without_values(bound.terms);
    labelled_terms_ = without_values(labelled.terms);
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

void StepWatch::forget() {
  *this = StepWatch();
}

std::optional<StepWatch::Failure> StepWatch::failure() const {
  const auto first_failed = first_failed_.cpu();
  const auto which = first_failed.argmin().item<int64_t>();
  const auto step = first_failed[which].item<int64_t>();
  if (step == kNever) return std::nullopt;
  const auto term = static_cast<size_t>(which);
  if (term < terms_.size()) return Failure{terms_[term].name, step};
  const size_t labelled = term - terms_.size();
  if (labelled == labelled_terms_.size()) return Failure{"the gradient", step};
  return Failure{labelled_terms_[labelled].name + " of labelled points", step};
}

MeanBound StepWatch::means(int64_t points) const {
  return mean_of(terms_, (totals_ / static_cast<double>(points)).cpu(), 0);
}

std::optional<MeanBound> StepWatch::labelled_means(int64_t points) const {
  if (labelled_terms_.empty()) return std::nullopt;
  return mean_of(labelled_terms_, (totals_ / static_cast<double>(points)).cpu(), terms_.size());
}

void StepWatch::restore(std::vector<Term> terms, std::vector<Term> labelled_terms,
                        const torch::Tensor& totals) {
  terms_ = std::move(terms);
  labelled_terms_ = std::move(labelled_terms);
  begin(totals.clone());
}

TrainingStep::TrainingStep(Model& model, const Splits& data, const TrainOptions& options,
                           const Generator& generator)
    : model_(model),
      data_(data),
      generator_(generator),
      precision_(precision_for("train.precision", options.precision, data.train.x.device())),
      objective_(objective_of(options)),
      samples_(options.samples),
      labelled_batch_(labelled_batch_of(options, model, data)),
      over_norms_(options.optimiser == "adam_norm_grad"),
      clip_norm_(options.clip_norm),
      parameters_(model),
      adam_(parameters_.values()),
      rows_(torch::zeros({std::min(options.batch, data.train.size())},
                         row_numbers(data.train.x.device()))),
      step_number_(torch::zeros({}, rows_.options())),
      graph_([this] { step_on(rows_); }, generator_, data.train.x.device(), options.cuda_graph) {}

void TrainingStep::begin_epoch(const Weights& weights) {
  weights_ = weights;
  graph_.forget();
}

void TrainingStep::guide(const Responsibilities& responsibilities, Guidance guidance) {
  if (responsibilities.empty() != responsibilities_.empty() || guidance != guidance_) {
    watch_.forget();
    graph_.forget_buffers();
  }
  responsibilities_ = responsibilities;
  guidance_ = guidance;
}

bool TrainingStep::is_told() const {
  const auto& latents = model_.discrete();
  return guidance_ == Guidance::told && is_guided() &&
         std::all_of(latents.begin(), latents.end(), [&](const Discrete& latent) {
           return responsibilities_.count(latent.name) > 0;
         });
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
  // One point alone has no statistics.
  std::optional<StatisticsScope> alone;
  if (rows.size(0) == 1) alone.emplace(Statistics::running);
  const Bound bound = terms_of(x, rows);
  alone.reset();
  const Bound labelled = learns_labels() ? labelled_terms() : Bound{};
  parameters_.forget_gradient();
  take_gradient(bound, labelled);

  torch::NoGradGuard no_grad;
  watch_.record(bound, labelled, descend(), step_number_, rows.size(0));
}

/// The terms that the objective is made of, [B] or [samples, B].
Bound TrainingStep::terms_of(const torch::Tensor& x, const torch::Tensor& rows) {
  const int64_t draws = samples_ > 1 ? samples_ : 0;
  if (is_guided()) {
    Responsibilities of_batch;
    for (const auto& [name, r] : responsibilities_) of_batch[name] = r.index_select(0, rows);
    return model_.guided_bound(x, of_batch, generator_, draws, guidance_);
  }
  if (objective_ == Objective::elbo) return model_.bound(x, generator_, draws);
  if (objective_ == Objective::doubly_reparameterised_iwae) {
    path_scale_ = torch::zeros({samples_, x.size(0)}, x.options());
  }
  return model_.log_weights(x, {.path_scale = path_scale_})(samples_, generator_);
}

/// What the labelled points of this step add, [labelled batch].
Bound TrainingStep::labelled_terms() {
  torch::Tensor x = data_.labelled.x, y = data_.labelled.labels;
  if (labelled_batch_ < x.size(0)) {
    // Those with the largest of random numbers: none twice, and nothing waits for a value.
    const auto keys = torch::empty({x.size(0)}, x.options()).uniform_(0, 1, generator_);
    const auto rows = std::get<1>(keys.topk(labelled_batch_));
    x = x.index_select(0, rows);
    y = y.index_select(0, rows);
  }
  // The running statistics of batch norms are those of all points.
  const StatisticsScope scope(x.size(0) == 1 ? Statistics::running : Statistics::kept);
  return model_.labelled_bound(present(x, data_.preprocessing.binarise, generator_), y, generator_);
}

void TrainingStep::take_gradient(const Bound& bound, const Bound& labelled) {
  const auto with_labels = [&](const torch::Tensor& of_all) {
    const auto all = labelled.terms.empty() ? of_all : of_all + cost(labelled, weights_);
    all.backward();
  };
  switch (objective()) {
    case Objective::elbo:
      return with_labels(cost(bound, weights_));
    case Objective::iwae:
      return with_labels(importance_weighted_cost(bound, weights_));
    case Objective::doubly_reparameterised_iwae:
      return with_labels(doubly_reparameterised_cost(bound, weights_, path_scale_));
  }
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
