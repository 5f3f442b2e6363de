#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/report/plots.h"
#include "clade/report/report.h"

namespace clade {

/// A run beside others.
struct ComparedRun {
  std::string name;  ///< What tells it from the others: model, data, number of clusters.
  /// What is shown of it, as collect_compared() has it. The samples are not chosen; real points may
  /// be missing: images do without.
  Report report;
  nlohmann::json metrics;                                ///< RUN/metrics.json.
  nlohmann::json provenance = nlohmann::json::object();  ///< As TrainedModel has it.
};

/// What is to be said if not all of the runs are of the same split of the same data, or "".
std::string said_of_data(const std::vector<ComparedRun>& runs);

/// Writes `folder`/index.html, the runs' figures on their test points side by side and, as far as
/// they have them: curves with a line a run (GMVAE, figures 3 and 4), `by_labels` (CaGeM, figure
/// 4), latents (CaGeM, figure 5), drawn points and densities in the plane (GMVAE, figure 2), and
/// samples of each:
/// a sheet of images (CP-VAE, figures 14 to 16), or a chart, a histogram for points of one feature
/// (figure 3). The sheets are also NAME.png (NAME-2.png if there is one), the figures
/// comparison.csv, and the charts curves.png, labels.png, latent_LAYER.png, plane.png and
/// density.png, where gnuplot is installed. Returns notes on what was left out. Throws Error where
/// the folder cannot be written or two runs have one name.
std::vector<std::string> write_comparison(const std::vector<ComparedRun>& runs,
                                          const std::filesystem::path& folder,
                                          const std::vector<LabelCurve>& by_labels = {});

}  // namespace clade
