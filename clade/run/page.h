#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/core/progress.h"
#include "clade/run/trained_run.h"

namespace clade {

/// RUN/report/index.html.
std::filesystem::path page_of(const std::filesystem::path& run);

/// Writes it, with its pictures and tables; `data`: those that the run was trained on. Returns what
/// is to be said of parts that could not be drawn. `progress` is called on the way and may throw.
std::vector<std::string> write_page(const TrainedRun& run, const Splits& data,
                                    const Progress& progress = {});

/// Writes OUT/index.html, several runs side by side, and comparison.csv. Returns what is to be said
/// of runs that are not at their end, or whose data differ or are gone.
std::vector<std::string> write_comparison_page(const std::vector<std::string>& folders,
                                               const std::filesystem::path& out);

}  // namespace clade
