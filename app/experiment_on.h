#pragma once
#include <string>

#include "clade/formats/experiment_file.h"

/// What to train on as a user names it: an experiment file or a row of one; or a named set, a data
/// file or a folder, of which the experiment then says nothing else. Throws DataError where there
/// is no such data.
clade::ExperimentFile experiment_on(const std::string& what);
