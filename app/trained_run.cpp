#include "app/trained_run.h"

#include <torch/torch.h>

#include "app/metrics.h"
#include "clade/core/error.h"
#include "clade/core/progress.h"
#include "clade/ops/threads.h"
#include "clade/training/provenance.h"

torch::Device prepare_device(const clade::RunOptions& options) {
  clade::use_threads(options.threads);
  if (options.device == "cuda" && !torch::cuda::is_available()) {
    throw clade::ConfigError("device is cuda, but this libtorch finds no CUDA device; use cpu");
  }
  return torch::Device(options.device);
}

void move_to(const torch::Device& device, clade::Splits& data) {
  for (clade::Dataset* split : {&data.train, &data.validation, &data.test, &data.labelled}) {
    *split = split->to(device);
  }
}

clade::Dataset TrainedRun::points(const std::string& data, const std::string& labels) const {
  auto dataset =
      clade::load_points(data, labels, trained.preprocessing, trained.shape, trained.label_names);
  clade::check_values(dataset, trained.options->likelihood);
  return dataset.to(device);
}

clade::Splits TrainedRun::splits() const {
  clade::Splits all = clade::load_splits(experiment.data, seed(), experiment.model->likelihood,
                                         &trained.preprocessing);
  clade::require_same_data(trained.provenance, all, seed());
  move_to(device, all);
  return all;
}

TrainedRun open_run(const std::string& folder, const std::string& device) {
  clade::Experiment experiment = clade::experiment_of(folder);
  if (!device.empty()) experiment.run.device = device;
  experiment.run.validate();
  const torch::Device where = prepare_device(experiment.run);
  return {folder, std::move(experiment), clade::load_model(folder, where), where};
}

void evaluate_split(const TrainedRun& run, const std::string& name, const clade::Dataset& data,
                    const clade::EvaluateOptions& options) {
  if (data.size() == 0) return;
  clade::ProgressLine line;
  const auto metrics = clade::evaluate(
      *run.trained.model, data, options, run.seed(),
      [&](int64_t done, int64_t total) { line.show(name + ", points", done, total); },
      run.trained.log_volume());
  write_metrics(run.folder, name, metrics);
}
