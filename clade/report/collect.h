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

/// What of it stands beside that of other runs (see write_comparison): samples and real points,
/// curves, latents and the plane; of clusterings no more than their names, classes and shares.
Report collect_compared(const TrainedModel& trained, const Dataset& data,
                        const std::filesystem::path& log, uint64_t seed);

/// The same without data: samples and curves. For points that are images.
Report collect_compared(const TrainedModel& trained, const std::filesystem::path& log,
                        uint64_t seed);

/// What a model makes of the labels it learned from, `learned`, and of those held back from it;
/// nothing if it learned from none. Both on the model's device, `held_back` may be of no points.
std::vector<HeldBack> held_back_shown(const TrainedModel& trained, const Dataset& learned,
                                      const Dataset& held_back, uint64_t seed);

/// What training started from, seen in two dimensions, by cluster and label: one for each start
/// with codes. `train`: the training points, in their order; `clusterings`: how many the model has.
std::vector<Scatter> start_scatters(const std::vector<Start>& starts, const Dataset& train,
                                    size_t clusterings, uint64_t seed);

}  // namespace clade
