#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

/// RUN/metrics.json, or an empty object where there is none yet.
nlohmann::json read_metrics(const std::filesystem::path& run);

/// Replaces what `run` says about one split.
void write_metrics(const std::filesystem::path& run, const std::string& split,
                   const nlohmann::json& metrics);

/// RUN/metrics.json.
std::filesystem::path metrics_path(const std::filesystem::path& run);

/// "3 of 10 clusters are empty: …", measured by the test points, or others if there are none; of
/// each discrete latent in turn. Empty if each cluster holds some.
std::string said_of_empty_clusters(const nlohmann::json& metrics);

/// A table of the headline figures, a column a split. Throws Error naming `file`, which they are
/// from, for what is none.
void print_metrics(const nlohmann::json& metrics, const std::filesystem::path& file);
