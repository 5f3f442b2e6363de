#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "clade/models/mean_bound.h"
#include "clade/training/checkpoint.h"
#include "clade/training/start.h"
#include "clade/training/trained_model.h"

namespace clade {

/// What one epoch did. `validation` has an importance-weighted bound if that is trained on. Bounds
/// are of the data in their own units: see TrainedModel::log_volume().
struct EpochLog {
  int64_t epoch = 0;               ///< From 1.
  std::string stage;               ///< The name of the Stage it belongs to.
  std::optional<int64_t> restart;  ///< Which of several restarts it belongs to, from 0.
  int64_t steps = 0;               ///< Since the start of training.
  /// Over the epoch's own presentations, while the weights moved; relaxed if clusters are.
  MeanBound train;
  std::optional<MeanBound> validation;
  /// What the epoch is judged by.
  const MeanBound& judge() const { return validation ? *validation : train; }
  std::optional<MeanBound> labelled;  ///< Over the labelled points of its steps, losses included.
  double learning_rate = 0;
  double beta = 0;
  double seconds = 0;  ///< Of this epoch, validation included.
  double samples_per_second = 0;
  std::map<std::string, double> figures;  ///< What observers measured, by what people call it.
};

/// Where training stands, for a progress line.
struct TrainingProgress {
  int64_t epoch, epochs;  ///< From 1.
  Stage stage;            ///< The one `epoch` belongs to.
  double fraction;        ///< Of the epoch.
  double samples_per_second;
  double seconds_left;   ///< If epochs take as long as the last, and none is saved.
  const EpochLog* last;  ///< The last whole epoch, or null.
  int64_t restart = 0;   ///< Which of `restarts` it is, from 1, while they are compared; else 0.
  int64_t restarts = 1;
};

/// Watches training from outside: what is shown, logged or written to disk happens here. Each call
/// comes between two steps, and training waits for it.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;

  /// After every step. False stops training here; it can be taken up later.
  virtual bool after_step(const TrainingProgress&) { return true; }

  /// After every epoch: adds to its figures. All observers have, before after_epoch() is called.
  virtual void measure(EpochLog&) {}

  virtual void after_epoch(const EpochLog&) {}

  /// While clusters are looked for: which step of it, and how far it is. False stops training here.
  virtual bool during_start(const std::string& /*what*/, int64_t /*done*/, int64_t /*total*/) {
    return true;
  }

  /// The clusters that training starts from, as soon as they are found. `restart`: see
  /// TrainingProgress.
  virtual void keep_starts(const std::vector<Start>&, int64_t /*restart*/) {}

  /// The state of the best restart so far, to go on from when all have been compared.
  virtual void keep_restart(const TrainingState&) {}

  /// A restart, from 1, has diverged and is out; the others are compared without it.
  virtual void lose_restart(int64_t /*restart*/, const std::string& /*why*/) {}

  /// All restarts have been compared: which of them, from 1, goes on, with its bound, of the data
  /// in their own units, and the clusters it started from, if there are any.
  virtual void choose_restart(int64_t /*restart*/, double /*bound*/, const std::vector<Start>&) {}

  /// `trained` now holds the best weights so far; at the end once more, with q(y) of the training
  /// data.
  virtual void keep_model(const TrainedModel&) {}

  /// A state to go on from, every `checkpoint_every` epochs, at the end and where training stops.
  virtual void keep_state(const TrainingState&) {}
};

}  // namespace clade
