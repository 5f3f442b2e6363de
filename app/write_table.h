#pragma once
#include <string>

#include "clade/data/point_table.h"

/// Throws ConfigError for an `out` that is no name of a CSV file, nor "-".
void require_csv(const std::string& out);

/// Writes the table to the file `out`, and says so; or to standard output if that is "-".
void write_table(const clade::PointTable& table, const std::string& out);
