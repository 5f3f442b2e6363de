#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clade/run/bench_rows.h"
#include "clade/run/bench_runs.h"

namespace clade {

/// Writes results.json, results.md and --into; rows of experiments not in this call stay.
void write_results(const std::vector<BenchRow>& rows, const std::vector<BenchRun>& runs,
                   const BenchArguments& arguments);

/// "bound -86.69, 80 epochs, 12 min", or "failed: " and why.
std::string result_of(const BenchRun& run);

/// Pages of the models on each data side by side, each by its first seed that finished.
std::vector<Written> compare_models(const std::vector<BenchRun>& runs,
                                    const BenchArguments& arguments);

/// What a sweep gives for each experiment, and model on data.
std::vector<Written> write_sweeps(const std::vector<BenchRun>& runs,
                                  const BenchArguments& arguments);

/// If rows differ in how many labels they learn from: a chart of what that does to their
/// likelihood.
std::optional<Written> draw_label_curves(const std::filesystem::path& out);

}  // namespace clade
