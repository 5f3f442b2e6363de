#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "app/bench_rows.h"
#include "app/bench_runs.h"

/// Writes results.json, results.md and --into; rows of experiments not in this call stay.
void write_results(const std::vector<BenchRow>& rows, const std::vector<BenchRun>& runs,
                   const BenchArguments& arguments);

/// "bound -86.69, 80 epochs, 12 min", or "failed: " and why.
std::string result_of(const BenchRun& run);

/// Shows the models on each data side by side, each by its first seed that finished.
void compare_models(const std::vector<BenchRun>& runs, const BenchArguments& arguments);

/// Shows what a sweep gives for each experiment, and model on data.
void show_sweeps(const std::vector<BenchRun>& runs, const BenchArguments& arguments);

/// If rows differ in how many labels they learn from: draws what that does to their likelihood.
void draw_label_curves(const std::filesystem::path& out);
