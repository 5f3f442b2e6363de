#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/config/experiment.h"
#include "clade/training/trained_model.h"

/// A finished run folder, opened: what it was told, and the model it made on the device it names.
struct TrainedRun {
  std::filesystem::path folder;
  clade::Experiment experiment;
  clade::TrainedModel trained;
  torch::Device device;

  uint64_t seed() const { return static_cast<uint64_t>(experiment.run.seed); }

  /// Throws ConfigError if `out`, where a command writes, is what the run was trained on, a file of
  /// the run itself, or one of `inputs`.
  void require_own_file(const std::string& out, const std::vector<std::string>& inputs = {}) const;

  /// Points in a file or named set, as the model reads them, on its device. What their reader left
  /// out or found is said on standard output, unless `out`, where the command writes, is that.
  clade::Dataset points(const std::string& data, const std::string& labels,
                        const std::string& out = "") const;

  /// The class of each point, if the model learned from labels what classes there are; else none.
  std::vector<std::string> classes_of(const clade::Dataset& data) const;

  /// The data the model was trained on, on its device. Throws Error if they are others now, or
  /// split otherwise.
  clade::Splits splits() const;
};

/// The data that a run which is to begin is of, read and split (see load_splits); its likelihood
/// counts only if it is given, and not yet to be chosen by them.
clade::Splits load_new_splits(const clade::Experiment& experiment, bool likelihood_given);

/// The data that the run in `folder` is of, prepared as it has begun, if it has (see load_splits).
/// Throws DataError saying so if they are gone.
clade::Splits load_run_splits(const std::filesystem::path& folder,
                              const clade::Experiment& experiment,
                              const clade::Preprocessing* begun);

/// Whether a run may begin in `folder`: it is not there or empty, or a run was killed in it before
/// it had written its first file.
bool is_fresh(const std::filesystem::path& folder);

/// Held until this process has ended, so that no two write figures in one folder, or train there.
/// Throws Error if another does.
void lock_run(const std::filesystem::path& folder);

/// Throws Error when `folder` is no run folder. `device` overrides the experiment's unless "".
TrainedRun open_run(const std::string& folder, const std::string& device = "");

/// The same for what the run has learned to be used, with a note if its training has not ended.
TrainedRun open_to_use(const std::string& folder, const std::string& device = "");

/// "training has done 60 of 300 epochs", or "" of one that has ended.
std::string said_of_unfinished(const TrainedRun& run);

/// Sets the thread count, checks that the device is there, and returns it.
torch::Device prepare_device(const clade::RunOptions& options);

/// Puts every split on `device`.
void move_to(const torch::Device& device, clade::Splits& data);

/// Measures `data` and puts the figures under `name` in RUN/metrics.json; nothing for no points.
/// Throws Interrupted, nothing being written, on Ctrl-C and the like.
void evaluate_split(const TrainedRun& run, const std::string& name, const clade::Dataset& data,
                    const clade::EvaluateOptions& options);
