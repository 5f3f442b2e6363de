#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clade/data/dataset.h"
#include "clade/data/points.h"

namespace clade {

struct Column;

/// Whether a column called so may be one of labels.
bool is_called_labels(const std::string& name);

/// Whether a column is called as those are that only tell rows apart ("", "id", "index"), and does;
/// an "id" of whole numbers also if one in twenty came before.
bool is_index(const Column& column);

/// Reads a table, `bytes` of the file points.name, into points.values, columns, names, index, rows,
/// table and note. Returns the cells of the column `labels` for the rows kept; if that is "", those
/// of reading.labels, if there is such a column; else nothing.
///
/// Of a table to train on every column is a feature but `labels`, those `reading` names, and such
/// as only number or name the rows; what is left out is said. A trained model's features are found
/// by their names in a table with a header, by their places in one without. Columns of words become
/// features as `reading.encoded` says; without that, and if reading.categories is "onehot", one
/// feature of 0 and 1 a word, called COLUMN=WORD, words by alphabet.
///
/// Throws DataError for cells that are no numbers, naming all their columns and what to do with
/// them, for last rows that are called by a word where all others are numbered, for a last row of
/// sums, for empty columns, and for missing ones if reading.missing is "refuse" (if it is "mean"
/// they are NaN); for features that are not there, naming all.
std::optional<std::vector<std::string>> read_table(std::string_view bytes,
                                                   const std::string& labels,
                                                   const TableReading& reading,
                                                   const KnownFeatures& known, Points& points);

}  // namespace clade
