#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "clade/run/training_run.h"

/// A table of the headline figures, a column a split. Throws Error naming `file`, which they are
/// from, for what is none.
void print_metrics(const nlohmann::json& metrics, const std::filesystem::path& file);

/// Shows how many points of a split are measured. On Ctrl-C it throws Interrupted, saying so and
/// `advice`.
clade::SplitProgress measuring(const std::string& advice);
