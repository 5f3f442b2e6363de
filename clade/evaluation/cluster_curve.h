#pragma once
#include "clade/training/observer.h"

namespace clade {

/// After every epoch, what the clusters of some points are like: how many there are in effect, how
/// many the model tells apart, and if labels are known how well they agree with them. No choice
/// depends on it: it is for people, whom no bound tells when clusters form or fall together (GMVAE,
/// figure 4).
class ClusterCurve : public TrainingObserver {
 public:
  /// Keeps references to both. `data`: the points, on the model's device, none for no curve;
  /// `points` of them, drawn once and the same for every seed.
  ClusterCurve(Model& model, const Dataset& data, int64_t points, uint64_t seed);

  void measure(EpochLog& log) override;

 private:
  Model& model_;
  torch::Tensor x_;       // [n, D]
  torch::Tensor labels_;  // [n] int64 on the CPU; undefined if none is known
  uint64_t seed_;
};

}  // namespace clade
