#pragma once
#include <torch/types.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/models/bound.h"
#include "clade/models/mean_bound.h"
#include "clade/training/schedule.h"
#include "clade/training/start.h"

namespace clade {

/// All that training needs to go on bit for bit as if it had never stopped (same machine, same
/// thread count). Tensors are views of what training goes on to change: clone what you keep.
struct TrainingState {
  std::string model;          ///< Its name in the registry.
  nlohmann::json options;     ///< Its settings.
  nlohmann::json provenance;  ///< As TrainedModel has it; null in a state of before it was kept.
  Standing standing;
  std::string stage;      ///< The name of the Stage that the next step belongs to.
  int64_t steps = 0;      ///< Since the start of training.
  double best_bound = 0;  ///< Of standing.best_epoch.
  /// Of the restarts that have been compared, in their order; -infinity of one that diverged.
  std::vector<double> restart_bounds;
  /// Whether the validation_points are drawn: runs of earlier versions took the first ones, and go
  /// on with those.
  bool validation_drawn = true;
  double epoch_seconds = 0;  ///< Of the present epoch.
  double seconds = 0;        ///< Of all whole epochs.

  std::vector<Start> starts;  ///< The clusters training starts from, once they are found.

  std::map<std::string, torch::Tensor> weights;  ///< As state_of() names them.
  /// The best that were saved, on the CPU, and what they are stamped with. After a crash they may
  /// be of an epoch beyond this state, which a training that goes on comes to once more.
  std::map<std::string, torch::Tensor> best_weights;
  int64_t saved_epoch = 0;
  double saved_bound = 0;
  BoundKind saved_kind = BoundKind::elbo;

  torch::Tensor first_moment, second_moment;  // [P] of Adam
  torch::Tensor generator;                    ///< What the next draw follows from.

  bool learns_labels = false;  ///< Whether labelled points have a part in the steps.

  // Within an epoch.
  torch::Tensor order;                      // [N] int64, in which the training points are presented
  torch::Tensor totals;                     // [terms + 1] (see StepWatch)
  std::vector<Term> terms, labelled_terms;  ///< Without their values.
};

/// Writes FOLDER/checkpoint.safetensors, each or not at all, and its numbers once more as
/// FOLDER/checkpoint.json, for people and other programs. The best weights are not among it: they
/// are a model of their own (see save_model); nor is the start, a file of its own (write_starts()).
void write_checkpoint(const std::filesystem::path& folder, const TrainingState& state);

/// Writes FOLDER/checkpoint.json anew: a training that was killed has left it an epoch behind.
void write_checkpoint_copy(const std::filesystem::path& folder, const TrainingState& state);

/// Reads FOLDER/checkpoint.safetensors, also as Clade 0.1.0 wrote it, without the best weights, and
/// the start if the state knows of one. Throws Error naming the file if there is none, it is
/// damaged, or its parts contradict each other.
TrainingState read_checkpoint(const std::filesystem::path& folder);

/// The numbers of the state: those in FOLDER/checkpoint.safetensors, for the copy may be older if
/// training was killed between the two, or the copy's where there is no such file any more. Empty
/// where there is neither. Throws Error naming the file if it is damaged.
nlohmann::json read_checkpoint_numbers(const std::filesystem::path& folder);

/// Whether `options` leave a training nothing to do that stands where `numbers` say.
bool is_complete(const nlohmann::json& numbers, const TrainOptions& options);

}  // namespace clade
