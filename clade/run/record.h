#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "clade/experiment/experiment.h"

namespace clade {

/// RUN/run.json: date, machine, command and version that made the run, and "finished" once its
/// metrics are those of the weights training ended with. Empty for runs of versions before it.
nlohmann::json read_record(const std::filesystem::path& run);

/// Training begins, or goes on, in this process, by `command`, "" for none; a record that has one
/// keeps it.
void begin_record(const std::filesystem::path& run, const RunOptions& options,
                  const std::string& command);

/// What is to be said of a run that another number of threads began, or "".
std::string said_of_threads(const std::filesystem::path& run);

/// Training has ended, and what it ended with is measured.
void finish_record(const std::filesystem::path& run);

}  // namespace clade
