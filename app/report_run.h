#pragma once
#include "app/trained_run.h"

/// Writes RUN/report from the model, its metrics and its log, and says where it is.
void write_run_report(const TrainedRun& run, const clade::Splits& data);
