#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clade/data/row_index.h"
#include "clade/formats/csv.h"

namespace clade {

/// A file of labels, one a row.
struct LabelFile {
  std::vector<std::string> labels;  ///< "" if one is unknown.
  RowIndex index = {};              ///< Of its rows, if they have one.
};

/// The labels that are looked for.
struct WantedLabels {
  int64_t n;                            ///< How many there are, without those of names alone.
  RowIndex rows = {};                   ///< What the points are called.
  std::vector<std::string> known = {};  ///< A trained model's labels.
};

/// Reads labels of `text`, a table of a column of them, and at most one before it that numbers or
/// names the rows: those of `wanted.rows` (see names_rows()), or by an empty header.
///
/// Blanks separate the two columns if no two lines are the same, but labels are. Columns of zeros
/// and in each row at most a single one are one-hot labels, called as the columns are.
///
/// The first line of words alone may be a header or a label, an empty line an unknown label or
/// none: the number of labels wanted decides. What occurs below as a label is no header, but
/// beside an empty one; a word above numbers is one unless it is a known label, and what columns of
/// labels are called is always. Labels of another number are of a file that has no better reading.
/// Throws DataError for other columns. What may have been meant otherwise is added to `note`.
LabelFile parse_labels(const std::string& text, const std::string& where,
                       const WantedLabels& wanted, std::string& note);

/// Whether `bytes` are a table of labels that are words. Words of a table of its own, or names of
/// points beside their codes, are none: labels come several times. Throws DataError for words that
/// are neither.
bool are_word_labels(std::string_view bytes, const std::string& where, const RowIndex& rows);

}  // namespace clade
