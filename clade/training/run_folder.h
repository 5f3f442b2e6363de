#pragma once
#include <filesystem>
#include <optional>

#include "clade/training/trainer.h"

namespace clade {

/// A training kept in a folder as it goes on:
///   model.safetensors, model.json            the best weights so far (see save_model)
///   checkpoint.safetensors, checkpoint.json  the last state (see write_checkpoint)
///   restart/                                 the best of several restarts, while they are compared
///   start.safetensors                        the clusters it started from (see write_starts)
///   log.jsonl                                one JSON object an epoch
class RunFolder : public TrainingObserver {
 public:
  /// `folder` exists.
  explicit RunFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Lets `trainer` go on from the state in the folder. The log then ends where that state does.
  /// `saved` is the folder's model, if it has been read already. Throws Error if there is no state,
  /// or it is of another model.
  void resume(Trainer& trainer, std::optional<TrainedModel> saved = {}) const;

  void after_epoch(const EpochLog& log) override;
  void keep_starts(const std::vector<Start>& starts, int64_t restart) override;
  void keep_restart(const TrainingState& state) override;
  void choose_restart(int64_t restart, double bound, const std::vector<Start>& starts) override;
  void keep_model(const TrainedModel& trained) override;
  void keep_state(const TrainingState& state) override;

 private:
  std::filesystem::path folder_;
};

}  // namespace clade
