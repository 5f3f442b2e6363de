#pragma once
#include <optional>

#include "clade/core/options.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/evaluation/metrics.h"
#include "clade/models/model.h"
#include "clade/training/trained_model.h"

namespace clade {

/// Samples of a second F_S, between the bound and one of many: next to nothing beside those.
inline constexpr int64_t kFewSamples = 10;

/// What is measured when training ends.
struct EvaluateOptions : Options {
  int64_t importance_samples = 1;
  int64_t importance_points = 0;  ///< Whose gain over the bound is that of all; 0: all points.
  bool sum_clusters = false;
  int64_t epoch_points = 1000;     ///< Whose clusters are measured after every epoch of training.
  std::string precision = "fp32";  ///< Of matrix products in F_S; see precisions().

  std::vector<Option> options() override;
};

/// Measures one split: the bound and its terms, F_S, agreement with the labels that are known, use
/// of clusters and units, the KL of the latents taken apart. Points are assigned as `clade cluster`
/// with the same `seed` does.
/// `classes`: of how many the model learned from labels what they are, 0 for none (see
/// TrainedModel); labels below have their numbers.
/// If F_S is of more than kFewSamples, F_S of so many stands beside it. Of `importance_points`
/// drawn points alone, F_S is the bound of all points and what those gain over theirs. Its error is
/// that of the mean gain, much smaller than that of the mean log p(x).
/// `data` is not empty and on the model's device. Throws NumericalError naming a figure that is not
/// finite.
Metrics evaluate(Model& model, const Dataset& data, const EvaluateOptions& options, uint64_t seed,
                 const Progress& progress = {}, std::optional<double> log_volume = {},
                 int64_t classes = 0);

/// The same of what was trained: its bounds are of the data in their own units, and its classes are
/// judged if it learned some from labels.
Metrics evaluate(const TrainedModel& trained, const Dataset& data, const EvaluateOptions& options,
                 uint64_t seed, const Progress& progress = {});

}  // namespace clade
