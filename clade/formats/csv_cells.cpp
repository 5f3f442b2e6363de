#include "clade/formats/csv_cells.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "clade/core/words.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

// What programs write if there is no number: R, pandas, SQL, Excel.
constexpr std::array kMissingMarks = {"",      "na",    "n/a",    "#n/a",  "<na>",    "nan",
                                      "-nan",  "nat",   "null",   "\\n",   "#value!", "#div/0!",
                                      "#ref!", "#num!", "#name?", "#null!"};
// And what may be an answer where the others are words: "treatment: none".
constexpr std::array kMarksOrWords = {"none", "missing", "?", "-", "--", "."};

bool is_one_of(const std::string& word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// How many marks stand between the digits of `cell` if these are in groups: one to three, not
/// beginning with 0, then threes, `mark` between them, and last nothing, or `decimal` and digits.
std::optional<int> grouped_by(char mark, char decimal, std::string_view cell) {
  if (!cell.empty() && (cell[0] == '+' || cell[0] == '-')) cell.remove_prefix(1);
  const std::string_view whole = cell.substr(0, cell.find(decimal));
  const std::string_view fraction = cell.substr(std::min(whole.size() + 1, cell.size()));
  const auto digits = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!digits(fraction) || whole.substr(0, 1) == "0") return std::nullopt;
  int marks = 0;
  size_t start = 0;
  for (size_t end = whole.find(mark); end != std::string_view::npos;
       end = whole.find(mark, start)) {
    const size_t size = end - start;
    if (!digits(whole.substr(start, size)) || size > 3 || size == 0) return std::nullopt;
    if (marks > 0 && size != 3) return std::nullopt;
    start = end + 1;
    ++marks;
  }
  const std::string_view last = whole.substr(start);
  if (marks == 0 || last.size() != 3 || !digits(last)) return std::nullopt;
  return marks;
}

std::optional<double> with_decimal_comma(std::string cell) {
  const size_t comma = cell.find(',');
  if (comma == std::string::npos || cell.find('.') != std::string::npos) return std::nullopt;
  cell[comma] = '.';
  return parse_number(cell);
}

}  // namespace

CellKind kind_of_cell(const std::string& cell) {
  if (const auto number = parse_number(cell)) {
    return std::isfinite(*number) ? CellKind::kNumber : CellKind::kMissing;
  }
  const auto commas = grouped_by(',', '.', cell);
  if (commas == 1 && cell.find('.') == std::string::npos) return CellKind::kThousandOrComma;
  if (commas || grouped_by('.', ',', cell)) return CellKind::kGrouped;
  if (with_decimal_comma(cell)) return CellKind::kComma;
  const std::string word = in_small_letters(cell);
  if (is_one_of(word, kMissingMarks) || is_one_of(word, kMarksOrWords)) return CellKind::kMissing;
  const bool truth = word == "true" || word == "false" || word == "yes" || word == "no";
  return truth ? CellKind::kTruth : CellKind::kWord;
}

bool is_word(const std::string& cell) {
  return kind_of_cell(cell) > CellKind::kMissing;
}

bool is_no_word(const std::string& cell) {
  return kind_of_cell(cell) == CellKind::kMissing &&
         !is_one_of(in_small_letters(cell), kMarksOrWords);
}

std::optional<double> number_in_cell(const std::string& cell, bool decimal_comma) {
  auto number = parse_number(cell);
  if (!number && decimal_comma) number = with_decimal_comma(cell);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

bool is_true(const std::string& cell) {
  const std::string word = in_small_letters(cell);
  return word == "true" || word == "yes";
}

bool is_yes_or_no(const std::string& cell) {
  const std::string word = in_small_letters(cell);
  return word == "yes" || word == "no";
}

bool are_apart(const std::vector<std::string>& cells) {
  return std::set<std::string>(cells.begin(), cells.end()).size() == cells.size();
}

}  // namespace clade
