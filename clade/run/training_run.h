#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clade/experiment/prepared.h"
#include "clade/run/folder.h"
#include "clade/run/trained_run.h"
#include "clade/training/trainer.h"

namespace clade {

/// Called with a split that is measured and how many of its points are; what it throws ends that.
using SplitProgress = std::function<void(const std::string& split, int64_t done, int64_t total)>;

/// A training in a folder of its own, as `clade train` has it:
///
///     TrainingRun training(prepare(file));
///     training.begin_in("runs/mine");
///     training.train();
///     training.measure_splits();
///     write_page(training.run(), training.data());
///
/// The device, its threads and the folder are this process's alone.
class TrainingRun {
 public:
  /// A new run, of which nothing is written yet. Throws what Trainer throws, and ConfigError for a
  /// device that is not there.
  explicit TrainingRun(Prepared prepared);

  /// Goes on with the run in `folder`. Throws Error if that is none, if another process is in it,
  /// or if its data are others now.
  explicit TrainingRun(const std::filesystem::path& folder);

  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  /// Makes the folder of a new run and writes what it is told there. Throws Error if it is not
  /// empty.
  void begin_in(const std::filesystem::path& folder);

  /// Trains to the end, or until an observer stops it. `command` is noted as what began the run.
  /// Throws NumericalError, which says where the last good state is.
  TrainingSummary train(std::vector<TrainingObserver*> observers = {},
                        const std::string& command = "");

  /// Measures what was held out, or if nothing was the points trained on.
  void measure_splits(const SplitProgress& progress = {});

  bool finished() const { return trainer_->finished(); }  ///< Whether nothing is left to train.

  const std::string& chosen() const { return chosen_; }  ///< See Prepared.
  const Splits& data() const { return data_; }           ///< On the model's device.
  const TrainedRun& run() const { return run_; }

 private:
  void make_trainer();

  RunLock lock_;
  Splits data_;
  std::string chosen_;
  TrainedRun run_;
  std::optional<Trainer> trainer_;
};

/// Trains what `file` says in a new folder, which every command opens, and measures it. What `file`
/// leaves open fits the data (see prepare).
TrainedRun train(const ExperimentFile& file, const std::filesystem::path& folder,
                 const std::vector<TrainingObserver*>& observers = {});

/// The same in memory, without a folder. `prepared` stays as it is.
TrainedModel train(const Prepared& prepared, const std::vector<TrainingObserver*>& observers = {});

}  // namespace clade
