#include "clade/run/training_run.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/data/points.h"
#include "clade/evaluation/cluster_curve.h"
#include "clade/ops/precision.h"
#include "clade/run/metrics_file.h"
#include "clade/run/record.h"
#include "clade/training/provenance.h"
#include "clade/training/run_folder.h"
#include "clade/training/start_file.h"

namespace clade {

namespace fs = std::filesystem;

namespace {

/// What must be said of labels that a model learns from and has not, or has and does not learn
/// from.
std::string said_of_labels(const Experiment& experiment, const TrainedModel& trained,
                           const Splits& data) {
  const bool labels = data.labelled.size() > 0;
  if (labels == trained.model->takes_labels()) return "";
  if (labels) {
    return "; " + trained.name + " does not learn from labels, whatever data.label_budget is";
  }
  const std::string& asked = experiment.data.labels;
  const bool given = !asked.empty() && asked != kNoLabels;
  return "; " + trained.name + " has no labels to learn from: " +
         (data.train.labelled() ? "set data.label_budget"
          : given               ? "those given are all unknown, so no label shapes its clusters"
                                : "no label shapes its clusters; --labels names a column or file");
}

/// A fresh model, which knows what it is to be trained on.
TrainedModel model_of(const Experiment& experiment, const Splits& data,
                      const torch::Device& device) {
  const auto seed = static_cast<uint64_t>(experiment.run.seed);
  TrainedModel trained = make_model(experiment.model_name, experiment.model, data, seed, device);
  trained.provenance = {{"data", experiment.data_name()}};
  record_data(trained, data, seed);
  return trained;
}

void remove_parts_in(const fs::path& folder) {
  for (const fs::path& part : {folder, page_of(folder).parent_path()}) remove_parts(part);
}

}  // namespace

TrainingRun::TrainingRun(Prepared prepared)
    : data_(std::move(prepared.data)),
      chosen_(std::move(prepared.chosen)),
      run_{"", std::move(prepared.experiment), {}, torch::kCPU} {
  make_trainer();
  const std::string& start_file = run_.experiment.train.start_file;
  if (!start_file.empty()) {  // refused before anything is written
    read_start_file(start_file, data_, run_.trained.model->clusters());
  }
}

TrainingRun::TrainingRun(const fs::path& folder)
    : lock_(folder),  // what is read below is what it goes on with
      run_{folder, {}, {}, torch::kCPU} {
  run_.experiment = experiment_of(folder);
  std::optional<TrainedModel> saved;
  if (fs::exists(folder / run_files::kWeights)) saved = load_model(folder, torch::kCPU);
  data_ = load_run_splits(folder, run_.experiment, saved ? &saved->preprocessing : nullptr);
  make_trainer();
  remove_parts_in(folder);
  RunFolder(folder).resume(*trainer_, std::move(saved));
}

void TrainingRun::make_trainer() {
  const Experiment& experiment = run_.experiment;
  run_.device = prepare_device(experiment.run);
  // Before anything is written: throws if the device cannot.
  precision_for("evaluate.precision", experiment.evaluate.precision, run_.device);
  run_.trained = model_of(experiment, data_, run_.device);
  data_.said += said_of_labels(experiment, run_.trained, data_);
  move_to(run_.device, data_);
  trainer_.emplace(run_.trained, data_, experiment.train, run_.seed());
}

void TrainingRun::begin_in(const fs::path& folder) {
  make_folder(folder, "give another --out");
  lock_ = RunLock(folder);
  require_fresh(folder);  // now that nobody else can begin in it
  run_.folder = folder;
  remove_parts_in(folder);
  write_atomically(folder / run_files::kExperiment, run_.experiment.toml());
}

TrainingSummary TrainingRun::train(std::vector<TrainingObserver*> observers,
                                   const std::string& command) {
  if (!finished()) begin_record(run_.folder, run_.experiment.run, command);
  ClusterCurve clusters(*run_.trained.model, data_.validation,
                        run_.experiment.evaluate.epoch_points, run_.seed());
  RunFolder kept(run_.folder);
  observers.insert(observers.begin(), {&clusters, &kept});
  try {
    const TrainingSummary summary = trainer_->run(observers);
    run_.trained.model->eval();
    return summary;
  } catch (const NumericalError& error) {
    const fs::path checkpoint = run_.folder / run_files::kState;
    if (!fs::exists(checkpoint)) throw;
    throw NumericalError(std::string(error.what()) + "; the last good state is in " +
                         checkpoint.string());
  }
}

void TrainingRun::measure_splits(const SplitProgress& progress) {
  const auto measure_split = [&](const std::string& split, const EvaluateOptions& options) {
    measure(run_, split, measured_points(run_, data_, split), options,
            [&](int64_t done, int64_t total) {
              if (progress) progress(split, done, total);
            });
  };
  const std::string judged = judged_split(data_);
  for (const std::string split : {"validation", "test", "train"}) {
    if (split == judged) {
      measure_split(split, run_.experiment.evaluate);
    } else if (split == "validation") {
      measure_split(split, {});
    }
  }
  finish_record(run_.folder);
}

TrainedRun train(const ExperimentFile& file, const fs::path& folder,
                 const std::vector<TrainingObserver*>& observers) {
  TrainingRun training(prepare(file));
  training.begin_in(folder);
  training.train(observers);
  training.measure_splits();
  return training.run();
}

TrainedModel train(const Prepared& prepared, const std::vector<TrainingObserver*>& observers) {
  const Experiment& experiment = prepared.experiment;
  const torch::Device device = prepare_device(experiment.run);
  Splits data = prepared.data;
  TrainedModel trained = model_of(experiment, data, device);
  move_to(device, data);
  Trainer(trained, data, experiment.train, static_cast<uint64_t>(experiment.run.seed))
      .run(observers);
  trained.model->eval();
  return trained;
}

}  // namespace clade
