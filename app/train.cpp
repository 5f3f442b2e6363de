#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "app/commands.h"
#include "app/experiment_on.h"
#include "app/interrupt.h"
#include "app/metrics.h"
#include "app/report_run.h"
#include "app/run_record.h"
#include "app/say.h"
#include "app/trained_run.h"
#include "clade/config/fitted.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/progress.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/data/label_budget.h"
#include "clade/data/points.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/evaluation/cluster_curve.h"
#include "clade/formats/data_file.h"
#include "clade/ops/precision.h"
#include "clade/training/provenance.h"
#include "clade/training/run_folder.h"
#include "clade/training/start_file.h"

namespace fs = std::filesystem;

namespace {

// Of a feature under a density, as a share of its own: what an experiment gets that does not say.
constexpr double kLeastDeviation = 0.05;

struct TrainArguments {
  std::string what;  // EXPERIMENT.toml, TABLE.toml:ROW, a data file, or a named set
  std::string model;
  std::string labels;
  std::vector<std::string> overrides;
  std::string start;  // a file, or a word of train.start
  std::string seed, device, threads;
  std::string out;
  std::string resume;
};

// Makes the first folder of that name, or of that name and a number, that there is not yet.
fs::path make_free_folder(const std::string& name) {
  const fs::path runs = "runs";
  const std::string advice = "give another --out";
  clade::make_folder(runs, advice);
  for (int number = 1;; ++number) {
    const fs::path folder = runs / (number == 1 ? name : name + "-" + std::to_string(number));
    std::error_code error;
    if (fs::create_directory(folder, error)) return folder;       // by this process and no other
    if (!fs::exists(folder)) clade::make_folder(folder, advice);  // says why it cannot be made
  }
}

void require_empty(const fs::path& folder) {
  if (is_fresh(folder)) return;
  std::string advice = "give another --out";
  if (fs::exists(folder / clade::run_files::kState)) {
    advice += ", or go on with it: clade train --resume " + folder.string();
  } else if (fs::exists(folder / clade::run_files::kExperiment)) {
    advice += ", or delete this one, of a run that ended before its first checkpoint";
  }
  throw clade::Error(folder.string() + " exists and is not an empty folder; " + advice);
}

void require_alone(const TrainArguments& arguments) {
  const bool alone = arguments.what.empty() && arguments.model.empty() &&
                     arguments.labels.empty() && arguments.overrides.empty() &&
                     arguments.start.empty() && arguments.seed.empty() &&
                     arguments.device.empty() && arguments.threads.empty() && arguments.out.empty();
  if (alone) return;
  throw clade::ConfigError("--resume goes on as " + arguments.resume +
                           "/experiment.toml says and takes nothing beside it; change settings, "
                           "such as train.epochs, in that file");
}

std::string progress_text(const clade::TrainingProgress& progress) {
  char text[512];
  const bool run = progress.stage.kind == clade::StageKind::run;
  std::string line;
  if (progress.restart > 0) {
    line = "restart " + std::to_string(progress.restart) + "/" + std::to_string(progress.restarts) +
           ", ";
  }
  std::snprintf(text, sizeof text, "epoch %lld/%lld%s %3.0f%%  ",
                static_cast<long long>(progress.epoch), static_cast<long long>(progress.epochs),
                run ? "" : (" (" + progress.stage.name() + ")").c_str(), 100 * progress.fraction);
  line += text;
  if (progress.last != nullptr) {
    const clade::MeanBound& mean =
        progress.last->validation ? *progress.last->validation : progress.last->train;
    const bool relaxed = mean.kind == clade::BoundKind::relaxed;
    std::snprintf(text, sizeof text, "%s %.2f (", relaxed ? "relaxed bound" : "bound", mean.elbo);
    line += text;
    for (const auto& [name, value] : mean.terms) {
      std::snprintf(text, sizeof text, "%s%s %.2f", line.back() == '(' ? "" : ", ", name.c_str(),
                    value);
      line += text;
    }
    line += ")  ";
  }
  std::snprintf(text, sizeof text, "%.0f samples/s  about %s left", progress.samples_per_second,
                clade::duration(progress.seconds_left).c_str());
  return line + text;
}

/// Shows how training comes along, and stops it on Ctrl-C.
class Watcher : public clade::TrainingObserver {
 public:
  Watcher(int64_t train_points, int64_t validation_points)
      : train_points_(train_points), validation_points_(validation_points) {}

  bool after_step(const clade::TrainingProgress& progress) override {
    epochs_ = progress.epochs;
    line_.show(progress_text(progress));
    return !StopOnInterrupt::asked();
  }

  // Once, if judging epochs takes longer than training in them and will take minutes.
  void after_epoch(const clade::EpochLog& log) override {
    const double steps = static_cast<double>(train_points_) / log.samples_per_second;
    const double judging = log.seconds - steps;
    const double to_come = judging * static_cast<double>(epochs_ - log.epoch);
    if (advised_ || validation_points_ <= 1000 || judging < steps || to_come < 120) return;
    advised_ = true;
    line_.clear();
    char text[192];
    std::snprintf(text, sizeof text,
                  "the bound of %lld validation points takes %.0f %% of an epoch; "
                  "--set train.validation_points=1000 would judge epochs by fewer",
                  static_cast<long long>(validation_points_), 100 * judging / log.seconds);
    say(text);
  }

  bool during_start(const std::string& what, int64_t done, int64_t total) override {
    line_.show("start: " + what, done, total);
    return !StopOnInterrupt::asked();
  }

  void keep_starts(const std::vector<clade::Start>& starts, int64_t restart) override {
    line_.clear();
    const std::string which = restart == 0 ? "" : "restart " + std::to_string(restart) + ": ";
    say(which + clade::said_of(starts));
  }

  void lose_restart(int64_t restart, const std::string& why) override {
    line_.clear();
    say("restart " + std::to_string(restart) + " is out: " + why);
  }

  void choose_restart(int64_t restart, double bound, const std::vector<clade::Start>&) override {
    line_.clear();
    char text[96];
    std::snprintf(text, sizeof text, "restart %lld goes on: its bound, %.2f, is the best",
                  static_cast<long long>(restart), bound);
    say(text);
  }

 private:
  int64_t train_points_, validation_points_;
  int64_t epochs_ = 0;
  bool advised_ = false;
  StopOnInterrupt stop_;
  clade::ProgressLine line_;
};

clade::TrainingSummary train_in(const fs::path& folder, clade::RunFolder& run,
                                clade::ClusterCurve& clusters, Watcher& watcher,
                                clade::Trainer& trainer) {
  try {
    return trainer.run({&clusters, &run, &watcher});
  } catch (const clade::NumericalError& error) {
    const fs::path checkpoint = folder / clade::run_files::kState;
    if (!fs::exists(checkpoint)) throw;
    throw clade::NumericalError(std::string(error.what()) + "; the last good state is in " +
                                checkpoint.string());
  }
}

// A run to begin or to go on with.
struct Prepared {
  clade::Experiment experiment;
  fs::path folder;                                // "" if it is yet to be made,
  std::string name;                               // after this
  std::string chosen = {};                        // what was fitted to the data, said; or ""
  std::optional<clade::TrainedModel> saved = {};  // the best of a run to go on with, if it has one
};

// --start takes a word of train.start, or a file.
void override_start(const std::string& start, clade::ExperimentFile& file) {
  std::vector<std::string> words = clade::starts();
  if (std::find(words.begin(), words.end(), start) != words.end()) {
    file.override("train.start=" + start);
    return;
  }
  std::error_code unknown;
  if (!fs::exists(clade::split_array_path(start).file, unknown)) {
    words.erase(std::remove(words.begin(), words.end(), "file"), words.end());
    throw clade::ConfigError("--start is " + start + ", and there is no such file; give a file, " +
                             clade::one_of(words));
  }
  file.override("train.start=file");
  file.override("train.start_file=" + start);
}

// Somebody who gives a model that learns from labels data of his own means it to learn from those
// they have. Of a named set all are known: how many of them it may see is what is asked.
void learn_from_own_labels(const clade::ExperimentFile& file, clade::Experiment& experiment) {
  const bool own = experiment.data.name.empty();
  if (!own || file.gives("data", "label_budget")) return;
  if (!clade::find_model(experiment.model_name).takes_labels) return;
  experiment.data.label_budget = clade::kEveryLabel;
}

// Labels of a few points are rarely there for scores alone.
void offer_to_learn_labels(const clade::Experiment& experiment, clade::Splits& data) {
  const torch::Tensor& labels = data.train.labels;
  const bool own = experiment.data.name.empty();
  if (!own || !labels.defined() || clade::find_model(experiment.model_name).takes_labels) return;
  const auto known = labels.ne(clade::kUnknownLabel).sum().item<int64_t>();
  if (known == 0 || 2 * known >= labels.size(0)) return;
  data.said += "; --model m2 would learn classes from the " + std::to_string(known) + " labels";
}

// A model cannot learn a class of which it sees no label.
void check_label_budget(const clade::Experiment& experiment, const clade::Splits& data) {
  const int64_t budget = experiment.data.label_budget;
  const auto classes = static_cast<int64_t>(data.train.label_names.size());
  if (budget <= 0 || budget >= classes) return;
  throw clade::ConfigError("data.label_budget is " + std::to_string(budget) + ", and " +
                           experiment.data_name() + " has " + std::to_string(classes) +
                           " classes, each of which needs a label; set it to " +
                           std::to_string(classes) + " or more, or to -1 for all that are known");
}

// More than there are points say nothing, and so many that memory does not hold their networks
// would end the process.
void check_clusters(clade::Experiment& experiment, const clade::Dataset& train) {
  constexpr int64_t kFew = 1000;
  const nlohmann::json settings = clade::to_json(*experiment.model);
  for (const std::string key : {"clusters", "components"}) {
    const nlohmann::json set = settings.value(key, nlohmann::json());
    const nlohmann::json most = set.is_array() ? *std::max_element(set.begin(), set.end()) : set;
    if (!most.is_number() || most <= std::max(kFew, train.size())) continue;
    throw clade::ConfigError("model." + key + " is " + set.dump() + ", and there are " +
                             std::to_string(train.size()) + " training points; lower it");
  }
}

// Of points that are all the same a model learns nothing, and says it with fine figures.
void require_variety(const clade::Dataset& train) {
  if (!train.x.eq(train.x[0]).all().item<bool>()) return;
  const std::string n = std::to_string(train.size());
  throw clade::DataError(
      train.name + ": " +
      (n == "1" ? "there is 1 training point" : "the " + n + " training points are all the same") +
      ", so there is nothing to learn; give points that differ");
}

Prepared prepare_new(const TrainArguments& arguments, clade::Splits& data) {
  if (arguments.what.empty()) {
    throw clade::ConfigError(
        "nothing to train on; give an experiment file, a data file or a named "
        "data set (clade train --help)");
  }
  const bool from_file = clade::is_experiment_address(arguments.what);
  clade::ExperimentFile file = experiment_on(arguments.what);
  if (!arguments.model.empty()) file.override("model.name=" + arguments.model);
  if (!arguments.labels.empty()) file.override("data.labels=" + arguments.labels);
  if (!arguments.seed.empty()) file.override("seed=" + arguments.seed);
  if (!arguments.device.empty()) file.override("device=" + arguments.device);
  if (!arguments.threads.empty()) file.override("threads=" + arguments.threads);
  if (!arguments.start.empty()) override_start(arguments.start, file);
  for (const std::string& setting : arguments.overrides) file.override(setting);

  const bool likelihood_given = file.gives("model", "likelihood");
  const bool least_deviation_given = file.gives("model", "least_deviation");
  Prepared prepared{clade::load_experiment(file, from_file ? "" : clade::kDefaultModel),
                    arguments.out, ""};
  clade::Experiment& experiment = prepared.experiment;
  if (!arguments.out.empty()) require_empty(arguments.out);

  learn_from_own_labels(file, experiment);
  const auto seed = static_cast<uint64_t>(experiment.run.seed);
  data = load_new_splits(experiment, likelihood_given);
  check_label_budget(experiment, data);
  check_clusters(experiment, data.train);
  require_variety(data.train);
  offer_to_learn_labels(experiment, data);
  if (!likelihood_given) {
    experiment.model->likelihood = clade::suggested_likelihood(data);
    data.said += "; likelihood " + experiment.model->likelihood;
  } else {
    clade::check_likelihood(experiment.data, data, experiment.model->likelihood);
  }
  if (!least_deviation_given && clade::is_density(experiment.model->likelihood)) {
    experiment.model->least_deviation = kLeastDeviation;
  }
  if (!from_file) prepared.chosen = clade::fit_to_data(file, data, experiment);
  for (const clade::Dataset* split : {&data.train, &data.validation, &data.test}) {
    if (split->size() == 0) continue;
    clade::check_values(
        *split, experiment.model->likelihood,
        "set data.values = \"grey\" for pixels, or model.likelihood = \"gaussian\"");
  }
  if (arguments.out.empty()) {
    const std::string row = clade::parse_address(arguments.what).row_name();
    const std::string name =
        row.empty() ? experiment.model_name + "-" + experiment.data_name() : row;
    prepared.name = name + "-" + std::to_string(seed);
  }
  clade::make_paths_absolute(experiment);
  static_cast<void>(experiment.toml());  // throws for what it cannot hold: before a folder is made
  return prepared;
}

// What must be said of labels that a model learns from and has not, or has and does not learn from.
std::string said_of_labels(const clade::Experiment& experiment, const clade::TrainedModel& trained,
                           const clade::Splits& data) {
  const bool labels = data.labelled.size() > 0;
  if (labels == trained.model->takes_labels()) return "";
  if (labels) {
    return "; " + trained.name + " does not learn from labels, whatever data.label_budget is";
  }
  const std::string& asked = experiment.data.labels;
  const bool given = !asked.empty() && asked != clade::kNoLabels;
  return "; " + trained.name + " has no labels to learn from: " +
         (data.train.labelled() ? "set data.label_budget"
          : given               ? "those given are all unknown, so no label shapes its clusters"
                                : "no label shapes its clusters; --labels names a column or file");
}

Prepared prepare_resumed(const TrainArguments& arguments, clade::Splits& data) {
  require_alone(arguments);
  lock_run(arguments.resume);  // what is read below is what it goes on with
  Prepared prepared{clade::experiment_of(arguments.resume), arguments.resume, ""};
  if (fs::exists(prepared.folder / clade::run_files::kWeights)) {
    prepared.saved = clade::load_model(prepared.folder, torch::kCPU);
  }
  data = load_run_splits(prepared.folder, prepared.experiment,
                         prepared.saved ? &prepared.saved->preprocessing : nullptr);
  return prepared;
}

// Makes the folder of a new run, and has it for this process alone.
void begin_folder(Prepared& prepared, bool resuming) {
  fs::path& folder = prepared.folder;
  if (folder.empty()) folder = make_free_folder(prepared.name);
  if (!resuming) {
    clade::make_folder(folder, "give another --out");
    lock_run(folder);
    require_empty(folder);  // still, now that nobody else can begin in it
  }
  for (const fs::path& part : {folder, folder / "report"}) clade::remove_parts(part);
  if (!resuming) {
    clade::write_atomically(folder / clade::run_files::kExperiment, prepared.experiment.toml());
  }
}

// Measures what training ended with and shows it, unless that is asked to stop.
void finish_run(const TrainedRun& run, const clade::Splits& data) {
  const StopOnInterrupt stop;
  const auto go_on =
      "; the model is trained and saved; go on with: clade train --resume " + run.folder.string();
  try {
    evaluate_split(run, "validation", data.validation, {});
    evaluate_split(run, "test", data.test, run.experiment.evaluate);
    if (data.validation.size() + data.test.size() == 0) {
      evaluate_split(run, "train", data.train, run.experiment.evaluate);
    }
  } catch (const clade::Interrupted& error) {
    throw clade::Interrupted(error.what() + go_on);
  }
  finish_record(run.folder);
  const nlohmann::json metrics = read_metrics(run.folder);
  print_metrics(metrics, metrics_path(run.folder));
  if (const auto empty = said_of_empty_clusters(metrics); !empty.empty()) say(empty);
  StopOnInterrupt::check("stopped before the report" + go_on);
  write_run_report(run, data);
  StopOnInterrupt::check("stopped while the report was written" + go_on);
}

void train(const TrainArguments& arguments) {
  clade::Splits data;
  const bool resuming = !arguments.resume.empty();
  Prepared prepared = resuming ? prepare_resumed(arguments, data) : prepare_new(arguments, data);
  clade::Experiment& experiment = prepared.experiment;
  const fs::path& folder = prepared.folder;
  const auto seed = static_cast<uint64_t>(experiment.run.seed);
  const torch::Device device = prepare_device(experiment.run);
  // Before anything is written: throws where the device cannot.
  clade::precision_for("evaluate.precision", experiment.evaluate.precision, device);

  auto trained = clade::make_model(experiment.model_name, experiment.model, data, seed, device);
  data.said += said_of_labels(experiment, trained, data);
  trained.provenance = {{"data", experiment.data_name()}};
  clade::record_data(trained, data, seed);
  move_to(device, data);
  clade::Trainer trainer(trained, data, experiment.train, seed);
  if (!resuming && !experiment.train.start_file.empty()) {  // refused before anything is written
    clade::read_start_file(experiment.train.start_file, data, trained.model->clusters());
  }
  begin_folder(prepared, resuming);
  clade::RunFolder run_folder(folder);
  if (resuming) run_folder.resume(trainer, prepared.saved);
  std::printf(
      "%s on %s: %lld training, %lld validation, %lld test points of %lld values\n",
      experiment.model_name.c_str(), clade::one_line(experiment.data_name()).c_str(),
      static_cast<long long>(data.train.size()), static_cast<long long>(data.validation.size()),
      static_cast<long long>(data.test.size()), static_cast<long long>(data.train.features()));
  say(data.said);
  if (!prepared.chosen.empty()) say(prepared.chosen);
  say("run folder: " + folder.string());

  if (!trainer.finished()) {
    if (const auto said = said_of_threads(folder); !said.empty()) note(said);
    begin_record(folder, experiment.run);
  }
  clade::ClusterCurve clusters(*trained.model, data.validation, experiment.evaluate.epoch_points,
                               seed);
  const int64_t asked = experiment.train.validation_points;
  Watcher watcher(data.train.size(), asked > 0 ? asked : data.validation.size());
  const clade::TrainingSummary summary = train_in(folder, run_folder, clusters, watcher, trainer);
  if (summary.interrupted) {
    throw clade::Interrupted("stopped at epoch " + std::to_string(summary.epochs + 1) + ", step " +
                             std::to_string(summary.steps) + "; go on with: clade train --resume " +
                             folder.string());
  }
  std::printf("trained %lld epochs in %s%s; kept epoch %lld, %s %.2f\n",
              static_cast<long long>(summary.epochs), clade::duration(summary.seconds).c_str(),
              summary.stopped_early ? " (stopped early)" : "",
              static_cast<long long>(summary.best_epoch),
              summary.best_is_relaxed ? "relaxed bound" : "bound", summary.best_bound);
  if (!summary.not_captured.empty()) {
    std::printf("steps were launched one by one: %s\n", summary.not_captured.c_str());
  }
  std::fflush(stdout);

  trained.model->eval();
  finish_run({folder, experiment, trained, device}, data);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* command = app.add_subcommand("train", "train a model, evaluate it, write its report");
  auto arguments = std::make_shared<TrainArguments>();
  command->add_option(
      "EXPERIMENT|DATA", arguments->what,
      "an experiment file (.toml), or a row of one, FILE:ROW or FILE:ROW+VARIANT; "
      "or data: a file (.npy, .npz, .mat, .h5ad, .csv, .tsv, IDX), a folder of PNG and JPEG "
      "images or a named set (see clade data)");
  command->add_option("--model", arguments->model, "model to train (see clade models)");
  command->add_option(
      "--labels", arguments->labels,
      "labels to compare clusters with, or to learn from: a file, a column of the table, or a kind "
      "the named set has; subfolders of images are labels by themselves; none for none at all");
  command->add_option(
      "--start", arguments->start,
      "where clusters come from: a file (.npy, .csv) of codes, responsibilities or labels of the "
      "data's points in their order; or neighbours, autoencoder, autoencoder+neighbours, none");
  command->add_option("--set", arguments->overrides, "override one setting, section.key=value")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--seed", arguments->seed, "everything random follows from it");
  take_device(*command, arguments->device);
  command->add_option("--threads", arguments->threads, "CPU threads; all by default");
  command->add_option("--out", arguments->out,
                      "run folder; by default runs/MODEL-DATA-SEED, or runs/ROW-SEED");
  command->add_option("--resume", arguments->resume,
                      "go on with the run in this folder, as its experiment.toml says");
  command->footer(
      "Examples:\n"
      "  clade train experiments/cp-vae/table-3.toml:fashion-mnist-10 --seed 2\n"
      "  clade train points.csv --model cp_vae --labels species --set model.clusters=5\n"
      "  clade train points.csv --model cp_vae --start leiden.csv --set model.clusters=12\n"
      "  clade train photos --set data.resize=[32,32] --set data.greyscale=true\n"
      "  clade train --resume runs/cp_vae-points-1");
  command->callback([arguments] { train(*arguments); });
}
