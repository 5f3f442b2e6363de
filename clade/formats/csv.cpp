#include "clade/formats/csv.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/csv_layout.h"
#include "clade/formats/encoding.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

/// Cells that show how numbers are written.
struct NumberStyle {
  CsvCell dot, comma, thousand_or_comma, grouped;
  CsvCell padded;  ///< Digits that begin with 0: of a column, or behind a decimal comma.
};

/// What the cells of a column are, before it is decided what it holds.
struct CellCounts {
  int64_t numbers = 0, missing = 0, truths = 0, yes_or_no = 0, words = 0;
  CsvCell first_missing, first_odd;
  NumberStyle style;
  // Of numbers, those that may be thousands by a point, 4.194; those without one, below 1000; and
  // the others.
  int64_t point_in_thousands = 0, below_a_thousand = 0, no_thousands = 0;

  /// Whether every number may be a whole one with points between thousands, and some must have been
  /// written without a fraction.
  bool may_have_points_in_thousands() const {
    return point_in_thousands > 1 && below_a_thousand > 0 && no_thousands == 0;
  }

  bool is_of_truths() const {
    return truths > 0 && numbers + words == 0 && (yes_or_no == 0 || yes_or_no == truths);
  }
  bool is_of_words() const { return truths + words > 0 && !is_of_truths(); }
};

/// How columns are to be read: looked at, and how numbers are written with them or but for them.
enum class Use { kLook, kAside, kAsWritten, kLeaveOut };

/// The first pass over a table: all that must be known before a number is read.
struct Survey {
  std::vector<CellCounts> columns;
  std::vector<int64_t> rows;
  std::vector<size_t> lines;
  int64_t rows_of_file = 0;
  size_t comments = 0;
};

void see_first(const CsvCell& cell, CsvCell& first) {
  if (first.line == 0) first = cell;
}

/// How many digits stand before the point and behind it, of a number of nothing else but a sign.
std::pair<size_t, size_t> digits_of(std::string_view number) {
  if (!number.empty() && number[0] == '-') number.remove_prefix(1);
  const size_t point = std::min(number.find('.'), number.size());
  if (number.find_first_not_of("0123456789.") != std::string_view::npos) return {0, 0};
  return {point, point == number.size() ? 0 : number.size() - point - 1};
}

void see_points(const std::string& cell, CellCounts& counts) {
  const auto [before, behind] = digits_of(cell);
  const bool short_number = before >= 1 && before <= 3;
  if (short_number && behind == 3 && cell[cell[0] == '-' ? 1 : 0] != '0') {
    ++counts.point_in_thousands;
  } else if (short_number && behind == 0 && cell.back() != '.') {
    ++counts.below_a_thousand;
  } else {
    ++counts.no_thousands;
  }
}

void see_cell(const std::string& cell, size_t line, CellCounts& counts) {
  const CellKind kind = kind_of_cell(cell);
  switch (kind) {
    case CellKind::kNumber:
      ++counts.numbers;
      if (cell.find('.') != std::string::npos) see_first({cell, line}, counts.style.dot);
      if (cell.size() > 1 && cell.find_first_not_of("0123456789") == std::string::npos &&
          cell[0] == '0') {
        see_first({cell, line}, counts.style.padded);
      }
      see_points(cell, counts);
      break;
    case CellKind::kComma:
      ++counts.numbers;
      see_first({cell, line}, counts.style.comma);
      break;
    case CellKind::kThousandOrComma:
      ++counts.numbers;
      see_first({cell, line}, counts.style.thousand_or_comma);
      break;
    case CellKind::kGrouped:
      ++counts.numbers;
      see_first({cell, line}, counts.style.grouped);
      break;
    case CellKind::kMissing:
      ++counts.missing;
      see_first({cell, line}, counts.first_missing);
      break;
    case CellKind::kTruth:
      ++counts.truths;
      if (is_yes_or_no(cell)) ++counts.yes_or_no;
      see_first({cell, line}, counts.first_odd);
      break;
    case CellKind::kWord:
      if (counts.words++ == 0) counts.first_odd = {cell, line};
  }
}

/// Rows that have too many cells, or too few.
struct RaggedRows {
  int64_t count = 0;
  size_t first_line = 0;
  CsvRow first;

  void add(const CsvRow& row, size_t line) {
    if (count++ > 0) return;
    first_line = line;
    first = row;
  }
};

/// `last_line`: of the rows that have `width` cells.
[[noreturn]] void refuse_ragged(const RaggedRows& rows, size_t width, size_t last_line,
                                const std::string& where) {
  const std::string line = "line " + std::to_string(rows.first_line);
  std::string message = where + ": " + line + " has " + std::to_string(rows.first.size()) +
                        " columns where the others have " + std::to_string(width);
  if (rows.count > 1) message += " (" + std::to_string(rows.count) + " such lines)";
  if (rows.first_line > last_line && rows.first.size() < width && is_text(rows.first)) {
    throw DataError(message + ": '" + rows.first[0] + "' is no row of the table; remove " + line +
                    (rows.count > 1 ? " and what is below it" : ""));
  }
  throw DataError(message + "; complete the row or quote cells with separators");
}

/// Throws DataError if the last comment may be a row whose first cell begins with # or the like: if
/// it has as many cells as `row`, words in the same places, and the mark at one of them.
void refuse_row_for_comment(const CsvRows& rows, const CsvRow& row, const std::string& where) {
  const std::string_view comment = rows.comments().last;
  const CsvRow cells = rows.cells_of_comment();
  if (cells.size() < 2 || cells.size() != row.size() || !is_word(row[0])) return;
  if (comment[0] == ' ' || comment[0] == '\t') return;
  if (!std::equal(cells.begin() + 1, cells.end(), row.begin() + 1,
                  [](const auto& a, const auto& b) { return is_word(a) == is_word(b); })) {
    return;
  }
  throw DataError(where + ": line " + std::to_string(rows.comments().last_line) +
                  " is a comment by its mark and a row by its cells ('" + cells[0] +
                  "' and so on); put the first cells of such rows in quotes, or remove them");
}

Survey survey_of(const CsvLayout& layout, const std::vector<Use>& uses, const std::string& where) {
  Survey survey;
  survey.columns.resize(layout.width);
  CsvRows rows = layout.rows;
  CsvRow row;
  RaggedRows ragged;
  size_t last_line = 0, comments = rows.comments().count;
  for (int64_t index = 0;; ++index) {
    const bool more = rows.next(row);
    // What stands above the first line of cells may be anything.
    const bool fresh = rows.comments().count > std::exchange(comments, rows.comments().count);
    if (fresh && (index > 0 || layout.rows.line() > 0)) refuse_row_for_comment(rows, row, where);
    if (!more) break;
    if (layout.width > 1 && is_empty(row)) continue;
    survey.rows.push_back(index);
    survey.lines.push_back(rows.line());
    if (!fits(row, layout.width)) {
      ragged.add(row, rows.line());
      continue;
    }
    last_line = rows.line();
    for (size_t i = 0; i < layout.width; ++i) {
      if (uses[i] <= Use::kAside) see_cell(row[i], rows.line(), survey.columns[i]);
    }
  }
  for (size_t i = 0; i < layout.width; ++i) {
    if (uses[i] == Use::kAside) survey.columns[i].style = {};
  }
  if (ragged.count > 0) refuse_ragged(ragged, layout.width, last_line, where);
  if (survey.rows.empty()) {
    refuse_no_rows(rows, layout.header.empty() ? "" : " below its header", where);
  }
  survey.rows_of_file = survey.rows.back() + 1;
  survey.comments = rows.comments().count;
  return survey;
}

/// The first cell of columns of numbers that is written in some way, as a message has it; or "".
std::string find_written(CsvCell NumberStyle::*way, const Survey& survey, const Table& table) {
  for (size_t i = 0; i < survey.columns.size(); ++i) {
    const CsvCell& cell = survey.columns[i].style.*way;
    if (cell.line == 0 || survey.columns[i].is_of_words()) continue;
    return "line " + std::to_string(cell.line) + ", " + column_text(table, i) + " is '" +
           cell.text + "'";
  }
  return "";
}

/// Where semicolons separate, commas are decimal marks, and points stand between thousands.
void refuse_points_in_thousands(const Survey& survey, const Table& table,
                                const std::string& where) {
  for (size_t i = 0; i < survey.columns.size(); ++i) {
    const CellCounts& counts = survey.columns[i];
    const CsvCell& cell = counts.style.dot;
    const bool seen = cell.line > 0 && !counts.is_of_words();
    if (!seen || !counts.may_have_points_in_thousands()) continue;
    throw DataError(where + ": line " + std::to_string(cell.line) + ", " + column_text(table, i) +
                    " is '" + cell.text +
                    "', a thousand or a fraction; write it without a point, or separate the "
                    "cells by commas if it is a fraction");
  }
}

/// Of two columns without names, 1,05 is one of whole numbers, or a number with a decimal comma.
void refuse_commas_in_numbers(const Survey& survey, const Table& table, const std::string& where) {
  if (table.has_header || survey.columns.size() != 2) return;
  const bool whole =
      std::all_of(survey.columns.begin(), survey.columns.end(), [](const CellCounts& counts) {
        const NumberStyle& style = counts.style;
        return !counts.is_of_words() && style.dot.line + style.comma.line == 0;
      });
  const CsvCell& behind = survey.columns[1].style.padded;
  if (!whole || behind.line == 0) return;
  throw DataError(where + ": line " + std::to_string(behind.line) + ", '…," + behind.text +
                  "', is two whole numbers or one with a decimal comma; write a point, or name the "
                  "two columns in a header");
}

/// Whether a comma is the decimal mark. Throws DataError if a number can be read in two ways.
bool has_decimal_commas(const Survey& survey, const Table& table, char separator,
                        const std::string& where) {
  if (separator == ',') refuse_commas_in_numbers(survey, table, where);
  if (separator == ';') refuse_points_in_thousands(survey, table, where);
  const std::string grouped = find_written(&NumberStyle::grouped, survey, table);
  const std::string comma = find_written(&NumberStyle::comma, survey, table);
  const std::string dot = find_written(&NumberStyle::dot, survey, table);
  const std::string either = find_written(&NumberStyle::thousand_or_comma, survey, table);
  if (!grouped.empty()) {
    throw DataError(where + ": " + grouped + "; write numbers without marks between thousands");
  }
  if (!comma.empty() && !dot.empty()) {
    throw DataError(where + ": " + comma + ", but " + dot +
                    "; write all numbers with one decimal mark and none between thousands");
  }
  if (!either.empty() && comma.empty()) {
    throw DataError(where + ": " + either +
                    ", a thousand or a fraction; write it without a comma, or with a point");
  }
  return !comma.empty();
}

void read_cells(const CsvLayout& layout, const std::vector<Use>& uses, const Survey& survey,
                bool decimal_comma, Table& table) {
  CsvRows rows = layout.rows;
  CsvRow row;
  while (rows.next(row)) {
    if (layout.width > 1 && is_empty(row)) continue;
    for (size_t i = 0; i < layout.width; ++i) {
      Column& column = table.columns[i];
      if (uses[i] == Use::kLeaveOut) continue;
      if (uses[i] == Use::kAsWritten || survey.columns[i].is_of_words()) {
        column.words.push_back(row[i]);
      } else if (survey.columns[i].is_of_truths() && kind_of_cell(row[i]) == CellKind::kTruth) {
        column.numbers.push_back(is_true(row[i]) ? 1 : 0);
      } else {
        column.numbers.push_back(number_in_cell(row[i], decimal_comma).value_or(std::nan("")));
      }
    }
  }
}

std::vector<Use> uses_of(const std::vector<std::string>& names, bool has_header,
                         const CsvReading& reading) {
  std::vector<Use> uses(names.size(), Use::kLook);
  const std::unordered_set<std::string> expected(reading.expected.begin(), reading.expected.end());
  for (size_t i = 0; i < names.size() && has_header && !expected.empty(); ++i) {
    if (expected.count(names[i]) == 0) uses[i] = Use::kAside;
  }
  for (const std::string& name : reading.leave_out) {
    const auto column = find_column(names, name);
    const bool needed = column && expected.count(names[*column]) > 0;  // by the number of another
    if (column && !needed) uses[*column] = Use::kLeaveOut;
  }
  for (const std::string& name : reading.as_written) {
    if (const auto column = find_column(names, name)) uses[*column] = Use::kAsWritten;
  }
  return uses;
}

std::string shape_sentence(const Table& table, char separator) {
  const std::string shape =
      count_text(table.rows.size(), "row") + " of " + count_text(table.columns.size(), "column");
  if (table.columns.size() == 1) return shape;
  switch (separator) {
    case ',':
      return shape + " separated by commas";
    case ';':
      return shape + " separated by semicolons";
    case '\t':
      return shape + " separated by tabs";
    case ' ':
      return shape + " separated by spaces";
    default:
      return shape + " separated by '" + separator + "'";
  }
}

void say(const CsvLayout& layout, const Survey& survey, bool decimal_comma,
         const std::string& encoding, Table& table) {
  table.said = {shape_sentence(table, layout.rows.separator())};
  if (decimal_comma) table.said.push_back("decimal commas");
  if (!encoding.empty()) table.said.push_back(encoding);
  table.said.insert(table.said.end(), layout.said.begin(), layout.said.end());
  if (survey.comments > 0) {
    table.said.push_back("left out " + count_text(survey.comments, "comment line"));
  }
  const auto empty = survey.rows_of_file - static_cast<int64_t>(survey.rows.size());
  if (empty > 0) {
    table.said.push_back("left out " + count_text(empty, "empty row"));
  }
  for (size_t i = 0; i < survey.columns.size(); ++i) {
    const CellCounts& counts = survey.columns[i];
    if (!counts.is_of_truths()) continue;
    table.said.push_back(column_text(table, i) +
                         (counts.yes_or_no > 0 ? ": yes is 1, no 0" : ": true is 1, false 0"));
  }
}

}  // namespace

Table parse_csv(std::string_view bytes, const std::string& where, const CsvReading& reading) {
  const Utf8Text utf8 = as_utf8(bytes, where);
  const CsvLayout layout = find_layout(utf8.text, reading, where);
  auto names = told_apart(layout.header);
  names.resize(layout.width);
  const auto uses = uses_of(names, !layout.header.empty(), reading);
  const Survey survey = survey_of(layout, uses, where);

  Table table;
  table.has_header = !layout.header.empty();
  table.columns.resize(layout.width);
  for (size_t i = 0; i < layout.width; ++i) {
    Column& column = table.columns[i];
    const CellCounts& counts = survey.columns[i];
    column.name = names[i];
    if (table.has_header) column.written = layout.header[i];
    column.missing = counts.missing;
    column.first_missing = counts.first_missing;
    column.odd = counts.truths + counts.words;
    column.first_odd = counts.first_odd;
  }
  const bool decimal_comma = has_decimal_commas(survey, table, layout.rows.separator(), where);
  read_cells(layout, uses, survey, decimal_comma, table);
  table.rows = survey.rows;
  table.lines = survey.lines;
  table.rows_of_file = survey.rows_of_file;
  say(layout, survey, decimal_comma, utf8.note, table);
  return table;
}

std::optional<size_t> find_column(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  const auto number = parse_number(name);
  if (number && *number == std::floor(*number) && *number >= 1 &&
      *number <= static_cast<double>(names.size())) {
    return static_cast<size_t>(*number) - 1;
  }
  return std::nullopt;
}

bool has_column(std::string_view bytes, const std::string& where, const std::string& name) {
  const Utf8Text utf8 = as_utf8(bytes, where);
  CsvReading reading;
  reading.as_written = {name};
  const CsvLayout layout = find_layout(utf8.text, reading, where);
  auto names = told_apart(layout.header);
  names.resize(layout.width);
  return find_column(names, name).has_value();
}

size_t find_column(const Table& table, const std::string& name, const std::string& where,
                   const std::string& use) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  const auto named = std::count_if(table.columns.begin(), table.columns.end(),
                                   [&](const Column& column) { return column.written == name; });
  if (named > 1) {
    throw DataError(where + " has " + std::to_string(named) + " columns '" + name +
                    "'; give the column's number, counted from 1");
  }
  if (const auto column = find_column(names, name)) return *column;
  const bool by_number = parse_number(name) || !table.has_header;
  throw DataError(where + " has no column '" + name + "'" + use + "; " +
                  (by_number ? "it has " + count_text(names.size(), "column") +
                                   " and numbers count from 1" +
                                   (table.has_header ? "" : ", names need a header line")
                             : suggest(name, names)));
}

std::string column_text(const Table& table, size_t column) {
  const std::string& name = table.columns[column].name;
  return "column " + (name.empty() ? std::to_string(column + 1) : "'" + name + "'");
}

}  // namespace clade
