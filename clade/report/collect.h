#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

#include "clade/data/dataset.h"
#include "clade/report/report.h"
#include "clade/training/start.h"
#include "clade/training/trained_model.h"

namespace clade {

/// What a run has to show: samples and surest points of each cluster, reconstructions, latents in
/// two dimensions, curves from `log` (RUN/log.jsonl), figures from `metrics` (RUN/metrics.json).
/// `data`: points never trained on, on the model's device. title, said and details are the
/// caller's.
Report collect_report(const TrainedModel& trained, const Dataset& data,
                      const std::filesystem::path& log, const nlohmann::json& metrics,
                      uint64_t seed);

/// What people are shown of a model, not chosen, and as many real points as go with it.
struct Shown {
  torch::Tensor samples;    // [n, D] means of p(x | latents); or of one feature, thousands of draws
  torch::Tensor originals;  // [m, D]
};
Shown samples_and_originals(Model& model, const Dataset& data, Generator& generator);

/// What a model makes of the labels it learned from, `learned`, and of those held back from it;
/// nothing if it learned from none. Both on the model's device, `held_back` may be of no points.
std::vector<HeldBack> held_back_shown(const TrainedModel& trained, const Dataset& learned,
                                      const Dataset& held_back, uint64_t seed);

/// What training started from, seen in two dimensions, by cluster and label: one for each start
/// with codes. `train`: the training points, in their order; `clusterings`: how many the model has.
std::vector<Scatter> start_scatters(const std::vector<Start>& starts, const Dataset& train,
                                    size_t clusterings, uint64_t seed);

}  // namespace clade
