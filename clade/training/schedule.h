#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"

namespace clade {

enum class StageKind {
  run,
  cooldown,  ///< The learning rate falls linearly towards zero.
};

/// A part of training with a name of its own: epochs begin … end − 1, counted from 0.
struct Stage {
  StageKind kind;
  int64_t begin;
  int64_t end;

  int64_t epochs() const { return end - begin; }
  std::string name() const;  ///< As logs and checkpoints write it: "run", "cooldown".
};

/// Where a training stands.
struct Standing {
  int64_t epoch = 0;                  ///< Whole epochs done.
  int64_t position = 0;               ///< Points of the next one already seen.
  int64_t best_epoch = 0;             ///< From 1; 0: none yet.
  std::optional<int64_t> stalled_at;  ///< After how many epochs it was time to stop early.
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
  int64_t look_ahead = 50;
  int64_t validation_points = 0;
  double clip_norm = 0;
  std::string objective = "elbo";     ///< Or "iwae".
  int64_t samples = 1;                ///< Draws of the latents a data point; k of "iwae".
  std::string gradient = "standard";  ///< Of "iwae"; or "doubly_reparameterised".
  double label_weight = 0.1;          ///< Of losses on labels, in units of N / N_l.
  int64_t labelled_batch = 0;         ///< Labelled points a step; 0: all, `batch` at most.
  int64_t checkpoint_every = 1;
  bool cuda_graph = true;
  std::string precision = "fp32";  ///< Of matrix products in training steps; see precisions().

  std::vector<Option> options() override;
  void validate() const override;

  /// The weight β of the divergences in `epoch` (from 0): linear, 1 from the end of the warm-up on.
  double beta(int64_t epoch) const;

  /// The learning rate in `epoch` (from 0) of a training that stalled after `stalled_at` epochs, or
  /// has not.
  double learning_rate_at(int64_t epoch, std::optional<int64_t> stalled_at) const;

  /// The run itself, then the cooldown if there is one: each begins where the one before it ends.
  std::vector<Stage> stages(std::optional<int64_t> stalled_at) const;

  /// The stage `epoch` (from 0) belongs to; of what lies beyond the last epoch, the last.
  Stage stage_of(int64_t epoch, std::optional<int64_t> stalled_at) const;

  /// `epochs`, or as many as until training stalled and the cooldown after.
  int64_t epochs_in_all(std::optional<int64_t> stalled_at) const;

  /// Whether after `done` epochs, the best of them `best_epoch` (from 1), it is time to stop early;
  /// not within the cooldown that ends training anyway.
  bool has_stalled(int64_t done, int64_t best_epoch) const;

  /// After how many epochs a training taken up at `standing` had stalled, judged by these options:
  /// they may have changed since. A cooldown once begun is finished whatever look_ahead says now.
  std::optional<int64_t> stalled_at(const Standing& standing) const;
};

}  // namespace clade
