#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

/// RUN/metrics.json, or an empty object where there is none yet.
nlohmann::json read_metrics(const std::filesystem::path& run);

/// Replaces what `run` says about one split.
void write_metrics(const std::filesystem::path& run, const std::string& split,
                   const nlohmann::json& metrics);

/// A table of the headline figures, a column a split.
void print_metrics(const nlohmann::json& metrics);
