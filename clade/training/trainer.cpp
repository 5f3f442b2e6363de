#include "clade/training/trainer.h"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/require.h"
#include "clade/training/objective.h"

namespace clade {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kStepsBetweenChecks =
    50;  // reading a tensor's value stalls a GPU: not every step
constexpr const char* kCheckpoint = "checkpoint.safetensors";
constexpr const char* kLog = "log.jsonl";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

json to_json(const MeanBound& mean) {
  json terms = json::object();
  for (const auto& [name, value] : mean.terms) terms[name] = value;
  return {{"elbo", mean.elbo}, {"terms", terms}};
}

void append_to_log(const std::filesystem::path& path, const json& line) {
  std::ofstream log(path, std::ios::app);
  log << line.dump() << "\n" << std::flush;
  if (!log) {
    throw Error("cannot write " + path.string() +
                "; check the folder's permissions and the free disk space, then train --resume");
  }
}

// The log keeps only the epochs that the resumed state has behind it.
void truncate_log(const std::filesystem::path& path, int64_t epochs) {
  if (!std::filesystem::exists(path)) return;
  std::istringstream lines(read_file(path));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (entry.is_discarded() || entry.value("epoch", kNever) > epochs) break;
    kept += line + "\n";
  }
  write_atomically(path, kept);
}

}  // namespace

std::vector<Option> TrainOptions::options() {
  return {
      {"epochs", &epochs,
       "epochs at most, a cooldown included; early stopping may end training sooner"},
      {"batch", &batch, "data points a step"},
      {"optimiser", &optimiser,
       "adam; or adam_norm_grad, Adam on gradients divided by the norm of their own parameter's, "
       "as the VampPrior and CP-VAE code does"},
      {"learning_rate", &learning_rate, "of the optimiser"},
      {"learning_rate_decay", &learning_rate_decay,
       "factor on the learning rate every decay_every epochs; 1 for none"},
      {"decay_every", &decay_every, "epochs between two learning-rate decays"},
      {"cooldown", &cooldown,
       "epochs at the end, or after early stopping, over which the learning rate falls linearly "
       "towards zero; 0 for none"},
      {"warmup", &warmup,
       "epochs over which the weight of the KL terms rises linearly to 1; 0 for none"},
      {"look_ahead", &look_ahead,
       "stop after this many epochs past the warm-up without a better validation bound; 0 for "
       "never"},
      {"validation_points", &validation_points,
       "validation points each epoch is judged by, the first of them; 0 for all. With many "
       "clusters their exact sums cost more than an epoch of sum_and_sample"},
      {"clip_norm", &clip_norm, "largest norm of the whole gradient; 0 for no clipping"},
      {"checkpoint_every", &checkpoint_every, "epochs between two checkpoints"},
      {"cuda_graph", &cuda_graph,
       "on a CUDA device: capture the step once and replay it, which saves the launches; no effect "
       "elsewhere"},
      {"precision", &precision,
       "of matrix products in training steps: fp32; bf16, about twice as fast where the machine "
       "has it; tf32, on CUDA devices; weights, sums and validation stay in float32"},
  };
}

void TrainOptions::validate() const {
  require_at_least("train.epochs", static_cast<double>(epochs), 1);
  require_at_least("train.batch", static_cast<double>(batch), 1);
  require_one_of("train.optimiser", optimiser, {"adam", "adam_norm_grad"});
  if (clip_norm > 0 && optimiser != "adam") {
    throw ConfigError("train.clip_norm does nothing to the gradients of " + optimiser +
                      ", whose norms are 1; set one of the two");
  }
  require_above("train.learning_rate", learning_rate, 0);
  require_above("train.learning_rate_decay", learning_rate_decay, 0);
  require_at_least("train.decay_every", static_cast<double>(decay_every), 1);
  require_at_least("train.cooldown", static_cast<double>(cooldown), 0);
  require_at_least("train.warmup", static_cast<double>(warmup), 0);
  require_at_least("train.look_ahead", static_cast<double>(look_ahead), 0);
  require_at_least("train.validation_points", static_cast<double>(validation_points), 0);
  require_at_least("train.clip_norm", clip_norm, 0);
  require_at_least("train.checkpoint_every", static_cast<double>(checkpoint_every), 1);
  require_one_of("train.precision", precision, precisions());
}

double TrainOptions::beta(int64_t epoch) const {
  if (epoch + 1 >= warmup) return 1;
  return static_cast<double>(epoch + 1) / static_cast<double>(warmup);
}

double TrainOptions::learning_rate_at(int64_t epoch, int64_t epochs_in_all) const {
  const double rate =
      learning_rate * std::pow(learning_rate_decay, static_cast<double>(epoch / decay_every));
  const auto left = static_cast<double>(epochs_in_all - epoch);
  return rate * std::min(1.0, left / static_cast<double>(std::min(cooldown, epochs_in_all) + 1));
}

std::optional<int64_t> TrainOptions::stalled_at(const nlohmann::json& checkpoint) const {
  const int64_t epoch = checkpoint.at("epoch");
  if (const auto found = checkpoint.find("stalled_at"); found != checkpoint.end()) {
    const int64_t then = *found;
    if (then < epoch || checkpoint.at("position") > 0) return then;  // the cooldown has begun
  }
  if (!has_stalled(epoch, checkpoint.at("best_epoch"))) return std::nullopt;
  return epoch;
}

bool TrainOptions::has_stalled(int64_t done, int64_t best_epoch) const {
  return look_ahead > 0 && done < epochs - cooldown &&
         done - std::max(best_epoch, warmup) >= look_ahead;
}

int64_t TrainOptions::epochs_in_all(std::optional<int64_t> stalled_at) const {
  return stalled_at ? std::min(epochs, *stalled_at + cooldown) : epochs;
}

json EpochLog::json() const {
  nlohmann::json line = {{"epoch", epoch},
                         {"steps", steps},
                         {"train", to_json(train)},
                         {"learning_rate", learning_rate},
                         {"beta", beta},
                         {"seconds", seconds},
                         {"samples_per_second", samples_per_second}};
  if (validation) line["validation"] = to_json(*validation);
  return line;
}

Trainer::Trainer(TrainedModel& trained, const Splits& data, const TrainOptions& options,
                 uint64_t seed, std::filesystem::path run)
    : trained_(trained),
      model_(*trained.model),
      data_(data),
      options_(options),
      seed_(seed),
      run_(std::move(run)),
      parameters_(*trained.model),
      adam_(parameters_.values()),
      generator_(make_generator(derive_seed(seed, "training"), data.train.x.device())),
      precision_(precision_for("train.precision", options.precision, data.train.x.device())),
      rows_(
          torch::zeros({options.batch}, torch::dtype(torch::kInt64).device(data.train.x.device()))),
      step_number_(torch::zeros({}, rows_.options())),
      graph_([this] { step_on(rows_); }, generator_, data.train.x.device(), options.cuda_graph) {}

bool Trainer::finished() const {
  return epoch_ >= epochs_in_all();
}

void Trainer::begin_epoch() {
  const int64_t n = data_.train.size();
  order_ =
      torch::randperm(n, generator_, torch::dtype(torch::kInt64).device(data_.train.x.device()));
  position_ = 0;
  seconds_ = 0;
  if (totals_.defined()) {
    totals_.zero_();
    first_bad_.fill_(kNever);
  }
}

void Trainer::step() {
  const auto rows = order_.slice(0, position_, position_ + options_.batch);
  adam_.begin_step(options_.learning_rate_at(epoch_, epochs_in_all()));
  step_number_.fill_(adam_.steps);
  if (rows.size(0) == rows_.size(0)) {
    rows_.copy_(rows);
    graph_.run();
  } else {  // the epoch's last few points
    step_on(rows);
  }
  position_ += rows.size(0);
}

void Trainer::step_on(const torch::Tensor& rows) {
  const PrecisionScope scope(precision_);
  const auto x = present(data_.train.x.index_select(0, rows), data_.preprocessing.binarise,
                         generator_);  // [B, D]
  const Bound bound = model_.bound(x, generator_);

  parameters_.forget_gradient();
  cost(bound, {.beta = options_.beta(epoch_)}).backward();

  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> watched;  // the mean of each term, then the gradient norm
  for (const Term& term : bound.terms) watched.push_back(term.value.mean());
  auto gradient = parameters_.gradient();
  const auto norm = norm_of(gradient);
  if (options_.optimiser == "adam_norm_grad") gradient = over_their_norms(gradient);
  const auto scale = options_.clip_norm > 0 ? (options_.clip_norm / (norm + 1e-6)).clamp_max(1)
                                            : torch::ones_like(norm);
  adam_.step(parameters_.values(), gradient, scale);

  watched.push_back(norm);
  const auto values = torch::stack(watched).to(torch::kFloat64);  // [terms + 1]
  if (!totals_.defined()) {
    totals_ = torch::zeros_like(values);
    first_bad_ = torch::full_like(values, kNever, values.options().dtype(torch::kInt64));
  }
  if (term_names_.empty()) {
    for (const Term& term : bound.terms) {
      term_names_.push_back(term.name);
      term_divergence_.push_back(term.role == Role::divergence);
    }
  }
  totals_ += values * rows.size(0);
  const auto bad_now = torch::isfinite(values).logical_not().logical_and(first_bad_ == kNever);
  first_bad_.copy_(torch::where(bad_now, step_number_, first_bad_));
}

void Trainer::check_finite() const {
  const auto first_bad = first_bad_.cpu();
  const auto worst = first_bad.argmin().item<int64_t>();
  const auto step = first_bad[worst].item<int64_t>();
  if (step == kNever) return;
  const bool gradient = worst == static_cast<int64_t>(term_names_.size());
  const std::string what = gradient ? "the gradient" : term_names_[worst];
  const bool saved = std::filesystem::exists(run_ / kCheckpoint);
  throw NumericalError(
      what + " became NaN or infinite at step " + std::to_string(step) + " (epoch " +
      std::to_string(epoch_ + 1) + "); " +
      (saved ? "the last good state is in " + (run_ / kCheckpoint).string() + "; " : "") +
      "try a lower train.learning_rate or a train.clip_norm");
}

MeanBound Trainer::epoch_means() const {
  const auto means = (totals_ / static_cast<double>(data_.train.size())).cpu();
  MeanBound mean;
  for (size_t i = 0; i < term_names_.size(); ++i) {
    const auto value = means[static_cast<int64_t>(i)].item<double>();
    mean.terms.emplace_back(term_names_[i], value);
    mean.elbo += term_divergence_[i] ? -value : value;
  }
  return mean;
}

EpochLog Trainer::end_epoch() {
  EpochLog log;
  log.epoch = epoch_ + 1;
  log.steps = adam_.steps;
  log.train = epoch_means();
  log.learning_rate = options_.learning_rate_at(epoch_, epochs_in_all());
  log.beta = options_.beta(epoch_);
  if (data_.validation.size() > 0) {
    // The same draws every epoch, so that epochs differ by their weights alone.
    Generator generator =
        make_generator(derive_seed(seed_, "validation"), data_.validation.x.device());
    const auto& all = data_.validation.x;
    const auto x =
        options_.validation_points > 0 ? all.slice(0, 0, options_.validation_points) : all;
    log.validation = mean_bound(model_, x, generator);
    for (const auto& [name, value] : log.validation->terms) {
      if (!std::isfinite(value)) {
        throw NumericalError(name + " is not finite on the validation data after step " +
                             std::to_string(log.steps) + "; the last good state is in " +
                             run_.string());
      }
    }
  }
  keep_if_best(log);
  ++epoch_;
  position_ = 0;
  if (!stalled_at_ && options_.has_stalled(epoch_, best_epoch_)) stalled_at_ = epoch_;
  return log;
}

void Trainer::keep_if_best(const EpochLog& log) {
  // Without validation data there is nothing to choose by: the latest weights are kept.
  if (log.validation && best_epoch_ > 0 && log.validation->elbo <= best_) return;
  best_ = log.validation ? log.validation->elbo : log.train.elbo;
  best_epoch_ = log.epoch;
  save_best();
}

void Trainer::save_best() {
  trained_.provenance["epoch"] = best_epoch_;
  trained_.provenance["bound"] = best_;
  save_model(trained_, run_);
}

void Trainer::save_checkpoint() const {
  TensorFile file;
  for (const auto& [name, tensor] : state_of(model_)) file.tensors["model." + name] = tensor;
  file.tensors["adam.first_moment"] = adam_.first_moment;
  file.tensors["adam.second_moment"] = adam_.second_moment;
  file.tensors["generator"] = generator_.get_state();
  if (position_ > 0) {
    file.tensors["epoch.order"] = order_;
    file.tensors["epoch.totals"] = totals_;
  }
  json state = {{"model", trained_.name},
                {"options", to_json(*trained_.options)},
                {"epoch", epoch_},
                {"position", position_},
                {"steps", adam_.steps},
                {"best_bound", best_},
                {"best_epoch", best_epoch_},
                {"terms", term_names_},
                {"divergences", term_divergence_},
                {"epoch_seconds", seconds_},
                {"seconds", total_seconds_}};
  if (stalled_at_) state["stalled_at"] = *stalled_at_;
  file.metadata = state.dump();
  write_safetensors(run_ / kCheckpoint, file);
  write_atomically(run_ / "checkpoint.json", state.dump(2) + "\n");
}

void Trainer::resume() {
  const auto path = run_ / kCheckpoint;
  if (!std::filesystem::exists(path)) {
    throw Error(run_.string() + " has no " + kCheckpoint + " to resume from; train it anew");
  }
  const TensorFile file = read_safetensors(path);
  std::map<std::string, torch::Tensor> weights;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.rfind("model.", 0) == 0) weights[name.substr(6)] = tensor;
  }
  try {
    const json state = json::parse(file.metadata);
    // Settings that came later have their defaults in a checkpoint of before.
    const auto options = find_model(trained_.name).options();
    if (state.at("model") == trained_.name) from_json(state.at("options"), *options);
    if (state.at("model") != trained_.name || to_json(*options) != to_json(*trained_.options)) {
      throw Error(path.string() + " is of another model than " +
                  (run_ / "experiment.toml").string() +
                  " describes; restore that file or train anew");
    }
    load_state(model_, weights, path.string());
    epoch_ = state.at("epoch");
    position_ = state.at("position");
    adam_.steps = state.at("steps");
    best_ = state.at("best_bound");
    best_epoch_ = state.at("best_epoch");
    stalled_at_ = options_.stalled_at(state);
    term_names_ = state.at("terms").get<std::vector<std::string>>();
    term_divergence_ = state.at("divergences").get<std::vector<bool>>();
    seconds_ = state.at("epoch_seconds");
    total_seconds_ = state.at("seconds");
    adam_.first_moment.copy_(file.tensors.at("adam.first_moment"));
    adam_.second_moment.copy_(file.tensors.at("adam.second_moment"));
    generator_.set_state(file.tensors.at("generator"));
    if (position_ > 0) {
      order_ = file.tensors.at("epoch.order").to(data_.train.x.device());
      totals_ = file.tensors.at("epoch.totals").to(data_.train.x.device());
      first_bad_ = torch::full_like(totals_, kNever, totals_.options().dtype(torch::kInt64));
    }
  } catch (const json::exception&) {
    throw Error(path.string() + " is damaged: its state cannot be read");
  } catch (const std::out_of_range&) {
    throw Error(path.string() + " is damaged: a tensor is missing");
  }
  if (order_.defined() && order_.size(0) != data_.train.size()) {
    throw Error(path.string() + " was made with " + std::to_string(order_.size(0)) +
                " training points, the data now has " + std::to_string(data_.train.size()));
  }
  truncate_log(run_ / kLog, epoch_);
}

TrainingSummary Trainer::run(const std::function<bool()>& stop,
                             const std::function<void(const TrainingProgress&)>& progress) {
  EpochLog last;
  if (adam_.steps == 0) {
    auto generator = make_generator(derive_seed(seed_, "start"), data_.train.x.device());
    model_.start_from(data_.train.x, generator);
  }
  while (!finished()) {
    model_.train();
    model_.begin_epoch(epoch_);
    graph_.forget();
    if (position_ == 0) begin_epoch();
    const double seconds_before = seconds_;
    const auto start = Clock::now();
    const int64_t n = data_.train.size();
    const int64_t position_before = position_;
    while (position_ < n) {
      step();
      const double elapsed = seconds_since(start);
      if (adam_.steps % kStepsBetweenChecks == 0) check_finite();
      if (stop && stop()) {
        check_finite();
        seconds_ = seconds_before + elapsed;
        save_checkpoint();
        throw Interrupted("stopped at epoch " + std::to_string(epoch_ + 1) + ", step " +
                          std::to_string(adam_.steps) + "; go on with: clade train --resume " +
                          run_.string());
      }
      if (progress) {
        const double rate = static_cast<double>(position_ - position_before) / elapsed;
        const double points_left = static_cast<double>((epochs_in_all() - epoch_) * n - position_);
        progress({epoch_ + 1, epochs_in_all(),
                  static_cast<double>(position_) / static_cast<double>(n), rate, points_left / rate,
                  last.epoch > 0 ? &last : nullptr});
      }
    }
    check_finite();
    const double train_seconds = seconds_before + seconds_since(start);
    last = end_epoch();
    last.samples_per_second = static_cast<double>(n) / train_seconds;
    last.seconds = seconds_before + seconds_since(start);
    total_seconds_ += last.seconds;
    seconds_ = 0;
    append_to_log(run_ / kLog, last.json());
    if (epoch_ % options_.checkpoint_every == 0 || finished()) save_checkpoint();
  }
  finish();
  return {epoch_, best_epoch_, best_, total_seconds_, epoch_ < options_.epochs, graph_.fallback()};
}

void Trainer::finish() {
  const auto best = run_ / "model.safetensors";
  load_state(model_, read_safetensors(best).tensors, best.string());
  if (best_epoch_ > 0) model_.begin_epoch(best_epoch_ - 1);  // with the temperature it had
  const EvaluationMode evaluation(model_);
  Generator generator =
      make_generator(derive_seed(seed_, "aggregated posterior"), data_.train.x.device());
  std::vector<torch::Tensor> sums(1 + model_.discrete().size());  // [K_l] each
  const int64_t n = data_.train.size();
  for (int64_t start = 0; start < n; start += rows_at_a_time(model_)) {
    const auto rows = data_.train.x.slice(0, start, std::min(n, start + rows_at_a_time(model_)));
    const auto x = present(rows, data_.preprocessing.binarise, generator);
    const auto q_y = model_.cluster_probabilities(x, generator);
    for (size_t l = 0; l < q_y.size(); ++l) {
      sums[l] = sums[l].defined() ? sums[l] + q_y[l].sum(0) : q_y[l].sum(0);
    }
  }
  for (size_t l = 0; l < sums.size() && sums[l].defined(); ++l) {
    model_.set_aggregated_posterior(sums[l] / static_cast<double>(n), l);
  }
  save_best();
}

}  // namespace clade
