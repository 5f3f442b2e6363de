#include "clade/training/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "clade/core/error.h"
#include "clade/models/evaluation_mode.h"
#include "clade/training/found_clusters.h"
#include "clade/training/provenance.h"
#include "clade/training/trainable.h"

namespace clade {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// Reading a tensor's value stalls a GPU: not every step.
constexpr int64_t kStepsBetweenChecks = 50;

// Of each point's latents, for q(y): a mean over all points needs few of each.
constexpr int64_t kAggregatedDraws = 10;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// -infinity if there are none.
double highest(const std::vector<double>& bounds) {
  return std::accumulate(bounds.begin(), bounds.end(), -kInfinity,
                         [](double a, double b) { return std::max(a, b); });
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const TrainOptions& valid(const TrainOptions& options) {
  options.validate("train");
  options.validate_stages();
  return options;
}

std::map<std::string, torch::Tensor> copy_on_cpu(Model& model) {
  std::map<std::string, torch::Tensor> copies;
  for (const auto& [name, tensor] : state_of(model)) {
    copies[name] = tensor.to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true);
  }
  return copies;
}

/// A state whose tensors training does not go on to change.
TrainingState copied(TrainingState state) {
  for (auto& [name, tensor] : state.weights) tensor = tensor.clone();
  state.best_weights.clear();
  state.first_moment = state.first_moment.clone();
  state.second_moment = state.second_moment.clone();
  return state;
}

}  // namespace

Trainer::Trainer(TrainedModel& trained, const Splits& data, const TrainOptions& options,
                 uint64_t seed)
    : trained_(trained),
      model_(*trained.model),
      data_(data),
      options_(valid(options)),
      start_asked_(options.start),
      seed_(seed),
      log_volume_(trained.log_volume().value_or(0)),
      generator_(make_generator(derive_seed(seed, "training"), data.train.x.device())),
      step_(model_, data, options_, generator_),
      compares_restarts_(options_.restarts > 1) {
  require_trainable(trained, data, options_);
  if (step_.learns_labels()) {
    trained.provenance["label_weight"] = {
        {"alpha", options_.alpha(data.train.size(), data.labelled.size())},
        {"on", options_.label_scale}};
  }
}

bool Trainer::finished() const {
  return standing_.epoch >= epochs_in_all();
}

void Trainer::resume(const TrainingState& state, const std::string& source) {
  check_state(state, source);
  if (!state.starts.empty()) take_starts(state.starts);
  load_state(model_, state.weights, source);
  restore_generator(state.generator, source);
  standing_ = state.standing;
  standing_.stalled_at = options_.stalled_at(state.standing);
  best_bound_ = state.best_bound;
  validation_drawn_ = state.validation_drawn;
  restart_bounds_ = state.restart_bounds;
  const bool none_yet = highest(restart_bounds_) == -kInfinity;
  compares_restarts_ = none_yet && standing_.epoch < options_.restarts_end();
  best_weights_ = state.best_weights;
  saved_epoch_ = state.saved_epoch;
  saved_bound_ = state.saved_bound;
  saved_kind_ = state.saved_kind;
  epoch_seconds_ = state.epoch_seconds;
  seconds_ = state.seconds;
  Adam& adam = step_.adam();
  adam.steps = state.steps;
  adam.first_moment.copy_(state.first_moment);
  adam.second_moment.copy_(state.second_moment);
  if (standing_.position > 0) {
    guide();
    order_ = state.order.to(data_.train.x.device());
    step_.watch().restore(state.terms, state.labelled_terms,
                          state.totals.to(data_.train.x.device()));
  }
}

/// Throws Error if the state is of another model or of other data.
void Trainer::check_state(const TrainingState& state, const std::string& source) const {
  // Settings that came later have their defaults in a state of before.
  const auto options = options_of_run(trained_.name);
  if (state.model == trained_.name) from_json(state.options, *options, source);
  if (state.model != trained_.name || to_json(*options) != to_json(*trained_.options)) {
    throw Error(source +
                " holds the state of another model, or of one with other settings; "
                "restore its settings or train anew");
  }
  if (state.order.defined() && state.order.size(0) != data_.train.size()) {
    throw Error(source + " was made with " + std::to_string(state.order.size(0)) +
                " training points, the data now has " + std::to_string(data_.train.size()));
  }
  require_same_data(state.provenance, data_, seed_);
  if (state.steps > 0 && state.learns_labels != step_.learns_labels()) {
    throw Error(source + " was trained " + (state.learns_labels ? "with" : "without") +
                " labels to learn from, unlike now; give data.label_budget its value back or train "
                "anew");
  }
  const Adam& adam = step_.adam();
  if (state.first_moment.sizes() != adam.first_moment.sizes() ||
      state.second_moment.sizes() != adam.second_moment.sizes()) {
    throw Error(source + " holds the optimiser's state of another model; train anew");
  }
  if (!state.best_weights.empty()) {
    require_state(model_, state.best_weights, source + "/model.safetensors");
  }
  for (const Start& start : state.starts) check_same_points(start, source);
}

void Trainer::restore_generator(const torch::Tensor& state, const std::string& source) {
  try {
    generator_.set_state(state);
  } catch (const c10::Error&) {
    throw Error(source +
                " holds a state of the random numbers that is none, or of another device; train "
                "anew");
  }
}

void Trainer::check_same_points(const Start& start, const std::string& source) const {
  const Discrete* latent = model_.find_discrete(latent_of(start));
  const bool same_clusters = latent != nullptr && start.clusters() == latent->clusters;
  if (same_clusters && start.responsibilities.size(0) == data_.train.size()) return;
  throw Error(source + " was started from " + std::to_string(start.clusters()) + " clusters of " +
              std::to_string(start.responsibilities.size(0)) +
              " points, unlike the model and the data now; train it anew");
}

TrainingState Trainer::state() {
  TrainingState state;
  state.model = trained_.name;
  state.options = to_json(*trained_.options);
  state.provenance = trained_.provenance;
  state.standing = standing_;
  state.stage = options_.stage_of(standing_.epoch, standing_.stalled_at).name();
  state.starts = starts_;
  state.steps = step_.adam().steps;
  state.best_bound = best_bound_;
  state.restart_bounds = restart_bounds_;
  state.epoch_seconds = epoch_seconds_;
  state.seconds = seconds_;
  state.weights = state_of(model_);
  state.validation_drawn = validation_drawn_;
  state.best_weights = best_weights_;
  state.saved_epoch = saved_epoch_;
  state.saved_bound = saved_bound_;
  state.saved_kind = saved_kind_;
  state.first_moment = step_.adam().first_moment;
  state.second_moment = step_.adam().second_moment;
  state.generator = generator_.get_state();
  state.learns_labels = step_.learns_labels();
  state.order = order_;
  state.totals = step_.watch().totals();
  state.terms = step_.watch().terms();
  state.labelled_terms = step_.watch().labelled_terms();
  return state;
}

TrainingSummary Trainer::summary(bool interrupted) const {
  const bool stopped_early = !interrupted && standing_.epoch < options_.epochs;
  return {standing_.epoch,     step_.adam().steps, standing_.best_epoch, best_bound_ - log_volume_,
          saved_kind_,         seconds_,           interrupted,          stopped_early,
          step_.not_captured()};
}

TrainingSummary Trainer::run(const std::vector<TrainingObserver*>& observers) {
  observers_ = observers;
  if (best_restart_ && all_are_compared()) choose_restart();
  while (!finished()) {
    if (step_.adam().steps == 0) {
      auto generator = make_generator(derive_seed(seed(), "start"), data_.train.x.device());
      model_.start_from(data_.train.x, generator);
    }
    try {
      if (!find_clusters() || !run_epoch()) return summary(/*interrupted=*/true);
    } catch (const NumericalError& error) {
      if (!may_lose_restart()) throw;
      lose_restart(error.what());
    }
  }
  finish();
  return summary(/*interrupted=*/false);
}

/// What everything random in the present restart follows from.
uint64_t Trainer::seed() const {
  return standing_.restart == 0
             ? seed_
             : derive_seed(seed_, "restart " + std::to_string(standing_.restart));
}

/// Which of the restarts it is, from 1, while they are compared; else 0.
int64_t Trainer::compared_restart() const {
  return compares_restarts_ ? standing_.restart + 1 : 0;
}

bool Trainer::all_are_compared() const {
  return static_cast<int64_t>(restart_bounds_.size()) >= options_.restarts;
}

void Trainer::keep_best_restart(TrainingState state) {
  const int64_t compared_at = state.standing.epoch;
  if (standing_.epoch > compared_at || (standing_.epoch == compared_at && standing_.position > 0)) {
    return;
  }
  best_restart_ = std::move(state);
  compares_restarts_ = true;
}

/// With its bound, -infinity of one that diverged: the next one begins, or the best goes on from
/// here.
void Trainer::end_restart(double bound) {
  const bool best = bound > highest(restart_bounds_);
  restart_bounds_.push_back(bound);
  standing_.best_epoch = 0;  // no weights of before are worth keeping
  if (best) {
    best_restart_ = copied(state());
    for (TrainingObserver* observer : observers_) observer->keep_restart(*best_restart_);
  }
  if (!all_are_compared()) return begin_restart(standing_.restart + 1);
  choose_restart();
}

/// Whether the present restart is one that others can do without.
bool Trainer::may_lose_restart() const {
  return compares_restarts_ && (best_restart_ || standing_.restart + 1 < options_.restarts);
}

void Trainer::lose_restart(const std::string& why) {
  for (TrainingObserver* observer : observers_) observer->lose_restart(compared_restart(), why);
  seconds_ += epoch_seconds_;
  epoch_seconds_ = 0;
  last_.reset();
  end_restart(-kInfinity);
  keep_state();
}

/// The best goes on, from a state that is kept before what a folder holds of the others gives way.
void Trainer::choose_restart() {
  // Of all restarts, unlike what the best one is resumed with.
  const std::vector<double> bounds = restart_bounds_;
  const double seconds = seconds_;
  resume(*best_restart_, "the best restart");
  restart_bounds_ = bounds;
  seconds_ = seconds;
  compares_restarts_ = false;
  best_restart_.reset();
  keep_state();
  for (TrainingObserver* observer : observers_) {
    observer->choose_restart(standing_.restart + 1, highest(bounds), starts_);
  }
}

void Trainer::begin_restart(int64_t restart) {
  standing_ = {};
  standing_.restart = restart;
  starts_.clear();
  options_.start = start_asked_;
  const auto device = data_.train.x.device();
  const TrainedModel fresh = make_model(trained_.name, trained_.options, data_, seed(), device);
  load_state(model_, state_of(*fresh.model), "a fresh model");
  generator_.set_state(make_generator(derive_seed(seed(), "training"), device).get_state());
  step_.adam().steps = 0;
  step_.adam().first_moment.zero_();
  step_.adam().second_moment.zero_();
}

/// Finds them if it is time to. Returns false if an observer stopped it.
bool Trainer::find_clusters() {
  const bool is_time = standing_.epoch == options_.clusters_found_at();
  if (!options_.has_start() || !starts_.empty() || !is_time) return true;
  keep_state();  // to go on from if it is killed meanwhile
  try {
    take_starts(numbered_starts());
  } catch (const Interrupted&) {
    return false;
  }
  for (TrainingObserver* observer : observers_) observer->keep_starts(starts_, compared_restart());
  keep_state();
  return true;
}

const std::string& Trainer::latent_of(const Start& start) const {
  return start.latent.empty() ? model_.discrete()[model_.main_discrete()].name : start.latent;
}

/// Those found now, numbered as the classes if there are labels to learn from.
std::vector<Start> Trainer::numbered_starts() {
  const int64_t number = compared_restart();
  const std::string restart = number == 0 ? ""
                                          : "restart " + std::to_string(number) + "/" +
                                                std::to_string(options_.restarts) + ", ";
  const auto progress = [&](const std::string& what, int64_t done, int64_t total) {
    for (TrainingObserver* observer : observers_) {
      if (!observer->during_start(restart + what, done, total)) throw Interrupted("stopped");
    }
  };
  std::vector<Start> starts = found_clusters(model_, data_, options_, seed(), progress);
  if (step_.learns_labels()) {
    for (Start& start : starts) number_by_labels(start, data_.train, data_.labelled);
  }
  return starts;
}

void Trainer::take_starts(std::vector<Start> starts) {
  starts_ = std::move(starts);
  responsibilities_.clear();
  json said;
  for (const Start& start : starts_) {
    if (start.used) {
      responsibilities_[latent_of(start)] = start.responsibilities.to(data_.train.x.device());
    }
    json& own = start.latent.empty() ? said : said[start.latent];
    own = start.made_by;
  }
  const bool used = !responsibilities_.empty();
  options_.start = start_asked_;
  options_ = options_.once_found(used);
  if (!used) said["used"] = false;
  said["said"] = said_of(starts_);
  said["hold"] = options_.hold;
  if (options_.soft_hold > 0) said["soft_hold"] = options_.soft_hold;
  trained_.provenance["start"] = said;
}

/// What the clusters of the training points are taken to be in the present epoch, [N, K]; none for
/// what the model infers.
Responsibilities Trainer::guidance() {
  if (!options_.has_start()) return {};
  if (standing_.epoch >= options_.clusters_found_at()) {
    return weights().hold > 0 ? responsibilities_ : Responsibilities();
  }
  Responsibilities alike;  // it learns to do without
  for (const std::string& latent : started_latents(model_, options_)) {
    const int64_t K = model_.find_discrete(latent)->clusters;
    alike[latent] = torch::full({1}, 1.0 / static_cast<double>(K), data_.train.x.options())
                        .expand({data_.train.size(), K});
  }
  return alike;
}

void Trainer::guide() {
  const bool softly = options_.holds_softly(standing_.epoch, standing_.stalled_at);
  step_.guide(guidance(), softly ? Guidance::held : Guidance::told);
}

/// The end of the start stage: the prior of each cluster becomes what the encoder now makes of its
/// points. No weights of before are worth keeping.
void Trainer::start_clusters() {
  for (const auto& [latent, r] : responsibilities_) {
    model_.start_clusters(latent,
                          moments_of_clusters(model_, data_, latent, responsibilities_, seed()));
  }
  standing_.best_epoch = 0;
}

/// Returns false if an observer stopped it.
bool Trainer::run_epoch() {
  model_.train();
  model_.begin_epoch(standing_.epoch);
  guide();
  step_.begin_epoch(weights());
  if (standing_.position == 0) begin_epoch();
  const int64_t n = data_.train.size();
  const double seconds_before = epoch_seconds_;
  const int64_t position_before = standing_.position;
  const auto start = Clock::now();
  while (standing_.position < n) {
    step();
    if (step_.adam().steps % kStepsBetweenChecks == 0) check_finite();
    const double elapsed = seconds_since(start);
    epoch_seconds_ = seconds_before + elapsed;
    if (!after_step(static_cast<double>(standing_.position - position_before) / elapsed)) {
      check_finite();
      keep_state();
      return false;
    }
  }
  check_finite();
  const double train_seconds = seconds_before + seconds_since(start);
  EpochLog log = end_epoch();
  log.samples_per_second = static_cast<double>(n) / train_seconds;
  log.seconds = seconds_before + seconds_since(start);
  seconds_ += log.seconds;
  epoch_seconds_ = 0;
  for (TrainingObserver* observer : observers_) observer->measure(log);
  for (TrainingObserver* observer : observers_) observer->after_epoch(log);
  last_ = log;
  if (compares_restarts_ && standing_.epoch == options_.restarts_end()) {
    end_restart(log.judge().judged_by());
  }
  if (standing_.epoch % options_.checkpoint_every == 0 || finished()) keep_state();
  return true;
}

Weights Trainer::weights() const {
  return {.beta = options_.beta(standing_.epoch),
          .alpha = options_.alpha(data_.train.size(), data_.labelled.size()),
          .hold = options_.hold_at(standing_.epoch, standing_.stalled_at)};
}

void Trainer::begin_epoch() {
  const auto device = data_.train.x.device();
  order_ =
      torch::randperm(data_.train.size(), generator_, torch::dtype(torch::kInt64).device(device));
  step_.watch().clear();
}

void Trainer::step() {
  const auto rows =
      order_.slice(0, standing_.position, standing_.position + options_.batch);  // [b]
  step_.take(rows, options_.learning_rate_at(standing_.epoch, standing_.stalled_at));
  standing_.position += rows.size(0);
}

void Trainer::check_finite() {
  const auto failure = step_.watch().failure();
  if (!failure) return;
  throw NumericalError(failure->what + " became NaN or infinite at step " +
                       std::to_string(failure->step) + " (epoch " +
                       std::to_string(standing_.epoch + 1) +
                       "); try a lower train.learning_rate or a train.clip_norm");
}

bool Trainer::after_step(double rate) {
  const double done =
      static_cast<double>(standing_.position) / static_cast<double>(data_.train.size());
  const int64_t of_restarts =
      compares_restarts_ ? (options_.restarts - compared_restart()) * options_.restarts_end() : 0;
  const double left = static_cast<double>(epochs_in_all() - standing_.epoch + of_restarts) - done;
  // Of the first epoch only its steps are known.
  const double epoch_seconds =
      last_ ? last_->seconds : static_cast<double>(data_.train.size()) / rate;
  const TrainingProgress progress{standing_.epoch + 1,
                                  epochs_in_all(),
                                  options_.stage_of(standing_.epoch, standing_.stalled_at),
                                  done,
                                  rate,
                                  left * epoch_seconds,
                                  last_ ? &*last_ : nullptr,
                                  compared_restart(),
                                  options_.restarts};
  bool go_on = true;
  for (TrainingObserver* observer : observers_) go_on &= observer->after_step(progress);
  return go_on;
}

EpochLog Trainer::end_epoch() {
  EpochLog log;
  log.epoch = standing_.epoch + 1;
  if (options_.restarts > 1) log.restart = standing_.restart;
  log.stage = options_.stage_of(standing_.epoch, standing_.stalled_at).name();
  log.steps = step_.adam().steps;
  log.train = step_.watch().means(data_.train.size());
  log.train.kind = kind_of_training_bound();
  log.labelled = step_.watch().labelled_means(data_.train.size());
  log.learning_rate = options_.learning_rate_at(standing_.epoch, standing_.stalled_at);
  log.beta = options_.beta(standing_.epoch);
  if (data_.validation.size() > 0) log.validation = validation_bound();
  keep_if_best(log);
  for (MeanBound* bound : {&log.train, log.validation ? &*log.validation : nullptr,
                           log.labelled ? &*log.labelled : nullptr}) {
    if (bound != nullptr) *bound = bound->less(log_volume_);
  }
  ++standing_.epoch;
  standing_.position = 0;
  if (standing_.epoch == options_.start_ends() && options_.has_start()) start_clusters();
  if (!standing_.stalled_at && options_.has_stalled(standing_.epoch, standing_.best_epoch)) {
    standing_.stalled_at = standing_.epoch;
  }
  return log;
}

BoundKind Trainer::kind_of_training_bound() const {
  if (step_.is_told()) return BoundKind::elbo;
  if (model_.relaxes()) return BoundKind::relaxed;
  // Importance weights are of the bound itself.
  const bool looser = model_.trains_on_looser_bound() && options_.objective == "elbo";
  return looser ? BoundKind::looser : BoundKind::elbo;
}

MeanBound Trainer::validation_bound() {
  // The same draws every epoch, so that epochs differ by their weights alone.
  const auto& all = data_.validation.x;
  const int64_t points = options_.validation_points > 0 ? options_.validation_points : all.size(0);
  auto generator = make_generator(derive_seed(seed_, "validation"), all.device());
  const auto chosen = validation_drawn_ ? some_rows(all, points) : all.slice(0, 0, points);
  MeanBound bound = mean_bound(model_, chosen, generator);
  if (options_.objective == "iwae") {
    bound.weighted = mean_weighted_bound(model_, chosen, options_.samples, generator);
  }
  for (const auto& [name, value] : bound.terms) {
    if (std::isfinite(value)) continue;
    throw NumericalError(name + " is not finite on the validation data after step " +
                         std::to_string(step_.adam().steps) +
                         "; try a lower train.learning_rate, or look for values far outside the "
                         "others' range");
  }
  return bound;
}

void Trainer::keep_if_best(const EpochLog& log) {
  // Without validation data there is nothing to choose by: the latest weights are kept. So they are
  // while some of the model is still to come in.
  const int64_t first = std::max<int64_t>(model_.whole_after(), 1);
  const double bound = log.judge().judged_by();
  if (log.validation && standing_.best_epoch >= first && bound <= best_bound_) return;
  best_bound_ = bound;
  standing_.best_epoch = log.epoch;
  best_weights_ = copy_on_cpu(model_);
  saved_epoch_ = standing_.best_epoch;
  saved_bound_ = best_bound_;
  saved_kind_ = log.judge().kind_judged_by();
  keep_model();
}

void Trainer::keep_model() {
  trained_.provenance["epoch"] = standing_.best_epoch;
  record_bound(trained_.provenance, saved_kind_, best_bound_ - log_volume_);
  if (options_.restarts > 1) trained_.provenance["restarts"] = restart_bounds_;
  for (TrainingObserver* observer : observers_) observer->keep_model(trained_);
}

void Trainer::keep_state() {
  if (observers_.empty()) return;
  const TrainingState now = state();
  for (TrainingObserver* observer : observers_) observer->keep_state(now);
}

void Trainer::finish() {
  // Not those of this state where epochs are now fewer than were once trained.
  standing_.best_epoch = saved_epoch_;
  best_bound_ = saved_bound_;
  load_state(model_, best_weights_, "the best epoch");
  model_.begin_epoch(standing_.best_epoch - 1);  // with the temperature it had
  set_aggregated_posteriors();
  keep_model();
}

void Trainer::set_aggregated_posteriors() {
  const EvaluationMode evaluation(model_);
  auto generator =
      make_generator(derive_seed(seed_, "aggregated posterior"), data_.train.x.device());
  std::vector<torch::Tensor> sums;  // [K] of each discrete latent
  const int64_t n = data_.train.size();
  for (int64_t start = 0; start < n; start += rows_at_a_time(model_)) {
    const auto rows = data_.train.x.slice(0, start, std::min(n, start + rows_at_a_time(model_)));
    const auto x = present(rows, data_.preprocessing.binarise, generator);
    const auto q_y = model_.cluster_probabilities(x, generator, kAggregatedDraws);
    sums.resize(q_y.size());
    for (size_t l = 0; l < q_y.size(); ++l) {
      sums[l] = sums[l].defined() ? sums[l] + q_y[l].sum(0) : q_y[l].sum(0);
    }
  }
  for (size_t l = 0; l < sums.size(); ++l) {
    model_.set_aggregated_posterior(sums[l] / static_cast<double>(n), l);
  }
}

}  // namespace clade
