#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/report/report.h"

namespace clade {

/// The page's charts as PNG files in `folder`, drawn by gnuplot: curves.png, q_y.png,
/// q_y_given_label.png, confusion.png, histograms.png (points of one feature) and latent_NAME.png,
/// those the report has material for; see write_report on several clusterings. Where gnuplot is not
/// installed or cannot draw one, it is left out and a line saying so is returned. Each is written
/// whole or not at all.
std::vector<std::string> write_plots(const Report& report, const std::filesystem::path& folder);

}  // namespace clade
