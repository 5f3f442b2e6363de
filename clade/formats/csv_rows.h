#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

/// The cells of one line of a table, unquoted and trimmed.
using CsvRow = std::vector<std::string>;

/// Lines that begin with #, % or //, but for those whose first cell is such a mark alone or says
/// that a number is missing (#N/A); and the last of them without its mark.
struct CsvComments {
  size_t count = 0;
  size_t last_line = 0;
  std::string_view last;
};

/// Reads the rows of a text one after the other. Lines that hold nothing, and comments, are
/// skipped. A copy goes on from where it was copied.
class CsvRows {
 public:
  /// ' ' separates cells by runs of blanks. `text` and `where`, for messages, must outlive this.
  CsvRows(std::string_view text, char separator, const std::string& where)
      : text_(text), separator_(separator), where_(&where) {}

  /// Puts the next row into `row`; false at the end. Throws DataError for quotes that do not close
  /// a cell.
  bool next(CsvRow& row);

  /// Where the last row began, counted from 1 as editors do.
  size_t line() const { return line_; }
  const CsvComments& comments() const { return comments_; }
  /// Of the last comment, without its mark; none if there is none, or a quote in it stays open.
  CsvRow cells_of_comment() const;
  char separator() const { return separator_; }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  bool at_line_end() const { return at_end() || text_[at_] == '\n' || text_[at_] == '\r'; }
  bool at_separator() const;
  void end_line();
  void skip_blanks();
  bool skip_comment();
  void read_cell(std::string& cell);
  void read_quoted_cell(std::string& cell);
  [[noreturn]] void refuse(const std::string& what) const;

  std::string_view text_;
  char separator_;
  const std::string* where_;
  size_t at_ = 0;
  size_t line_ = 0;
  size_t next_line_ = 1;
  CsvComments comments_;
};

}  // namespace clade
