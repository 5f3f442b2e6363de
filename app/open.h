#pragma once
#include <string>
#include <vector>

#include "clade/run/trained_run.h"

/// A run whose model is to be used, with a note if its training has not ended.
clade::TrainedRun open_to_use(const std::string& folder, const std::string& device = "");

/// Points in a file or named set, as the model reads them. What their reader left out or found is
/// said on standard output, unless `out`, where the command writes, is that. Throws ConfigError if
/// `out` is one of the files that are read.
clade::Dataset points_to_use(const clade::TrainedRun& run, const std::string& data,
                             const std::string& labels, const std::string& out = "");

/// Throws NumericalError if the model makes NaN of points whose values are far from all that it was
/// trained on. values: [N, n] of `data`; `what` is what they are.
void require_numbers(const torch::Tensor& values, const clade::Dataset& data,
                     const std::string& what);

/// Throws ConfigError if `out`, where a command writes, is what the run was trained on, a file of
/// the run itself, or one of `inputs`.
void require_own_file(const clade::TrainedRun& run, const std::string& out,
                      const std::vector<std::string>& inputs = {});
