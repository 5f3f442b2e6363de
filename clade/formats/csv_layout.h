#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/csv.h"
#include "clade/formats/csv_rows.h"

namespace clade {

/// Where the points of a table stand in its text.
struct CsvLayout {
  CsvRow header;  ///< Names of the columns; empty if they have none.
  size_t width;   ///< Cells of a row that may hold something.
  CsvRows rows;   ///< About to read the first row of points.
  std::vector<std::string> said;
};

/// Whether `row` has `width` cells, and no more but empty ones behind them.
bool fits(const CsvRow& row, size_t width);

/// Whether all cells are empty.
bool is_empty(const CsvRow& row);

/// Whether no cell is a number.
bool is_text(const CsvRow& row);

/// Throws DataError for a table without rows, which `rows` has looked for to its end. `below`: what
/// it has nevertheless.
[[noreturn]] void refuse_no_rows(const CsvRows& rows, const std::string& below,
                                 const std::string& where);

/// Finds separator, header and width by the first rows. Throws DataError if there are none, or if
/// the lines above the table may be a header or not.
CsvLayout find_layout(std::string_view text, const CsvReading& reading, const std::string& where);

}  // namespace clade
