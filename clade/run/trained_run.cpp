#include "clade/run/trained_run.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/data/point_table.h"
#include "clade/evaluation/posteriors.h"
#include "clade/formats/data_file.h"
#include "clade/ops/threads.h"
#include "clade/run/metrics_file.h"
#include "clade/training/checkpoint.h"
#include "clade/training/provenance.h"

namespace clade {

Dataset TrainedRun::points(const std::string& data, const std::string& labels) const {
  const auto dataset = with_memory_for("read " + data, [&] {
    return load_points(data, labels, trained.preprocessing, trained.shape, trained.label_names);
  });
  check_values(dataset, trained.options->likelihood,
               "the model was trained on such values; rescale these to that range");
  return dataset.to(device);
}

std::vector<std::string> TrainedRun::classes_of(const Dataset& data) const {
  const auto names = trained.classes();
  if (names.empty()) return {};
  const auto q_y = assignment(*trained.model, data.x, seed()).front();
  auto of_points = names_of(q_y.argmax(1), names);
  // Of points so far from all others that networks overflow nothing is known.
  const auto unknown = q_y.isnan().any(1).nonzero().flatten().cpu();
  for (int64_t i = 0; i < unknown.size(0); ++i) {
    of_points[static_cast<size_t>(unknown[i].item<int64_t>())].clear();
  }
  return of_points;
}

Splits TrainedRun::splits() const {
  Splits all = load_run_splits(folder, experiment, &trained.preprocessing);
  require_same_data(trained.provenance, all, seed());
  move_to(device, all);
  return all;
}

TrainedRun open_run(const std::filesystem::path& folder, const std::string& device) {
  Experiment experiment = experiment_of(folder);
  if (!device.empty()) experiment.run.device = device;
  experiment.run.validate();
  const torch::Device where = prepare_device(experiment.run);
  return {folder, std::move(experiment), load_model(folder, where), where};
}

std::string said_of_unfinished(const TrainedRun& run) {
  try {
    const nlohmann::json state = read_checkpoint_numbers(run.folder);
    const TrainOptions& train = run.experiment.train;
    if (state.empty() || is_complete(state, train)) return "";
    return "training has done " + std::to_string(state.at("epoch").get<int64_t>()) + " of " +
           std::to_string(train.epochs) + " epochs";
  } catch (const std::exception&) {
    return "";  // of a state that cannot be read, which only training needs
  }
}

std::string advice_on_unfinished(const TrainedRun& run) {
  const std::string said = said_of_unfinished(run);
  return said.empty()
             ? ""
             : said + "; go on with: clade train --resume " + shell_text(run.folder.string());
}

Splits load_run_splits(const std::filesystem::path& folder, const Experiment& experiment,
                       const Preprocessing* begun) {
  const DataOptions& data = experiment.data;
  const std::string file = split_array_path(data.path).file;
  std::error_code unknown;
  if (!data.path.empty() && !std::filesystem::exists(file, unknown)) {
    throw DataError("the run " + folder.string() + " was trained on " + file +
                    ", which is not there, nor where it would be if it had moved with the run; "
                    "bring it back, or set data.path in " +
                    (folder / run_files::kExperiment).string());
  }
  return with_memory_for("read " + experiment.data_name(), [&] {
    return load_splits(data, static_cast<uint64_t>(experiment.run.seed),
                       experiment.model->likelihood, begun);
  });
}

torch::Device prepare_device(const RunOptions& options) {
  use_threads(options.threads);
  if (options.device == "cuda" && !torch::cuda::is_available()) {
    throw ConfigError(
        "device is cuda, but this libtorch finds no CUDA device; take cpu, "
        "by --device or as device in experiment.toml");
  }
  return torch::Device(options.device);
}

void move_to(const torch::Device& device, Splits& data) {
  for (Dataset* split : {&data.train, &data.validation, &data.test, &data.labelled}) {
    *split = split->to(device);
  }
}

std::string judged_split(const Splits& data) {
  return data.test.size() > 0 ? "test" : data.validation.size() > 0 ? "validation" : "train";
}

const Dataset& split_of(const Splits& data, const std::string& split) {
  return split == "train" ? data.train : split == "validation" ? data.validation : data.test;
}

Dataset measured_points(const TrainedRun& run, const Splits& data, const std::string& split) {
  Dataset points = split_of(data, split);
  if (split == "train") {
    auto generator = make_generator(derive_seed(run.seed(), "presentation"), run.device);
    points.x = present(points.x, data.preprocessing.binarise, generator);
  }
  return points;
}

void measure(const TrainedRun& run, const std::string& name, const Dataset& data,
             const EvaluateOptions& options, const Progress& progress) {
  if (data.size() == 0) return;
  nlohmann::json metrics = evaluate(run.trained, data, options, run.seed(), progress);
  if (const auto guided = said_of_guidance(run.trained); !guided.empty()) {
    metrics["guided"] = guided;
  }
  const auto& provenance = run.trained.provenance;
  if (metrics.contains("classification") && provenance.contains("label_weight")) {
    metrics["classification"]["label_weight"] = provenance.at("label_weight");
  }
  write_metrics(run.folder, name, metrics);
}

}  // namespace clade
