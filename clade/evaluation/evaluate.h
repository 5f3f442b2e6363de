#pragma once
#include <nlohmann/json.hpp>
#include <optional>

#include "clade/core/options.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/models/model.h"

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
  void validate() const override;
};

/// Everything that is measured on one split, as it stands in RUN/metrics.json: the bound and its
/// terms, F_S, agreement with the labels that are known, if any are, use of clusters and units, the
/// KL of the latents taken apart. Figures of clusters are those of the main discrete latent; if
/// several have clusters, "latents" has those of each by name. Points are assigned as `clade
/// cluster` with the same `seed` does. "relaxed_elbo" is an extra for models trained on relaxed
/// clusters and bounds nothing; "looser_elbo" is Model::looser_bound, of models that have one;
/// "generation" is for one-dimensional data.
/// Every figure is finite: NumericalError names one that is not.
/// Bounds are nats per data point; of images "bits_per_dimension" is the bound in bits, negative, a
/// number of each pixel. With `log_volume` (see TrainedModel) they are of densities of
/// the data in their own units, as distances of one-dimensional data are; it stands in
/// "log_volume", and the bound and F_S of what the model reads in "standardised".
/// `classes`: of how many the model learned from labels what they are, 0 for none (see
/// TrainedModel); labels below have their numbers. "classification" has the share of the points
/// with such a label that each classifier gets wrong, by its name.
/// If F_S is of more than kFewSamples, F_S of so many stands beside it. Of `importance_points`
/// drawn points alone, F_S is the bound of all points and what those gain over theirs. Its error is
/// that of the mean gain, much smaller than that of the mean log p(x).
/// "features_at_least_deviation" counts those that the model would copy more narrowly if it might.
/// `data` is not empty and on the model's device.
nlohmann::json evaluate(Model& model, const Dataset& data, const EvaluateOptions& options,
                        uint64_t seed, const Progress& progress = {},
                        std::optional<double> log_volume = {}, int64_t classes = 0);

}  // namespace clade
