#pragma once
#include <optional>
#include <string>
#include <vector>

namespace clade {

enum class CellKind {
  kNumber,           ///< 12, -1.5e3
  kComma,            ///< 0,5: a number with a decimal comma
  kThousandOrComma,  ///< 1,234: either one thousand and more, or one and a bit
  kGrouped,          ///< 1,234.5 or 1.234.567: a number with marks between its thousands
  kMissing,          ///< nothing, NA, ?, inf: no finite number
  kTruth,            ///< true, false, yes, no
  kWord
};

/// What a cell looks like, whatever stands around it.
CellKind kind_of_cell(const std::string& cell);

/// Whether a cell is neither a number nor missing.
bool is_word(const std::string& cell);

/// Whether a cell holds nothing, NA, null or the like, though its column be one of words: there
/// none, ?, - and the like are words of their own.
bool is_no_word(const std::string& cell);

/// Of a cell of the kind kNumber, or, if commas are decimal marks, kComma or kThousandOrComma.
std::optional<double> number_in_cell(const std::string& cell, bool decimal_comma);

/// "true" or "yes" of a cell of the kind kTruth.
bool is_true(const std::string& cell);

/// Whether a cell of the kind kTruth is "yes" or "no".
bool is_yes_or_no(const std::string& cell);

/// Whether no two cells are the same.
bool are_apart(const std::vector<std::string>& cells);

}  // namespace clade
