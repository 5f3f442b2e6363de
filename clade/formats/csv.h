#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

/// A cell to show in a message.
struct CsvCell {
  std::string text;
  size_t line = 0;  ///< Counted from 1 as editors do.
};

/// A column of a table: of numbers if all its cells are numbers or none; otherwise of words.
struct Column {
  std::string name;     ///< No other column's; "" without a header.
  std::string written;  ///< What the header calls it, which may be "" or the name of others too.
  std::vector<double> numbers;  ///< [N], NaN where a cell holds none; empty of a column of words.
  std::vector<std::string> words;  ///< [N] as written; empty of a column of numbers.
  int64_t missing = 0;             ///< Cells that hold no finite number and no word: NA, ?, inf.
  CsvCell first_missing;
  int64_t odd = 0;  ///< Cells of a column of words that are words.
  CsvCell first_odd;

  bool of_words() const { return !words.empty(); }
};

struct Table {
  std::vector<Column> columns;  ///< C of them, of N cells each.
  bool has_header = false;
  std::vector<int64_t> rows;      ///< [N], which row of the file each is, from 0; empty rows count.
  std::vector<size_t> lines;      ///< [N], in which line each begins, from 1.
  int64_t rows_of_file = 0;       ///< Those up to the last that is not empty.
  std::vector<std::string> said;  ///< How the file was read, and what of it was left out.
};

enum class Header { kGuess, kNo };

struct CsvReading {
  std::vector<std::string> as_written;  ///< Columns of words whatever they hold: labels and names.
  std::vector<std::string> leave_out;   ///< Columns that are not looked at; they stay empty.
  std::vector<std::string> expected;    ///< Names a header may hold though they are numbers; these
                                        ///< are not left out, and numbers are written as they are
                                        ///< in these.
  Header header = Header::kGuess;
  std::string separators = "\t;,| ";  ///< Those that may separate cells.
};

/// Reads a table as spreadsheets, instruments and programs write it.
///
/// Text in UTF-8, UTF-16 or Windows-1252; cells after RFC 4180 but separated by commas, semicolons,
/// tabs, bars or runs of spaces, whichever gives the most numbers in equally long rows, or by what
/// a first line "sep=;" says; a decimal comma if some number cannot be read without. Comments (#,
/// %, //), lines above the table, empty rows and separators at the end of lines are left out.
/// True, false, yes and no are 1 and 0 in a column of nothing else.
///
/// The first row is a header if it holds one of these:
/// - words and no number, if some word does not stand in its column again;
/// - words above numbers in most columns;
/// - an expected name;
/// - numbers that count columns (0, 1, 2; 2001, 2002, 2003; 400.5, 401.0, 401.5), if the row could
///   not be a point;
/// - three or more numbers that rise, all far outside what stands below them;
/// - many whole numbers that rise, if no row below does;
/// - numbers with fewer decimals than all below them;
/// - nothing as the name of a first column that counts the rows.
/// A header one cell short is one of R's, whose first column has no name. Of columns of one name
/// the second is NAME.1, the third NAME.2; those of none are "unnamed", "unnamed.1".
///
/// Throws DataError, naming file and line, for rows of unlike length, open quotes, and numbers that
/// can be read in two ways.
Table parse_csv(std::string_view bytes, const std::string& where, const CsvReading& reading = {});

/// The column called `name`, or, if none is, the one of that number, counted from 1. Throws
/// DataError if several are written so, or there is none: "FILE has no column 'NAME'", and then
/// `use`.
size_t find_column(const Table& table, const std::string& name, const std::string& where,
                   const std::string& use);

/// The same, but nothing if there is none.
std::optional<size_t> find_column(const std::vector<std::string>& names, const std::string& name);

/// Whether find_column() finds one in the table, of which only the first rows are read.
bool has_column(std::string_view bytes, const std::string& where, const std::string& name);

/// "column 'age'", or by its number from 1 if it has no name.
std::string column_text(const Table& table, size_t column);

}  // namespace clade
