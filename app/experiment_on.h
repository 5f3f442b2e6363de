#pragma once
#include <string>

#include "clade/formats/experiment_file.h"

/// Whether `what` is an experiment file, by its name.
bool is_experiment(const std::string& what);

/// What to train on as a user names it: an experiment file; or a named set, a data file or a
/// folder, of which the experiment then says nothing else. Throws DataError where there is no such
/// data.
clade::ExperimentFile experiment_on(const std::string& what);
