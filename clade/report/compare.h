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
  torch::Tensor originals;     // [n, D] real points; or undefined: images do without
  nlohmann::json metrics;      ///< RUN/metrics.json.
  nlohmann::json provenance = nlohmann::json::object();  ///< As TrainedModel has it.
};

/// What is to be said if not all of the runs are of the same split of the same data, or "".
std::string said_of_data(const std::vector<ComparedRun>& runs);

/// Writes `folder`/index.html, the runs' figures on their test points side by side and samples of
/// each: a sheet of images (CP-VAE, figures 14 to 16), or a chart, a histogram for points of one
/// feature (figure 3). The sheets are also NAME.png and the figures comparison.csv beside it.
/// Throws Error where the folder cannot be written or two runs have one name.
void write_comparison(const std::vector<ComparedRun>& runs, const std::filesystem::path& folder);

}  // namespace clade
