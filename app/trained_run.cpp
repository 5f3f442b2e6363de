#include "app/trained_run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <torch/torch.h>

#include <algorithm>
#include <cerrno>

#include "app/interrupt.h"
#include "app/metrics.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/memory.h"
#include "clade/core/progress.h"
#include "clade/core/run_files.h"
#include "clade/evaluation/posteriors.h"
#include "clade/formats/data_file.h"
#include "clade/ops/threads.h"
#include "clade/training/checkpoint.h"
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

void TrainedRun::require_own_file(const std::string& out,
                                  const std::vector<std::string>& inputs) const {
  const auto is_out = [&](const std::filesystem::path& file) {
    std::error_code missing;
    return std::filesystem::equivalent(out, file, missing);
  };
  std::vector<std::string> data = inputs;
  data.insert(data.end(),
              {experiment.data.path, experiment.data.labels, experiment.train.start_file});
  for (const std::string& file : data) {
    if (!is_out(clade::split_array_path(file).file)) continue;
    throw clade::ConfigError("--out " + out + " is what the run reads; give another name");
  }
  for (const char* file : clade::run_files::kAll) {
    if (!is_out(folder / file)) continue;
    throw clade::ConfigError("--out " + out + " is a file of the run; give another name");
  }
}

clade::Dataset TrainedRun::points(const std::string& data, const std::string& labels,
                                  const std::string& out) const {
  clade::require_no_folder(out);  // before minutes go into what it is to hold
  require_own_file(out, {data, labels});
  auto dataset = clade::with_memory_for("read " + data, [&] {
    return clade::load_points(data, labels, trained.preprocessing, trained.shape,
                              trained.label_names);
  });
  clade::check_values(dataset, trained.options->likelihood,
                      "the model was trained on such values; rescale these to that range");
  if (!dataset.note.empty()) out == "-" ? note(dataset.note) : say(dataset.note);
  return dataset.to(device);
}

std::vector<std::string> TrainedRun::classes_of(const clade::Dataset& data) const {
  const auto names = trained.classes();
  if (names.empty()) return {};
  const auto q_y = clade::assignment(*trained.model, data.x, seed()).front();
  return clade::names_of(q_y.argmax(1), names);
}

clade::Splits TrainedRun::splits() const {
  clade::Splits all = load_run_splits(folder, experiment, &trained.preprocessing);
  clade::require_same_data(trained.provenance, all, seed());
  move_to(device, all);
  return all;
}

clade::Splits load_run_splits(const std::filesystem::path& folder,
                              const clade::Experiment& experiment,
                              const clade::Preprocessing* begun) {
  const clade::DataOptions& data = experiment.data;
  const std::string file = clade::split_array_path(data.path).file;
  std::error_code unknown;
  if (!data.path.empty() && !std::filesystem::exists(file, unknown)) {
    throw clade::DataError("the run " + folder.string() + " was trained on " + file +
                           ", which is not there, nor where it would be if it had moved with the "
                           "run; bring it back, or set data.path in " +
                           (folder / clade::run_files::kExperiment).string() +
                           " (clade evaluate also takes other points: --data FILE)");
  }
  return clade::with_memory_for("read " + experiment.data_name(), [&] {
    return clade::load_splits(data, static_cast<uint64_t>(experiment.run.seed),
                              experiment.model->likelihood, begun);
  });
}

clade::Splits load_new_splits(const clade::Experiment& experiment, bool likelihood_given) {
  return clade::with_memory_for("read " + experiment.data_name(), [&] {
    return clade::load_splits(experiment.data, static_cast<uint64_t>(experiment.run.seed),
                              likelihood_given ? experiment.model->likelihood : "");
  });
}

bool is_fresh(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder)) return true;
  if (!std::filesystem::is_directory(folder)) return false;
  const auto entries = std::filesystem::directory_iterator(folder);
  return std::all_of(begin(entries), end(entries), [](const auto& entry) {
    return entry.path().filename().string().starts_with(clade::run_files::kExperiment +
                                                        std::string(".part"));
  });
}

void lock_run(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw clade::Error(folder.string() +
                       " is in use by another clade train or evaluate; wait for it to end");
  }
}

TrainedRun open_run(const std::string& folder, const std::string& device) {
  clade::Experiment experiment = clade::experiment_of(folder);
  if (!device.empty()) experiment.run.device = device;
  experiment.run.validate();
  const torch::Device where = prepare_device(experiment.run);
  return {folder, std::move(experiment), clade::load_model(folder, where), where};
}

TrainedRun open_to_use(const std::string& folder, const std::string& device) {
  TrainedRun run = open_run(folder, device);
  if (const auto said = said_of_unfinished(run); !said.empty()) {
    note(said + "; go on with: clade train --resume " + folder);
  }
  return run;
}

std::string said_of_unfinished(const TrainedRun& run) {
  try {
    const nlohmann::json state = clade::read_checkpoint_numbers(run.folder);
    const clade::TrainOptions& train = run.experiment.train;
    if (state.empty() || clade::is_complete(state, train)) return "";
    return "training has done " + std::to_string(state.at("epoch").get<int64_t>()) + " of " +
           std::to_string(train.epochs) + " epochs";
  } catch (const std::exception&) {
    return "";  // of a state that cannot be read, which only training needs
  }
}

void evaluate_split(const TrainedRun& run, const std::string& name, const clade::Dataset& data,
                    const clade::EvaluateOptions& options) {
  if (data.size() == 0) return;
  const StopOnInterrupt stop;
  clade::ProgressLine line;
  nlohmann::json metrics = clade::evaluate(
      *run.trained.model, data, options, run.seed(),
      [&](int64_t done, int64_t total) {
        line.show(name + ", points", done, total);
        StopOnInterrupt::check("stopped after measuring " + std::to_string(done) + " of " +
                               std::to_string(total) + " points (" + name + ")");
      },
      run.trained.log_volume(), run.trained.learned_classes());
  if (const auto guided = clade::said_of_guidance(run.trained); !guided.empty()) {
    metrics["guided"] = guided;
  }
  write_metrics(run.folder, name, metrics);
}
