#pragma once
#include "app/trained_run.h"

/// Writes RUN/report from the model, its metrics and its log, and says where it is.
void write_run_report(const TrainedRun& run, const clade::Splits& data);

/// Writes a page of several runs side by side into the folder `out`.
void compare_runs(const std::vector<std::string>& folders, const std::string& out);
