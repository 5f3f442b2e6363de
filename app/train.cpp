#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/metrics.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/progress.h"
#include "clade/core/words.h"
#include "clade/formats/data_file.h"
#include "clade/run/folder.h"
#include "clade/run/metrics_file.h"
#include "clade/run/page.h"
#include "clade/run/record.h"
#include "clade/run/training_run.h"

namespace fs = std::filesystem;

namespace {

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

const char* name_of(clade::BoundKind kind) {
  if (kind == clade::BoundKind::relaxed) return "relaxed bound";
  return kind == clade::BoundKind::weighted ? "importance-weighted bound" : "bound";
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
    const clade::MeanBound& mean = progress.last->judge();
    std::snprintf(text, sizeof text, "%s %.2f (", name_of(mean.kind_judged_by()), mean.judged_by());
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

// How this process was called, by the name people know.
std::string this_command() {
  std::istringstream all(clade::read_file("/proc/self/cmdline"));
  std::vector<std::string> words;
  for (std::string word; std::getline(all, word, '\0');) words.push_back(word);
  words.front() = "clade";
  return clade::command_line(words);
}

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

clade::ExperimentFile file_of(const TrainArguments& arguments) {
  if (arguments.what.empty()) {
    throw clade::ConfigError(
        "nothing to train on; give an experiment file, a data file or a named "
        "data set (clade train --help)");
  }
  clade::ExperimentFile file = clade::experiment_on(arguments.what);
  if (!arguments.model.empty()) file.override("model.name=" + arguments.model);
  if (!arguments.labels.empty()) file.override("data.labels=" + arguments.labels);
  if (!arguments.seed.empty()) file.override("seed=" + arguments.seed);
  if (!arguments.device.empty()) file.override("device=" + arguments.device);
  if (!arguments.threads.empty()) file.override("threads=" + arguments.threads);
  if (!arguments.start.empty()) override_start(arguments.start, file);
  for (const std::string& setting : arguments.overrides) file.override(setting);
  return file;
}

// Where a new run goes if nobody says: runs/MODEL-DATA-SEED, or runs/ROW-SEED.
fs::path free_folder_for(const std::string& what, const clade::Experiment& experiment) {
  const std::string row = clade::parse_address(what).row_name();
  const std::string name = row.empty() ? experiment.model_name + "-" + experiment.data_name() : row;
  return clade::make_free_folder(name + "-" + std::to_string(experiment.run.seed));
}

// Measures what training ended with and shows it, unless that is asked to stop.
void finish_run(clade::TrainingRun& training) {
  const fs::path& folder = training.run().folder;
  const StopOnInterrupt stop;
  const auto go_on = "; the model is trained and saved; go on with: clade train --resume " +
                     clade::shell_text(folder.string());
  training.measure_splits(measuring(go_on));
  const nlohmann::json metrics = clade::read_metrics(folder);
  print_metrics(metrics, clade::metrics_path(folder));
  if (const auto empty = clade::said_of_empty_clusters(metrics); !empty.empty()) say(empty);
  StopOnInterrupt::check("stopped before the report" + go_on);
  const auto unless_asked = [&](int64_t, int64_t) {
    StopOnInterrupt::check("stopped while the report was written" + go_on);
  };
  notes(clade::write_page(training.run(), training.data(), unless_asked));
  say("report: " + clade::page_of(folder).string());
  unless_asked(0, 0);
}

void say_what_is_trained(const clade::TrainingRun& training) {
  const clade::Experiment& experiment = training.run().experiment;
  const clade::Splits& data = training.data();
  std::printf(
      "%s on %s: %lld training, %lld validation, %lld test points of %lld values\n",
      experiment.model_name.c_str(), clade::one_line(experiment.data_name()).c_str(),
      static_cast<long long>(data.train.size()), static_cast<long long>(data.validation.size()),
      static_cast<long long>(data.test.size()), static_cast<long long>(data.train.features()));
  say(data.said);
  if (!training.chosen().empty()) say(training.chosen());
  say("run folder: " + training.run().folder.string());
}

void train_on(clade::TrainingRun& training) {
  say_what_is_trained(training);
  const fs::path& folder = training.run().folder;
  if (!training.finished()) {
    if (const auto said = clade::said_of_threads(folder); !said.empty()) note(said);
  }
  const int64_t asked = training.run().experiment.train.validation_points;
  const int64_t there = training.data().validation.size();
  clade::TrainingSummary summary;
  {
    Watcher watcher(training.data().train.size(), asked > 0 ? std::min(asked, there) : there);
    summary = training.train({&watcher}, this_command());
  }
  if (summary.interrupted) {
    throw clade::Interrupted("stopped at epoch " + std::to_string(summary.epochs + 1) + ", step " +
                             std::to_string(summary.steps) + "; go on with: clade train --resume " +
                             clade::shell_text(folder.string()));
  }
  std::printf("trained %lld epochs in %s%s; kept epoch %lld, %s %.2f\n",
              static_cast<long long>(summary.epochs), clade::duration(summary.seconds).c_str(),
              summary.stopped_early ? " (stopped early)" : "",
              static_cast<long long>(summary.best_epoch), name_of(summary.best_kind),
              summary.best_bound);
  if (!summary.not_captured.empty()) {
    std::printf("steps were launched one by one: %s\n", summary.not_captured.c_str());
  }
  std::fflush(stdout);
  finish_run(training);
}

void train(const TrainArguments& arguments) {
  if (!arguments.resume.empty()) {
    require_alone(arguments);
    clade::TrainingRun training(arguments.resume);
    return train_on(training);
  }
  const clade::ExperimentFile file = file_of(arguments);
  if (!arguments.out.empty()) clade::require_fresh(arguments.out);  // before data are read
  clade::TrainingRun training(clade::prepare(file, clade::is_experiment_address(arguments.what)
                                                       ? clade::LeftOpen::of_the_papers
                                                       : clade::LeftOpen::fits_the_data));
  training.begin_in(arguments.out.empty()
                        ? free_folder_for(arguments.what, training.run().experiment)
                        : fs::path(arguments.out));
  train_on(training);
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
  take_settings(*command, arguments->overrides, "override one setting");
  command->add_option("--seed", arguments->seed, "everything random follows from it")
      ->check(seeds());
  take_device(*command, arguments->device);
  command->add_option("--threads", arguments->threads, "CPU threads; all by default")
      ->check(CLI::Range(int64_t{0}, clade::kMostThreads));
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
