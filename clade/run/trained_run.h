#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/experiment/experiment.h"
#include "clade/training/trained_model.h"

namespace clade {

/// A run folder, opened: what it was told, and the model it made, on the device that it names.
struct TrainedRun {
  std::filesystem::path folder;
  Experiment experiment;
  TrainedModel trained;
  torch::Device device;

  uint64_t seed() const { return static_cast<uint64_t>(experiment.run.seed); }

  /// Points in a file or named set, as the model reads them, on its device. What their reader left
  /// out or found is in their note. Throws DataError for points that the model cannot read.
  Dataset points(const std::string& data, const std::string& labels) const;

  /// The class of each point, if the model learned from labels what classes there are; else none.
  std::vector<std::string> classes_of(const Dataset& data) const;

  /// The data the model was trained on, on its device. Throws Error if they are others now, or
  /// split otherwise.
  Splits splits() const;
};

/// Throws Error if `folder` is no run folder. `device` overrides the experiment's unless "".
TrainedRun open_run(const std::filesystem::path& folder, const std::string& device = "");

/// "training has done 60 of 300 epochs", or "" of one that has ended.
std::string said_of_unfinished(const TrainedRun& run);

/// The same, and how to go on.
std::string advice_on_unfinished(const TrainedRun& run);

/// The data that the run in `folder` is of, prepared as it has begun, if it has (see load_splits).
/// Throws DataError saying so if they are gone.
Splits load_run_splits(const std::filesystem::path& folder, const Experiment& experiment,
                       const Preprocessing* begun);

/// Sets the thread count, checks that the device is there, and returns it.
torch::Device prepare_device(const RunOptions& options);

/// Puts every split on `device`.
void move_to(const torch::Device& device, Splits& data);

/// By which split a run is judged: test, or validation if there are no test points, or train if
/// nothing was held out.
std::string judged_split(const Splits& data);

/// `split`: train, validation or test.
const Dataset& split_of(const Splits& data, const std::string& split);

/// Points of a split as they are measured: those to train on, whose bits are drawn anew whenever
/// they are shown, with bits that follow from the run's seed.
Dataset measured_points(const TrainedRun& run, const Splits& data, const std::string& split);

/// Measures `data` and puts the figures under `name` in RUN/metrics.json; nothing for no points.
/// Whatever `progress` throws ends it, nothing being written.
void measure(const TrainedRun& run, const std::string& name, const Dataset& data,
             const EvaluateOptions& options, const Progress& progress = {});

}  // namespace clade
