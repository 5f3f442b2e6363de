#pragma once
#include <torch/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace clade {

/// A run beside others.
struct ComparedRun {
  std::string name;            ///< What tells it from the others: model, data, number of clusters.
  std::vector<int64_t> shape;  ///< Of one point.
  torch::Tensor samples;       // [n, D] drawn from the model, not chosen
  nlohmann::json metrics;      ///< RUN/metrics.json.
};

/// Writes `folder`/index.html, the runs' figures on their test points side by side and a sheet of
/// samples of each (CP-VAE, figures 14 to 16), with the sheets as NAME.png and the figures as
/// comparison.csv beside it. Throws Error where the folder cannot be written or two runs have one
/// name.
void write_comparison(const std::vector<ComparedRun>& runs, const std::filesystem::path& folder);

}  // namespace clade
