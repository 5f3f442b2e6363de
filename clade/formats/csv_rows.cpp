#include "clade/formats/csv_rows.h"

#include <algorithm>
#include <array>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/csv_cells.h"

namespace clade {
namespace {

// In UTF-8, as word processors and web pages write them.
constexpr std::array<std::string_view, 2> kBlanks = {"\xc2\xa0", "\xe2\x80\xaf"};
constexpr std::string_view kMinus = "\xe2\x88\x92";

/// Takes blanks that do not break lines off the ends of `cell`, and writes the minus sign of a
/// number in ASCII.
void take_off_typography(std::string& cell) {
  const auto is_ascii = [](unsigned char c) { return c < 0x80; };
  if (cell.empty() || (is_ascii(cell.front()) && is_ascii(cell.back()))) return;
  for (const std::string_view blank : kBlanks) {
    while (cell.starts_with(blank)) cell.erase(0, blank.size());
    while (cell.ends_with(blank)) cell.resize(cell.size() - blank.size());
  }
  if (!cell.starts_with(kMinus) || cell.size() == kMinus.size()) return;
  const char next = cell[kMinus.size()];
  if (next == '.' || (next >= '0' && next <= '9')) cell.replace(0, kMinus.size(), "-");
}

}  // namespace

void CsvRows::refuse(const std::string& what) const {
  throw DataError(*where_ + ": line " + std::to_string(line_) + ": " + what);
}

bool CsvRows::at_separator() const {
  if (at_end()) return false;
  const char c = text_[at_];
  return c == separator_ || (separator_ == ' ' && c == '\t');
}

void CsvRows::end_line() {
  if (at_end()) return;
  at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
  ++next_line_;
}

void CsvRows::skip_blanks() {
  while (!at_end() && (text_[at_] == ' ' || (text_[at_] == '\t' && separator_ != '\t'))) ++at_;
}

/// A mark that fills a cell is one, as in a header "#,name,weight", and so is #DIV/0!. Behind a tab
/// it stands in the second cell of a row whose first is empty.
bool CsvRows::skip_comment() {
  const size_t start = text_.find_first_not_of(' ', at_);
  if (start == std::string_view::npos) return false;
  size_t end = start;
  while (end < text_.size() && (text_[end] == '#' || text_[end] == '%')) ++end;
  if (text_.substr(start, 2) == "//") end = start + 2;
  if (end == start) return false;
  if (separator_ != ' ' && text_.substr(end, 1) == std::string_view(&separator_, 1)) return false;
  const std::string ends = separator_ == ' ' ? " \t\r\n" : std::string{separator_, '\r', '\n'};
  const std::string_view cell = text_.substr(start, text_.find_first_of(ends, end) - start);
  if (kind_of_cell(trimmed(cell)) == CellKind::kMissing) return false;
  at_ = std::min(text_.find_first_of("\r\n", end), text_.size());
  comments_ = {comments_.count + 1, next_line_, text_.substr(end, at_ - end)};
  return true;
}

CsvRow CsvRows::cells_of_comment() const {
  CsvRow cells;
  try {
    CsvRows(comments_.last, separator_, *where_).next(cells);
  } catch (const DataError&) {
    cells.clear();  // A remark with a quote is no row.
  }
  return cells;
}

bool CsvRows::next(CsvRow& row) {
  for (;;) {
    const bool comment = skip_comment();
    if (!comment && separator_ == ' ') skip_blanks();
    if (at_end()) return false;
    if (!comment && !at_line_end()) break;
    end_line();
  }
  line_ = next_line_;
  size_t cells = 0;
  for (;;) {
    if (cells == row.size()) row.emplace_back();
    read_cell(row[cells++]);
    const bool more = at_separator();
    if (more && separator_ == ' ') skip_blanks();
    if (more && separator_ != ' ') ++at_;
    if (!more || (separator_ == ' ' && at_line_end())) break;
  }
  end_line();
  row.resize(cells);
  return true;
}

void CsvRows::read_cell(std::string& cell) {
  size_t start = at_;
  while (start < text_.size() && text_[start] == ' ') ++start;
  if (start < text_.size() && text_[start] == '"') {
    at_ = start + 1;
    read_quoted_cell(cell);
    cell = trimmed(cell);
  } else {
    start = at_;
    while (!at_line_end() && !at_separator()) ++at_;
    cell = trimmed(text_.substr(start, at_ - start));
  }
  take_off_typography(cell);
}

void CsvRows::read_quoted_cell(std::string& cell) {
  cell.clear();
  for (;;) {
    if (at_end()) refuse("a quote is never closed; close it, or double it inside a cell");
    const char c = text_[at_++];
    if (c != '"') {
      cell += c;
      if (c == '\n') ++next_line_;
    } else if (!at_end() && text_[at_] == '"') {
      cell += text_[at_++];
    } else {
      break;
    }
  }
  if (separator_ != ' ') skip_blanks();
  if (!at_separator() && !at_line_end()) {
    refuse("text follows a closing quote; double quotes inside a cell");
  }
}

}  // namespace clade
