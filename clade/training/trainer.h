#pragma once
#include <map>
#include <string>
#include <vector>

#include "clade/training/observer.h"
#include "clade/training/step.h"

namespace clade {

struct TrainingSummary {
  int64_t epochs = 0;      ///< Whole epochs done in all.
  int64_t steps = 0;       ///< In all.
  int64_t best_epoch = 0;  ///< The one whose weights were kept.
  double best_bound = 0;   ///< Its validation bound; without validation, its training bound.
  BoundKind best_kind = BoundKind::elbo;
  double seconds = 0;          ///< Training time in all, over resumes.
  bool interrupted = false;    ///< An observer stopped it.
  bool stopped_early = false;  ///< It stalled before the last epoch.
  std::string not_captured;  ///< Why there was no CUDA graph although one was asked for, or empty.
};

/// Trains a model on its bound (see objective.h) and keeps the weights of the best validation
/// bound, which is of the kind it goes up: ELBO, or importance-weighted. Needs no disk: what is
/// shown or written is an observer's work (see RunFolder).
class Trainer {
 public:
  /// Keeps references to `trained` and `data`, which are on the same device. Throws ConfigError for
  /// options that cannot be, or not with this model, DataError for a step beyond free memory.
  Trainer(TrainedModel& trained, const Splits& data, const TrainOptions& options, uint64_t seed);

  /// Goes on from `state`, as if it had never stopped. If more epochs are asked for after a
  /// cooldown, the learning rate rises again. Throws Error, naming `source`, if the state is of
  /// another model or of other data, or had labels to learn from and these have none.
  void resume(const TrainingState& state, const std::string& source);

  /// Of a training resumed among its restarts, the best of those compared. Nothing if it has gone
  /// on from one since.
  void keep_best_restart(TrainingState state);

  /// Whether there is nothing left to train.
  bool finished() const;

  /// Trains to the end; afterwards `trained` holds the best weights and the aggregated posterior.
  /// Or until an observer stops it: another run() goes on from there. Throws NumericalError naming
  /// term and step if one becomes NaN or infinite; of restarts only if no other is left.
  TrainingSummary run(const std::vector<TrainingObserver*>& observers = {});

 private:
  bool run_epoch();
  bool find_clusters();
  const std::string& latent_of(const Start& start) const;
  std::vector<Start> numbered_starts();
  void take_starts(std::vector<Start> starts);
  void check_state(const TrainingState& state, const std::string& source) const;
  void check_same_points(const Start& start, const std::string& source) const;
  Responsibilities guidance();
  void guide();
  void start_clusters();
  uint64_t seed() const;
  int64_t compared_restart() const;
  bool all_are_compared() const;
  void end_restart(double bound);
  bool may_lose_restart() const;
  void lose_restart(const std::string& why);
  void begin_restart(int64_t restart);
  void choose_restart();
  void begin_epoch();
  void step();
  void check_finite();
  bool after_step(double rate);  // in points a second
  EpochLog end_epoch();
  BoundKind kind_of_training_bound() const;
  MeanBound validation_bound();
  void keep_if_best(const EpochLog& log);
  void finish();
  void set_aggregated_posteriors();
  Weights weights() const;
  void keep_model();
  void keep_state();
  void restore_generator(const torch::Tensor& state, const std::string& source);
  TrainingState state();
  TrainingSummary summary(bool interrupted) const;
  int64_t epochs_in_all() const { return options_.epochs_in_all(standing_.stalled_at); }

  TrainedModel& trained_;
  Model& model_;
  const Splits& data_;
  TrainOptions options_;     // once its start is found, as once_found() has them
  std::string start_asked_;  // train.start
  uint64_t seed_;
  double log_volume_;  // subtracted from bounds that are reported, not in best_bound_, checkpoints
  Generator generator_;
  TrainingStep step_;
  std::vector<TrainingObserver*> observers_;

  Standing standing_;
  bool compares_restarts_;                     // until the best of them goes on
  std::vector<double> restart_bounds_;         // of those compared
  std::optional<TrainingState> best_restart_;  // of those, with tensors of its own
  std::vector<Start> starts_;                  // once they are found
  Responsibilities responsibilities_;          // [N, K] theirs, on the data's device
  torch::Tensor order_;                        // [N] this epoch's order of the training points
  double best_bound_ = 0;
  std::map<std::string, torch::Tensor> best_weights_;  // on the CPU, of …
  int64_t saved_epoch_ = 0;
  double saved_bound_ = 0;
  BoundKind saved_kind_ = BoundKind::elbo;
  bool validation_drawn_ = true;  // see TrainingState
  std::optional<EpochLog> last_;
  double epoch_seconds_ = 0;  // of the present epoch
  double seconds_ = 0;        // of all whole epochs
};

}  // namespace clade
