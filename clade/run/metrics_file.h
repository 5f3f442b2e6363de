#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace clade {

/// RUN/metrics.json.
std::filesystem::path metrics_path(const std::filesystem::path& run);

/// RUN/metrics.json, the figures of each split, or an empty object if there is none yet.
nlohmann::json read_metrics(const std::filesystem::path& run);

/// Replaces what `run` says about one split.
void write_metrics(const std::filesystem::path& run, const std::string& split,
                   const nlohmann::json& metrics);

/// "3 of 10 clusters are empty: …", measured by the test points, or others if there are none; of
/// each discrete latent in turn. Empty if each cluster holds some.
std::string said_of_empty_clusters(const nlohmann::json& metrics);

}  // namespace clade
