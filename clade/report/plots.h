#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/report/report.h"

namespace clade {

/// One figure over the values of a setting.
struct Swept {
  std::string name;             ///< "effective clusters"
  std::vector<double> values;   ///< Of the setting, one a point.
  std::vector<double> figures;  ///< As many: of runs, or their means.
};

/// The page's charts but those of the start and of a table's features as PNG files in `folder`,
/// drawn by gnuplot: curves.png, q_y.png, q_y_given_label.png, confusion.png, histograms.png
/// (points of one feature), density.png, plane_real_points.png and plane_drawn_points.png (of two)
/// and latent_NAME.png, those the report has material for; see write_report on several clusterings.
/// Where gnuplot is not installed or cannot draw one, it is left out and a line saying so is
/// returned. Each is written whole or not at all.
std::vector<std::string> write_plots(const Report& report, const std::filesystem::path& folder);

/// FOLDER/sweep.png, what runs gave at each value of the setting `key`, its figures as they are
/// called. Returns notes likewise.
std::vector<std::string> write_sweep_plot(const std::string& key, const std::vector<Swept>& figures,
                                          const std::filesystem::path& folder);

/// Log-likelihoods of a model over how many labels it learned from.
struct LabelCurve {
  std::string name;  ///< "cagem on mnist, IW 10"
  std::vector<double> labels;
  std::vector<double> value;      ///< One for each of them, in nats.
  std::vector<double> deviation;  ///< Likewise; NaN of a single run.
};

/// The curves in one chart, the PNG `file`; notes as write_plots has them.
std::vector<std::string> write_label_curves(const std::vector<LabelCurve>& curves,
                                            const std::filesystem::path& file);

/// A quantity over the epochs of one of several runs.
struct RunLine {
  std::string run;
  size_t place;  ///< Of the run among them, by which it has its colour.
  std::vector<double> epochs;
  std::vector<double> values;  ///< One an epoch; NaN leaves a gap.
};

/// The same quantity of several runs.
struct ComparedCurve {
  std::string name;  ///< "KL(y)"
  std::string axis;  ///< What its values are: "nats per data point".
  std::vector<RunLine> lines;
};

/// A panel a quantity, a line a run, in the PNG `file`; notes as write_plots has them.
std::vector<std::string> write_compared_curves(const std::vector<ComparedCurve>& curves,
                                               const std::filesystem::path& file);

/// A scatter plot of one of several runs.
struct RunScatter {
  std::string title;       ///< "z1, cagem-mnist-1"
  const Scatter* scatter;  ///< Not null, and outlives this.
  const Report* report;    ///< Whose it is; likewise.
};

/// The scatter plots side by side, by label if it is known and else by cluster, in the PNG `file`;
/// notes likewise.
std::vector<std::string> write_run_scatters(const std::vector<RunScatter>& scatters,
                                            const std::filesystem::path& file);

/// A panel a density in the PNG `file`; notes likewise.
std::vector<std::string> write_densities(const PlaneDensities& plane,
                                         const std::filesystem::path& file);

}  // namespace clade
