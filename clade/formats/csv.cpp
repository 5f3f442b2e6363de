#include "clade/formats/csv.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

using Row = std::vector<std::string>;

/// Rows of cells, unquoted and trimmed; lines that hold nothing are skipped.
class RowReader {
 public:
  RowReader(std::string_view text, char separator, const std::string& where)
      : text_(text), separator_(separator), where_(where) {}

  /// The next row, or nothing at the end.
  std::optional<Row> next() {
    while (at_ < text_.size() && at_line_end()) end_line();
    if (at_ >= text_.size()) return std::nullopt;
    line_ = next_line_;
    Row row;
    for (;;) {
      row.push_back(cell());
      if (at_ < text_.size() && text_[at_] == separator_) {
        ++at_;
      } else {
        end_line();
        return row;
      }
    }
  }

  /// Where the last row began, counted from 1 as editors do.
  size_t line() const { return line_; }

 private:
  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }

  void end_line() {
    if (at_ >= text_.size()) return;
    at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
    ++next_line_;
  }

  std::string cell() {
    size_t start = at_;
    while (start < text_.size() && text_[start] == ' ') ++start;
    if (start < text_.size() && text_[start] == '"') {
      at_ = start + 1;
      return quoted_cell();
    }
    const size_t end =
        std::min(text_.find_first_of(std::string{separator_, '\n', '\r'}, at_), text_.size());
    const std::string text = trimmed(text_.substr(at_, end - at_));
    at_ = end;
    return text;
  }

  std::string quoted_cell() {
    std::string text;
    for (;;) {
      if (at_ >= text_.size()) {
        throw DataError(where_ + ": line " + std::to_string(line_) +
                        ": a quote is never closed; close it, or double it inside a cell");
      }
      const char c = text_[at_++];
      if (c != '"') {
        text += c;
        if (c == '\n') ++next_line_;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        text += text_[at_++];
      } else {
        break;
      }
    }
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    if (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
      throw DataError(where_ + ": line " + std::to_string(line_) +
                      ": text follows a closing quote; double quotes inside a cell");
    }
    return text;
  }

  std::string_view text_;
  char separator_;
  const std::string& where_;
  size_t at_ = 0;
  size_t line_ = 0;
  size_t next_line_ = 1;
};

char find_separator(std::string_view text) {
  const std::string_view first = text.substr(0, text.find_first_of("\r\n"));
  char best = ',';
  long most = 0;
  for (const char candidate : {',', ';', '\t'}) {
    bool quoted = false;
    const auto count = std::count_if(first.begin(), first.end(), [&](char c) {
      if (c == '"') quoted = !quoted;
      return c == candidate && !quoted;
    });
    if (count > most) {
      best = candidate;
      most = count;
    }
  }
  return best;
}

/// Whether `numbers` are 0, 1, 2, … or 1, 2, 3, …, as tools name columns that have no names.
bool counts_up(const std::vector<double>& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[0] != 0 && numbers[0] != 1) return false;
    if (numbers[i] != numbers[0] + static_cast<double>(i)) return false;
  }
  return true;
}

bool is_header(const Row& first, const std::optional<Row>& second, const std::string& label) {
  if (!label.empty() && !parse_number(label) &&
      std::find(first.begin(), first.end(), label) != first.end()) {
    return true;
  }
  std::vector<double> numbers;
  bool number_below_word = false;
  for (size_t i = 0; i < first.size(); ++i) {
    if (const auto number = parse_number(first[i])) {
      numbers.push_back(*number);
    } else if (second && i < second->size() && parse_number((*second)[i])) {
      number_below_word = true;
    }
  }
  return numbers.empty() || (number_below_word && counts_up(numbers));
}

std::string column_text(const Row& header, size_t column) {
  if (column < header.size() && !header[column].empty()) return "column '" + header[column] + "'";
  return "column " + std::to_string(column + 1);
}

size_t find_label_column(const Row& header, size_t width, const std::string& label,
                         const std::string& where) {
  const auto named = std::count(header.begin(), header.end(), label);
  if (named > 1) {
    throw DataError(where + " has " + std::to_string(named) + " columns '" + label +
                    "'; give the column's number, counted from 1");
  }
  if (named == 1) {
    return static_cast<size_t>(std::find(header.begin(), header.end(), label) - header.begin());
  }
  const auto number = parse_number(label);
  if (number && *number == std::floor(*number) && *number >= 1 &&
      *number <= static_cast<double>(width)) {
    return static_cast<size_t>(*number) - 1;
  }
  throw DataError(where + " has no label column '" + label + "', nor is there such a file; " +
                  (number || header.empty()
                       ? "it has " + std::to_string(width) + " columns and numbers count from 1" +
                             (header.empty() ? ", names need a header line" : "")
                       : suggest(label, header)));
}

/// As it is written, but not beyond what models compute in.
std::optional<double> finite_number_in(std::string_view cell) {
  const auto number = parse_number(cell);
  if (!number || !std::isfinite(static_cast<float>(*number))) return std::nullopt;
  return number;
}

[[noreturn]] void refuse_cell(const std::string& cell, const std::string& at,
                              const std::string& label_hint) {
  if (cell.empty()) throw DataError(at + " is empty; fill it in or drop the row");
  if (parse_number(cell)) {
    throw DataError(at + " is " + cell +
                    ", not a finite float32; fill it in, rescale it or drop the row");
  }
  throw DataError(at + " is '" + cell + "', not a number; " + label_hint);
}

/// The columns called `wanted`, in that order; or all but that of the labels.
std::vector<size_t> columns_of_numbers(const Row& header, size_t width, size_t label,
                                       const std::vector<std::string>& wanted,
                                       const std::string& where) {
  std::vector<size_t> columns;
  if (wanted.empty() || header.empty()) {
    for (size_t i = 0; i < width; ++i) {
      if (i != label) columns.push_back(i);
    }
    return columns;
  }
  for (const std::string& name : wanted) {
    if (std::count(header.begin(), header.end(), name) != 1) {
      throw DataError(where + " has no column '" + name +
                      "', which the model was trained on, or several; name its columns as those of "
                      "the training data");
    }
    columns.push_back(
        static_cast<size_t>(std::find(header.begin(), header.end(), name) - header.begin()));
  }
  return columns;
}

/// Row numbers written beside the data say nothing about the points.
void drop_row_numbers(Table& table) {
  const bool named = std::any_of(table.columns.begin(), table.columns.end(),
                                 [](const std::string& name) { return !name.empty(); });
  if (!named || !table.columns.front().empty()) return;
  const auto counted = torch::arange(table.values.size(0), torch::kFloat64);
  if (!table.values.select(1, 0).equal(counted)) return;
  table.columns.erase(table.columns.begin());
  table.values = table.values.slice(1, 1).contiguous();
  table.note = "left out the first column, which has no name and counts the rows";
}

}  // namespace

Table parse_csv(std::string_view bytes, const std::string& label_column, const std::string& where,
                Header header_choice, const std::vector<std::string>& wanted) {
  if (bytes.substr(0, 3) == "\xef\xbb\xbf") bytes.remove_prefix(3);
  if (bytes.find('\0') != std::string_view::npos) {
    throw DataError(where + " is not plain text (UTF-16 or binary); save it as CSV in UTF-8");
  }
  const auto start = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  RowReader rows(bytes, find_separator(bytes.substr(start)), where);
  auto row = rows.next();
  if (!row) throw DataError(where + " has zero rows; give it points");
  size_t line = rows.line();
  const size_t width = row->size();

  auto after = rows.next();
  Row header;
  if (header_choice == Header::kGuess && is_header(*row, after, label_column)) {
    header = *row;
    row = std::move(after);
    line = rows.line();
    if (!row) throw DataError(where + " has zero rows below its header; give it points");
    after = rows.next();
  }
  const size_t label =
      label_column.empty() ? width : find_label_column(header, width, label_column, where);

  Table table;
  const auto columns = columns_of_numbers(header, width, label, wanted, where);
  for (const size_t i : columns) table.columns.push_back(i < header.size() ? header[i] : "");
  std::vector<double> values;
  int64_t count = 0;
  const auto at = [&] { return where + ": line " + std::to_string(line); };
  while (row) {
    if (row->size() != width) {
      throw DataError(at() + " has " + std::to_string(row->size()) +
                      " columns where the first has " + std::to_string(width) +
                      "; complete the row or quote cells with separators");
    }
    for (const size_t i : columns) {
      const std::string& cell = (*row)[i];
      const auto value = finite_number_in(cell);
      if (!value) {
        refuse_cell(cell, at() + ", " + column_text(header, i),
                    label_column.empty() ? "if this column is the label, set --labels or "
                                           "data.labels to its name or number (" +
                                               std::to_string(i + 1) + "), else drop it"
                                         : "drop the column or give it numbers");
      }
      values.push_back(*value);
    }
    if (label < width) table.labels.push_back((*row)[label]);
    ++count;
    row = std::move(after);
    line = rows.line();
    after = row ? rows.next() : std::nullopt;
  }
  table.values = torch::tensor(values, torch::kFloat64)
                     .view({count, static_cast<int64_t>(table.columns.size())});
  if (wanted.empty()) drop_row_numbers(table);
  return table;
}

}  // namespace clade
