#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"

namespace clade {

enum class StageKind {
  start,  ///< Clusters are found outside the bound, and the networks learn them (see start.h).
  run,
  cooldown,  ///< The learning rate falls linearly towards zero.
};

/// A part of training with a name of its own: epochs begin … end − 1, counted from 0.
struct Stage {
  StageKind kind;
  int64_t begin;
  int64_t end;

  int64_t epochs() const { return end - begin; }
  std::string name() const;  ///< As logs and checkpoints write it: "start", "run", "cooldown".
};

/// Where a training stands.
struct Standing {
  int64_t epoch = 0;                  ///< Whole epochs done.
  int64_t position = 0;               ///< Points of the next one already seen.
  int64_t best_epoch = 0;             ///< From 1; 0: none yet.
  std::optional<int64_t> stalled_at;  ///< After how many epochs it was time to stop early.
  int64_t restart = 0;                ///< Which of train.restarts it is, from 0.
};

/// How a model is trained. Defaults: those CP-VAE and its rivals share (Lavda et al. 2020). What
/// follows from them epoch by epoch is worked out here and nowhere else.
struct TrainOptions : Options {
  int64_t epochs = 2000;
  int64_t batch = 100;
  std::string optimiser = "adam";
  double learning_rate = 5e-4;
  double learning_rate_decay = 1.0;
  int64_t decay_every = 50;
  int64_t cooldown = 0;
  int64_t warmup = 100;
  int64_t early_stopping_patience = 50;
  int64_t validation_points = 0;
  double clip_norm = 0;
  std::string start = "none";           ///< Where clusters come from; see starts().
  std::string start_file;               ///< Of "file".
  std::string start_features = "auto";  ///< What neighbours are near in; see layout_features().
  int64_t start_epochs = 2;             ///< Of the stage; none of them if start is "none".
  double start_beta = 0;                ///< What divergences weigh in it.
  int64_t restarts = 1;                 ///< Trainings begun, the best of which goes on.
  double hold = 0;                      ///< λ of −Σ_y r(y|x) log q(y|x), of the whole training.
  double soft_hold = 0;                 ///< λ of the cooldown, under q; 0: hold, to the end.
  std::string objective = "elbo";       ///< Or "iwae".
  int64_t samples = 1;                  ///< Draws of the latents a data point; k of "iwae".
  std::string gradient = "standard";    ///< Of "iwae"; or "doubly_reparameterised".
  double label_weight = 0.1;            ///< Of losses on labels; see alpha().
  std::string label_scale = "mean";     ///< Or "sum".
  int64_t labelled_batch = 0;           ///< Labelled points a step; 0: all, `batch` at most.
  int64_t checkpoint_every = 1;
  bool cuda_graph = true;
  std::string precision = "fp32";  ///< Of matrix products in training steps; see precisions().

  std::vector<Option> options() override;
  void validate_together() const override;

  /// Throws ConfigError for stages that do not fit each other or the epochs. Of settings on their
  /// way to fit some data (see fit_to_data) each may be valid before all are.
  void validate_stages() const;

  /// The weight β of the divergences in `epoch` (from 0): start_beta in the start stage, then
  /// linear, 1 from the end of the warm-up on.
  double beta(int64_t epoch) const;

  /// The weight λ of agreement with the clustering in `epoch` (from 0): in the start stage 1 at
  /// least, so that the networks learn it even if it is let go of afterwards.
  double hold_at(int64_t epoch, std::optional<int64_t> stalled_at = {}) const;

  /// Whether `epoch` is one of a cooldown that holds softly.
  bool holds_softly(int64_t epoch, std::optional<int64_t> stalled_at = {}) const;

  /// The weight α of the mean loss on a step's labels, if N_l of N training points have labels:
  /// label_weight · N / N_l ("mean"), or label_weight ("sum"). The second is label_weight · N / N_l
  /// on the sum of all N_l losses, divided by N as the bound is.
  double alpha(int64_t points, int64_t labelled) const;

  bool has_start() const { return start != "none"; }

  /// After how many epochs the start stage ends; 0 without one.
  int64_t start_ends() const { return has_start() ? start_epochs : 0; }

  /// After how many epochs restarts are compared: at the end of the warm-up, when all of them have
  /// been trained on the bound itself; 0 if there is one only.
  int64_t restarts_end() const;

  /// These settings once the clusters are found: if none is `used`, as if there were no start,
  /// unless epochs of its stage are over; what is left of it then goes on.
  TrainOptions once_found(bool used) const;

  /// After how many epochs the clustering is found: at once, or by an autoencoder when that has
  /// been trained for half the stage.
  int64_t clusters_found_at() const;

  /// The learning rate in `epoch` (from 0) of a training that stalled after `stalled_at` epochs, or
  /// has not.
  double learning_rate_at(int64_t epoch, std::optional<int64_t> stalled_at) const;

  /// The start if there is one, the run itself, then the cooldown if there is one: each begins
  /// where the one before it ends.
  std::vector<Stage> stages(std::optional<int64_t> stalled_at) const;

  /// The stage `epoch` (from 0) belongs to; of what lies beyond the last epoch, the last.
  Stage stage_of(int64_t epoch, std::optional<int64_t> stalled_at) const;

  /// `epochs`, or as many as until training stalled and the cooldown after.
  int64_t epochs_in_all(std::optional<int64_t> stalled_at) const;

  /// Whether after `done` epochs, the best of them `best_epoch` (from 1), it is time to stop early;
  /// not within the cooldown that ends training anyway.
  bool has_stalled(int64_t done, int64_t best_epoch) const;

  /// After how many epochs a training taken up at `standing` had stalled, judged by these options:
  /// they may have changed since. A cooldown once begun is finished whatever
  /// early_stopping_patience says now.
  std::optional<int64_t> stalled_at(const Standing& standing) const;

 private:
  std::vector<Option> of_steps();
  std::vector<Option> of_clusters();
  std::vector<Option> of_objective();
  std::vector<Option> of_machine();
};

/// The words train.start understands.
const std::vector<std::string>& starts();

}  // namespace clade
