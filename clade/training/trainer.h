#pragma once
#include <filesystem>
#include <functional>

#include "clade/core/options.h"
#include "clade/models/mean_bound.h"
#include "clade/ops/precision.h"
#include "clade/training/adam.h"
#include "clade/training/step_graph.h"
#include "clade/training/trained_model.h"

namespace clade {

/// How a model is trained. Defaults: those CP-VAE and its rivals share (Lavda et al. 2020).
struct TrainOptions : Options {
  int64_t epochs = 2000;
  int64_t batch = 100;
  std::string optimiser = "adam";
  double learning_rate = 5e-4;
  double learning_rate_decay = 1.0;
  int64_t decay_every = 50;
  int64_t cooldown = 0;
  int64_t warmup = 100;
  int64_t look_ahead = 50;
  int64_t validation_points = 0;
  double clip_norm = 0;
  int64_t checkpoint_every = 1;
  bool cuda_graph = true;
  std::string precision = "fp32";  ///< Of matrix products in training steps; see precisions().

  std::vector<Option> options() override;
  void validate() const override;

  /// The weight β of the divergences in `epoch` (from 0): linear, 1 from the end of the warm-up on.
  double beta(int64_t epoch) const;
  /// The learning rate in `epoch` (from 0) of `epochs_in_all`.
  double learning_rate_at(int64_t epoch, int64_t epochs_in_all) const;

  /// Whether after `done` epochs, the best of them `best_epoch` (from 1), it is time to stop early;
  /// not within the cooldown that ends training anyway.
  bool has_stalled(int64_t done, int64_t best_epoch) const;

  /// After how many epochs training had stalled, by the state in RUN/checkpoint.json; nothing if it
  /// had not. A cooldown once begun is finished whatever look_ahead says now.
  std::optional<int64_t> stalled_at(const nlohmann::json& checkpoint) const;

  /// `epochs`, or as many as until training stalled and the cooldown after.
  int64_t epochs_in_all(std::optional<int64_t> stalled_at) const;
};

/// What one epoch did; a line of RUN/log.jsonl.
struct EpochLog {
  int64_t epoch = 0;  ///< From 1.
  int64_t steps = 0;  ///< Since the start of training.
  MeanBound train;    ///< Over the epoch's own presentations, while the weights moved.
  std::optional<MeanBound> validation;
  double learning_rate = 0;
  double beta = 0;
  double seconds = 0;  ///< Of this epoch, validation and checkpoint included.
  double samples_per_second = 0;

  nlohmann::json json() const;
};

struct TrainingSummary {
  int64_t epochs = 0;      ///< Epochs done in all.
  int64_t best_epoch = 0;  ///< The one whose weights were kept.
  double best_bound = 0;   ///< Its validation bound (training bound where there is no validation).
  double seconds = 0;      ///< Training time in all, over resumes.
  bool stopped_early = false;
  std::string not_captured;  ///< Why there was no CUDA graph although one was asked for, or empty.
};

/// Where training stands, for a progress line.
struct TrainingProgress {
  int64_t epoch, epochs;  ///< From 1.
  double fraction;        ///< Of the epoch.
  double samples_per_second;
  double seconds_left;   ///< To the last epoch; early stopping may come sooner.
  const EpochLog* last;  ///< The last whole epoch, or null.
};

/// Trains on the bound weighed by β, keeps the weights of the best validation bound in
/// RUN/model.safetensors and the whole state in RUN/checkpoint.safetensors, from which `resume`
/// goes on bit for bit as if it had never stopped (same machine, same thread count). Where more
/// `epochs` are asked for after a cooldown, the learning rate rises again.
class Trainer {
 public:
  /// The model and `data` are on the same device. `run` exists.
  Trainer(TrainedModel& trained, const Splits& data, const TrainOptions& options, uint64_t seed,
          std::filesystem::path run);

  /// Takes up the state in RUN/checkpoint.safetensors; throws Error when it is another model's.
  void resume();

  /// Whether there is nothing left to train.
  bool finished() const;

  /// Trains to the end. `stop` is asked after every step: true saves and throws Interrupted.
  /// Throws NumericalError naming term and step when one becomes NaN or infinite; the last good
  /// checkpoint stays. Afterwards `trained` holds the best weights and the aggregated posterior.
  TrainingSummary run(const std::function<bool()>& stop = {},
                      const std::function<void(const TrainingProgress&)>& progress = {});

 private:
  void begin_epoch();
  void step();
  void step_on(const torch::Tensor& rows);  // [B] rows of the training data
  void check_finite() const;
  EpochLog end_epoch();
  int64_t epochs_in_all() const { return options_.epochs_in_all(stalled_at_); }
  MeanBound epoch_means() const;
  void keep_if_best(const EpochLog& log);
  void save_best();
  void save_checkpoint() const;
  void finish();

  TrainedModel& trained_;
  Model& model_;
  const Splits& data_;
  TrainOptions options_;
  uint64_t seed_;
  std::filesystem::path run_;
  FlatParameters parameters_;
  Adam adam_;
  Generator generator_;
  Precision precision_;

  // What a captured step reads anew each time.
  torch::Tensor rows_;         // [batch] int64
  torch::Tensor step_number_;  // [] int64, from 1
  StepGraph graph_;

  int64_t epoch_ = 0;        // whole epochs done
  int64_t position_ = 0;     // points of this epoch already seen
  torch::Tensor order_;      // [N] this epoch's order of the training points
  torch::Tensor totals_;     // [terms + 1] sums over points of each term, then of the gradient norm
  torch::Tensor first_bad_;  // [terms + 1] first step at which it was not finite, or kNever
  std::vector<std::string> term_names_;
  std::vector<bool> term_divergence_;
  double best_ = 0;
  int64_t best_epoch_ = 0;  // from 1; 0: none yet
  std::optional<int64_t> stalled_at_;
  double seconds_ = 0;        // of this epoch, before the last resume
  double total_seconds_ = 0;  // of all whole epochs
};

}  // namespace clade
