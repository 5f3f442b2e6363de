#include "clade/data/table.h"

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/core/memory.h"
#include "clade/core/words.h"
#include "clade/formats/csv.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr int64_t kFewRows = 10;     // Among fewer, whole numbers count by chance.
constexpr size_t kMostWords = 1000;  // More are names, not classes.
constexpr size_t kMostNamed = 100;

/// Where features come from.
struct Source {
  size_t column;
  std::optional<WordFeatures> words;  ///< Of a column of words.
};

/// A table and what is yet to be said of it.
struct Reading {
  const std::string& where;
  const TableReading& options;
  const KnownFeatures& known;
  Table table;
  std::vector<bool> free;  ///< Columns that are not spoken for: features, of a table to train on.
  std::vector<std::string> said;
  std::optional<size_t> id = {}, labels = {};  ///< Columns that were asked for.
  std::optional<size_t> index = {};            ///< That which was left out as the rows' names.

  size_t size() const { return table.rows.size(); }
  std::string name_of(size_t column) const {
    const std::string& name = table.columns[column].name;
    return name.empty() ? std::to_string(column + 1) : name;
  }
  size_t take(const std::string& name, const std::string& use) {
    const size_t column = find_column(table, name, where, use);
    free[column] = false;
    return column;
  }
};

/// `--set 'data.drop=["a", "b"]'`.
std::string drop_advice(const std::vector<std::string>& names) {
  std::string list;
  for (size_t i = 0; i < names.size() && i < kMostNamed; ++i) {
    list += (i > 0 ? ", " : "") + json_text(names[i]);
  }
  if (names.size() > kMostNamed) list += ", …";
  return "--set " + shell_text("data.drop=[" + list + "]");
}

std::string names_text(const std::vector<std::string>& names) {
  return (names.size() == 1 ? "column " : "columns ") + quoted(names, kMostNamed);
}

std::string cell_text(const CsvCell& cell) {
  return "line " + std::to_string(cell.line) +
         (cell.text.empty() ? " is empty" : ": '" + cell.text + "'");
}

bool counts_rows(const Column& column) {
  const auto& numbers = column.numbers;
  if (numbers.size() < 2 || (numbers[0] != 0 && numbers[0] != 1)) return false;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[0] + static_cast<double>(i)) return false;
  }
  return true;
}

/// How many whole numbers a column has; none if it has others.
size_t whole_numbers_of(const Column& column) {
  const auto& numbers = column.numbers;
  const bool whole = std::all_of(numbers.begin(), numbers.end(),
                                 [](double value) { return value == std::floor(value); });
  return whole ? std::unordered_set<double>(numbers.begin(), numbers.end()).size() : 0;
}

/// Whether each cell is another whole number, or another word.
bool names_rows(const Column& column) {
  if (column.of_words()) return are_apart(column.words);
  return whole_numbers_of(column) == column.numbers.size();
}

/// Whether a column called so has no other use than to tell rows apart.
bool is_called_index(const std::string& name) {
  static const std::set<std::string> kNames = {
      "",      "index", "idx", "row", "rownames", "row_names", "row_number",
      "rowid", "id",    "no",  "no.", "nr",       "nr.",       "#"};
  const std::string small = in_small_letters(name);
  return kNames.count(small) == 1 || small.substr(0, 8) == "unnamed:";
}

/// Whether a column has no name and counts from 0 or 1 again and again, as the index of data frames
/// that were put one below the other does.
bool counts_again(const Column& column) {
  const auto& numbers = column.numbers;
  const bool named =
      !column.written.empty() && in_small_letters(column.written).substr(0, 8) != "unnamed:";
  if (named || numbers.empty() || (numbers[0] != 0 && numbers[0] != 1)) return false;
  for (size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i - 1] + 1 && numbers[i] != numbers[0]) return false;
  }
  return true;
}

bool ends_with_id(const std::string& name) {
  return name.size() >= 2 && in_small_letters(name.substr(name.size() - 2)) == "id";
}

/// Whether a column is called id, patient_id or patientId.
bool is_called_id(const std::string& name) {
  if (!ends_with_id(name) || name.size() == 2) return ends_with_id(name);
  const auto before = static_cast<unsigned char>(name[name.size() - 3]);
  const auto i = static_cast<unsigned char>(name[name.size() - 2]);
  return std::isalnum(before) == 0 || (std::islower(before) != 0 && std::isupper(i) != 0);
}

/// Leaves out columns that number or name the rows, and says so; says which others look as if.
void leave_out_row_numbers(Reading& reading) {
  const auto n = static_cast<int64_t>(reading.size());
  const bool others = std::count(reading.free.begin(), reading.free.end(), true) > 1;
  for (size_t i = 0; i < reading.free.size(); ++i) {
    const Column& column = reading.table.columns[i];
    if (!reading.free[i] || !others || column.missing > 0) continue;
    const std::string text = column_text(reading.table, i);
    const bool counts = counts_rows(column);
    const bool many = n >= kFewRows;
    const bool index = reading.table.has_header
                           ? is_index(column) || (i == 0 && many && counts_again(column))
                           : i == 0 && counts && many;
    if (index) {
      reading.free[i] = false;
      if (!reading.index) reading.index = i;
      reading.said.push_back("left out " + text + ", which " +
                             (column.of_words() ? "names" : "numbers") + " the rows (data.id = \"" +
                             reading.name_of(i) + "\" carries it to what is written)");
    } else if (counts && n >= kFewRows) {
      reading.said.push_back(text + " counts the rows; if it is no feature, " +
                             drop_advice({reading.name_of(i)}));
    } else if (!column.of_words() && ends_with_id(column.name) && n >= kFewRows &&
               names_rows(column)) {
      reading.said.push_back(text + " has another whole number in each row; if it is no feature, " +
                             "set data.id or data.drop to it");
    } else if (is_called_id(column.name) && n >= kFewRows && whole_numbers_of(column) > 2) {
      reading.said.push_back(text + " is a feature; if it only names things, " +
                             drop_advice({reading.name_of(i)}));
    }
  }
}

std::vector<size_t> free_columns(const Reading& reading) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < reading.free.size(); ++i) {
    if (reading.free[i]) columns.push_back(i);
  }
  return columns;
}

/// Throws DataError if the last rows are sums or means of those above: if `column`, which only
/// tells rows apart, calls them by words and all others by numbers.
void refuse_summary(const Column& column, const Reading& reading) {
  const auto& words = column.words;
  const auto numbered = std::find_if(words.rbegin(), words.rend(), [](const std::string& cell) {
                          return !is_word(cell);
                        }).base();
  const auto summaries = words.end() - numbered, above = numbered - words.begin();
  if (summaries == 0 || above < 2 * summaries || above < 2) return;
  const bool all = std::all_of(words.begin(), numbered, [](const std::string& cell) {
    return kind_of_cell(cell) <= CellKind::kGrouped;
  });
  if (!all) return;
  const auto line = [&](auto row) {
    return std::to_string(reading.table.lines[static_cast<size_t>(row - words.begin())]);
  };
  const bool one = summaries == 1;
  throw DataError(
      reading.where + ": the last row" + (one ? " is" : "s are") + " called '" + *numbered +
      (one ? "'" : "' and so on") + ", where all others are numbered; correct or remove line" +
      (one ? " " + line(numbered) : "s " + line(numbered) + " to " + line(words.end() - 1)));
}

/// The same of all columns that only tell rows apart.
void refuse_summaries(const Reading& reading) {
  for (size_t i = 0; i < reading.free.size(); ++i) {
    const Column& column = reading.table.columns[i];
    const bool called = reading.table.has_header && is_called_index(column.written);
    if (column.of_words() && (called || reading.id == i)) refuse_summary(column, reading);
  }
}

/// The columns of numbers without gaps that do not number the rows.
std::vector<const std::vector<double>*> measurements(const Reading& reading) {
  std::vector<const std::vector<double>*> columns;
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (column.of_words() || column.missing > 0 || is_index(column) || counts_rows(column))
      continue;
    columns.push_back(&column.numbers);
  }
  return columns;
}

/// Throws DataError if the last row holds the sums of all others: in all columns, and two or more
/// of these sums are larger than any of what they sum up.
void refuse_sums(const Reading& reading) {
  constexpr double kRounding = 0.001;
  if (static_cast<int64_t>(reading.size()) < kFewRows) return;
  int64_t sums = 0;
  for (const auto* numbers : measurements(reading)) {
    double sum = 0, sizes = 0, largest = 0;
    for (auto number = numbers->begin(); number != numbers->end() - 1; ++number) {
      sum += *number;
      sizes += std::abs(*number);
      largest = std::max(largest, std::abs(*number));
    }
    if (!(std::abs(numbers->back() - sum) <= kRounding * sizes)) return;
    if (std::abs(sum) > largest) ++sums;
  }
  if (sums < 2) return;
  throw DataError(reading.where + ": the last row holds the sums of those above it; remove line " +
                  std::to_string(reading.table.lines.back()));
}

/// Whether row `row` holds the means of those above it, in three columns or more: one that does by
/// chance lies somewhere else in some of them.
bool holds_means(const std::vector<const std::vector<double>*>& columns, size_t row) {
  constexpr size_t kFewest = 3;
  constexpr double kRounding = 0.01;
  size_t vary = 0;
  for (const auto* numbers : columns) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < row; ++i) sum += (*numbers)[i];
    const double mean = sum / static_cast<double>(row);
    for (size_t i = 0; i < row; ++i) squares += std::pow((*numbers)[i] - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(row));
    if (!(std::abs((*numbers)[row] - mean) <= kRounding * deviation)) return false;
    if (deviation > 0) ++vary;
  }
  return vary >= kFewest;
}

/// Says which of the last rows holds the means of those above it, as summaries below a table do.
void say_means(Reading& reading) {
  constexpr size_t kOfASummary = 8;  // count, mean, deviation, least, three quartiles, largest
  const size_t n = reading.size();
  const auto columns = measurements(reading);
  for (size_t row = n - std::min(kOfASummary, n); row < n; ++row) {
    if (static_cast<int64_t>(row) < kFewRows || !holds_means(columns, row)) continue;
    reading.said.push_back("line " + std::to_string(reading.table.lines[row]) +
                           " holds the means of the rows above it; if it is no point, remove it" +
                           (row + 1 < n ? " and what is below" : ""));
    return;
  }
}

/// Whether `numbers` may be days as 20231105, or seconds or thousandths since 1970, in this century
/// and the one before.
bool may_be_times(const std::vector<double>& numbers) {
  const auto lie_between = [&](double least, double most) {
    return std::all_of(numbers.begin(), numbers.end(), [&](double number) {
      return number >= least && number <= most && number == std::floor(number);
    });
  };
  const bool days =
      lie_between(19000101, 21001231) &&
      std::all_of(numbers.begin(), numbers.end(), [](double number) {
        const auto day = static_cast<int64_t>(number);
        return day % 100 >= 1 && day % 100 <= 31 && day / 100 % 100 >= 1 && day / 100 % 100 <= 12;
      });
  return days || lie_between(1e8, 4.2e9) || lie_between(1e11, 4.2e12);
}

/// Says which columns may be the time at which the row was taken.
void say_what_may_be_times(Reading& reading) {
  static const std::set<std::string> kNames = {"time", "timestamp", "date", "datetime",
                                               "day",  "ts",        "unix", "epoch"};
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (column.of_words() || kNames.count(in_small_letters(column.written)) == 0) continue;
    if (column.missing > 0 || !may_be_times(column.numbers)) continue;
    reading.said.push_back(column_text(reading.table, i) +
                           " looks like a time and is a feature; if it is none, " +
                           drop_advice({reading.name_of(i)}));
  }
}

/// Says which column may be one of labels, if nobody named any.
void say_what_may_be_labels(Reading& reading) {
  if (reading.labels) return;
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (column.of_words() || !is_called_labels(column.written)) continue;
    const std::set<double> values(column.numbers.begin(), column.numbers.end());
    const bool whole = std::all_of(values.begin(), values.end(),
                                   [](double value) { return value == std::floor(value); });
    if (!whole || 2 * values.size() > column.numbers.size()) continue;
    reading.said.push_back(column_text(reading.table, i) + " is a feature; if it holds labels: " +
                           "--labels " + reading.name_of(i));
  }
}

/// `cell` without `mark`, wherever it stands.
std::string without(const std::string& mark, std::string cell) {
  for (size_t at = cell.find(mark); at != std::string::npos; at = cell.find(mark, at)) {
    cell.erase(at, mark.size());
  }
  return cell;
}

/// What mark_in() calls the brackets of a negative number, as accounts have them.
constexpr const char* kBrackets = "( and )";

/// What keeps a cell from being a number: "%" of "45%", "$" of "$5", "'" of "4'694"; "" if nothing
/// so short does. Letters stand behind numbers, as units; before them they make names.
std::string mark_in(const std::string& cell) {
  const auto is_number = [](const std::string& text) {
    return kind_of_cell(text) <= CellKind::kGrouped;
  };
  const size_t last = cell.find_last_of("0123456789");
  size_t first = cell.find_first_of("0123456789");
  if (last == std::string::npos) return "";
  while (first > 0 && std::string("+-.").find(cell[first - 1]) != std::string::npos) --first;
  const std::string before = trimmed(cell.substr(0, first)),
                    behind = trimmed(cell.substr(last + 1));
  if (is_number(cell.substr(first, last + 1 - first))) {
    constexpr size_t kLongest = 8;
    const bool name = std::any_of(before.begin(), before.end(),
                                  [](unsigned char c) { return std::isalpha(c) != 0; });
    if (name || before.size() + behind.size() > kLongest) return "";
    return before + (before.empty() || behind.empty() ? "" : " and ") + behind;
  }
  for (const char* mark : {"'", "\xe2\x80\x99", " ", "\xc2\xa0", "\xe2\x80\xaf"}) {
    if (is_number(without(mark, cell))) return *mark == '\'' ? "'" : "marks between thousands";
  }
  const size_t exponent = cell.find_first_of("dD");
  if (exponent == std::string::npos) return "";
  return is_number(std::string(cell).replace(exponent, 1, "e")) ? "D of exponents" : "";
}

/// The mark that all cells of a column bear that are no numbers, or "".
std::string mark_of(const Column& column) {
  std::string mark;
  for (const std::string& cell : column.words) {
    if (!is_word(cell)) continue;
    const std::string own = mark_in(cell);
    if (own.empty() || (!mark.empty() && own != mark)) return "";
    mark = own;
  }
  return mark;
}

/// Whether most of a column's cells are numbers.
bool is_mostly_numbers(const Column& column) {
  const auto cells = static_cast<int64_t>(column.words.size());
  return cells >= kFewRows && 2 * (column.odd + column.missing) < cells;
}

/// Columns that hold words where numbers are needed, by what can be done.
struct OddColumns {
  std::string cells;               ///< Of each the first odd one.
  std::vector<std::string> few;    ///< Names of those that are mostly numbers,
  std::vector<std::string> words;  ///< and of those that are not.
  std::set<std::string> marks;     ///< What stands beside all numbers of the others.
  std::string apart;               ///< One that names the rows.
  bool one_line = true;
};

OddColumns odd_columns(const std::vector<size_t>& columns, const Reading& reading) {
  OddColumns odd;
  const size_t line = reading.table.columns[columns[0]].first_odd.line;
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& column = reading.table.columns[columns[i]];
    const bool few = is_mostly_numbers(column);
    const std::string mark = mark_of(column), name = reading.name_of(columns[i]);
    odd.one_line &= column.odd == 1 && column.first_odd.line == line;
    if (!mark.empty()) odd.marks.insert(mark);
    if (few) odd.few.push_back(name);
    if (!few && mark.empty()) odd.words.push_back(name);
    if (!few && mark.empty() && odd.apart.empty() && reading.size() >= kFewRows &&
        are_apart(column.words)) {
      odd.apart = name;
    }
    if (i >= kMostNamed) continue;
    odd.cells += (odd.cells.empty() ? "" : ", ") + column_text(reading.table, columns[i]) + " (" +
                 (few ? std::to_string(column.odd) + " of " + std::to_string(reading.size()) +
                            " cells, first "
                      : "") +
                 cell_text(column.first_odd) + ")";
  }
  if (columns.size() > kMostNamed) {
    odd.cells += " and " + std::to_string(columns.size() - kMostNamed) + " more";
  }
  return odd;
}

/// How many numbers `cell` has, `mark` between them; 0 if there is something else.
size_t count_numbers(const std::string& cell, const std::string& mark) {
  size_t count = 0, start = 0;
  for (size_t end = 0; end != std::string::npos; start = end + mark.size()) {
    end = cell.find(mark, start);
    if (!parse_number(trimmed(cell.substr(start, end - start)))) return 0;
    ++count;
  }
  return count;
}

/// What stands between numbers in each cell, as many in all, or "".
std::string separator_in(const std::vector<std::string>& cells) {
  for (const char* mark : {",", ";", "\t", "::", ":", "/", "~", "^", "#", "&", "_", "*", "!"}) {
    const size_t count = count_numbers(cells[0], mark);
    const bool same = std::all_of(cells.begin(), cells.end(), [&](const std::string& cell) {
      return count_numbers(cell, mark) == count;
    });
    if (count > 1 && same) return mark;
  }
  return "";
}

/// Throws DataError if the only column holds rows of cells, each as one word.
void refuse_separator(const Reading& reading) {
  if (reading.table.columns.size() > 1) return;
  const std::string mark = separator_in(reading.table.columns[0].words);
  if (mark.empty()) return;
  const std::string start = reading.where + ": " + cell_text(reading.table.columns[0].first_odd);
  if (mark == ",") throw DataError(start + " is a row in quotes; write lines without quotes");
  throw DataError(start + " is numbers with '" + mark + "' between; separate cells by commas");
}

[[noreturn]] void refuse_words(const std::vector<size_t>& columns, const Reading& reading) {
  refuse_separator(reading);
  const OddColumns odd = odd_columns(columns, reading);
  std::vector<std::string> advice;
  if (!odd.marks.empty()) {
    std::string marks;
    for (const std::string& mark : odd.marks) {
      if (mark == kBrackets || mark == "-") continue;
      marks += (marks.empty() ? "the " : ", the ") + mark;
    }
    if (!marks.empty()) advice.push_back("write numbers without " + marks);
    if (odd.marks.count(kBrackets) == 1) advice.emplace_back("write (2), a negative number, as -2");
    if (odd.marks.count("-") == 1) advice.emplace_back("write 2-, a negative number, as -2");
  }
  if (odd.one_line) {
    const size_t line = reading.table.columns[columns[0]].first_odd.line;
    advice.push_back("correct or remove line " + std::to_string(line));
  } else if (!odd.few.empty()) {
    advice.emplace_back("correct such cells of " + names_text(odd.few) +
                        ", or empty them and set data.missing");
  }
  if (reading.known.any()) {
    advice.emplace_back(
        "give it numbers, or nothing but yes and no, as the training data had, or if it is the "
        "column of labels, name it by --labels");
  } else if (!odd.words.empty()) {
    advice.push_back("leave them out: " + drop_advice(odd.words));
    advice.emplace_back("make features of 0 and 1 of them: --set data.categories=onehot");
  }
  if (!reading.known.any() && !odd.apart.empty()) {
    advice.push_back("carry what names the rows to what is written: --set " +
                     shell_text("data.id=" + odd.apart));
  }
  std::string message =
      reading.where + ": words stand where numbers are needed: " + odd.cells + "; ";
  for (size_t i = 0; i < advice.size(); ++i) message += (i > 0 ? ", or " : "") + advice[i];
  const bool labels = !reading.known.any() && !odd.words.empty();
  throw DataError(message +
                  (labels ? "; a column of labels is named by --labels (data.labels)" : ""));
}

/// Throws DataError for a column of measurements some of whose cells are words.
void refuse_words_among_numbers(size_t i, const Reading& reading) {
  constexpr size_t kFewClasses = 20;
  const Column& column = reading.table.columns[i];
  if (!is_mostly_numbers(column)) return;
  const std::set<std::string> cells(column.words.begin(), column.words.end());
  if (cells.size() > kFewClasses) refuse_words({i}, reading);
}

/// Throws DataError for columns that hold nothing, naming all.
void refuse_empty(const Reading& reading) {
  std::vector<std::string> names;
  std::string first;
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (static_cast<size_t>(column.missing) < reading.size()) continue;
    if (names.empty()) first = cell_text(column.first_missing);
    names.push_back(reading.name_of(i));
  }
  if (names.empty()) return;
  throw DataError(reading.where + ": " + names_text(names) +
                  (names.size() == 1 ? " has" : " have") + " no finite number in any row (first " +
                  first + "); leave out what is empty: " + drop_advice(names));
}

/// The words of a column, by alphabet.
std::vector<std::string> classes_of(size_t i, const Reading& reading) {
  refuse_words_among_numbers(i, reading);
  const Column& column = reading.table.columns[i];
  std::set<std::string> words;
  for (const std::string& word : column.words) {
    if (!is_no_word(word)) words.insert(word);
  }
  const bool apart = reading.size() >= kFewRows && words.size() == reading.size();
  if (apart || words.size() > kMostWords) {
    throw DataError(reading.where + ": " + column_text(reading.table, i) + " has " +
                    std::to_string(words.size()) + " words in " + std::to_string(reading.size()) +
                    " rows, too many for features; leave it out, " +
                    drop_advice({reading.name_of(i)}) + ", or set data.id to it");
  }
  return {words.begin(), words.end()};
}

/// Says that the words of a column become features, and which of them could mean none.
std::string said_of_words(const std::vector<std::string>& words, const std::string& column) {
  std::vector<std::string> marks;
  std::copy_if(words.begin(), words.end(), std::back_inserter(marks),
               [](const auto& word) { return kind_of_cell(word) == CellKind::kMissing; });
  const std::string advice = "; if " + quoted(marks) + (marks.size() == 1 ? " means" : " mean") +
                             " missing, leave such cells empty";
  return "each of the " + std::to_string(words.size()) + " words of " + column +
         " is a feature of 0 and 1" + (marks.empty() ? "" : advice);
}

std::vector<Source> features_to_train_on(Reading& reading) {
  leave_out_row_numbers(reading);
  refuse_empty(reading);
  say_what_may_be_labels(reading);
  say_what_may_be_times(reading);
  std::vector<Source> sources;
  std::vector<size_t> of_words;
  int64_t feature = 0;
  for (const size_t i : free_columns(reading)) {
    sources.push_back({i, {}});
    if (!reading.table.columns[i].of_words()) {
      ++feature;
    } else if (reading.options.categories == "onehot") {
      sources.back().words = WordFeatures{reading.name_of(i), feature, classes_of(i, reading)};
      feature += static_cast<int64_t>(sources.back().words->words.size());
      reading.said.push_back(
          said_of_words(sources.back().words->words, column_text(reading.table, i)));
    } else {
      of_words.push_back(i);
    }
  }
  if (!of_words.empty()) refuse_words(of_words, reading);
  return sources;
}

const WordFeatures* find_words(const Reading& reading, size_t column) {
  for (const WordFeatures& words : reading.options.encoded) {
    if (words.column == reading.name_of(column)) return &words;
  }
  return nullptr;
}

/// The columns a trained model reads, by their places. One that numbers the rows may be too many.
std::vector<Source> features_by_place(Reading& reading) {
  auto columns = free_columns(reading);
  int64_t wanted = reading.known.count;
  for (const WordFeatures& words : reading.options.encoded) {
    wanted -= static_cast<int64_t>(words.words.size()) - 1;
  }
  if (static_cast<int64_t>(columns.size()) == wanted + 1 &&
      counts_rows(reading.table.columns[columns[0]])) {
    reading.index = columns[0];
    reading.said.push_back("left out " + column_text(reading.table, columns[0]) +
                           ", which numbers the rows");
    columns.erase(columns.begin());
  }
  if (!reading.known.names.empty()) {
    reading.said.push_back(
        "without a header, so its columns are taken in the order of the "
        "training data's");
  }
  std::vector<Source> sources;
  for (const size_t i : columns) {
    sources.push_back({i, {}});
    if (const WordFeatures* words = find_words(reading, i)) sources.back().words = *words;
  }
  return sources;
}

/// A column that a trained model reads.
struct KnownColumn {
  std::string name;
  const WordFeatures* words;  ///< Null if it is of numbers.
};

/// Those columns, if the table that it was trained on named them; some runs have kept the blanks of
/// names in quotes.
std::vector<KnownColumn> known_columns(const KnownFeatures& known, const TableReading& options) {
  std::vector<KnownColumn> columns;
  auto words = options.encoded.begin();
  for (size_t feature = 0; feature < known.names.size(); ++feature) {
    if (words == options.encoded.end() || words->first != static_cast<int64_t>(feature)) {
      columns.push_back({trimmed(known.names[feature]), nullptr});
      continue;
    }
    columns.push_back({words->column, &*words});
    feature += words->words.size() - 1;
    ++words;
  }
  return columns;
}

/// The names of `sources` that columns left over bear as well: which of them is meant?
std::vector<std::string> names_of_others(const std::vector<Source>& sources,
                                         const Reading& reading) {
  std::unordered_set<std::string> left;
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (!is_index(column)) left.insert(column.written);
  }
  std::vector<std::string> names;
  for (const Source& source : sources) {
    const Column& column = reading.table.columns[source.column];
    if (left.count(column.written) > 0) names.push_back(column.name);
  }
  return names;
}

/// The columns a trained model reads, by their names.
std::vector<Source> features_by_name(Reading& reading) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < reading.table.columns.size(); ++i) {
    places[reading.table.columns[i].name] = i;
  }
  std::vector<Source> sources;
  std::vector<std::string> lacking;
  for (const auto& [name, words] : known_columns(reading.known, reading.options)) {
    const auto place = places.find(name);
    if (place == places.end()) {
      lacking.push_back(name);
      continue;
    }
    if (reading.labels == place->second || reading.id == place->second) {
      throw DataError(reading.where + ": column '" + name +
                      "' is a feature the model was trained " +
                      "on, and cannot be the labels or names of the rows as well; name another");
    }
    sources.push_back({place->second, {}});
    if (words != nullptr) sources.back().words = *words;
    reading.free[place->second] = false;
  }
  if (lacking.empty()) lacking = names_of_others(sources, reading);
  if (!lacking.empty()) {
    throw DataError(reading.where + " has no " + names_text(lacking) +
                    ", which the model was trained on, or several of that name; name its columns "
                    "as those of the training data");
  }
  std::vector<std::string> extra;
  for (const size_t i : free_columns(reading)) {
    const Column& column = reading.table.columns[i];
    if (!is_called_index(column.written)) extra.push_back(reading.name_of(i));
    if (!reading.index && is_index(column)) reading.index = i;
  }
  if (!extra.empty()) {
    reading.said.push_back("left out what the model was not trained on: " + names_text(extra));
  }
  return sources;
}

void check_known(const std::vector<Source>& sources, const Reading& reading) {
  std::vector<size_t> of_words;
  for (const Source& source : sources) {
    if (!source.words && reading.table.columns[source.column].of_words()) {
      of_words.push_back(source.column);
    }
  }
  if (!of_words.empty()) refuse_words(of_words, reading);
}

std::vector<Source> features_of(Reading& reading) {
  refuse_summaries(reading);
  refuse_sums(reading);
  say_means(reading);
  if (!reading.known.any()) return features_to_train_on(reading);
  const bool by_name = reading.table.has_header && !reading.known.names.empty();
  auto sources = by_name ? features_by_name(reading) : features_by_place(reading);
  check_known(sources, reading);
  return sources;
}

[[noreturn]] void refuse_missing(const std::vector<size_t>& columns, size_t rows,
                                 const Reading& reading) {
  std::string cells;
  std::vector<std::string> names;
  int64_t count = 0;
  for (const size_t i : columns) {
    const Column& column = reading.table.columns[i];
    count += column.missing;
    names.push_back(reading.name_of(i));
    if (names.size() > kMostNamed) continue;
    cells += (cells.empty() ? "" : ", ") + column_text(reading.table, i) + " " +
             std::to_string(column.missing) + " (first " + cell_text(column.first_missing) + ")";
  }
  if (names.size() > kMostNamed) {
    cells += " and " + std::to_string(names.size() - kMostNamed) + " more columns";
  }
  const std::string advice =
      reading.known.any()
          ? "fill them in, or remove their " + std::to_string(rows) + " rows"
          : "fill them in, leave out their " + std::to_string(rows) + " of " +
                std::to_string(reading.size()) +
                " rows: --set data.missing=drop, or the columns: " + drop_advice(names) +
                ", or take their columns' means for them: --set data.missing=mean";
  throw DataError(reading.where + ": " + std::to_string(count) +
                  (count == 1 ? " cell holds" : " cells hold") + " no finite number: " + cells +
                  "; " + advice);
}

/// The rows, counted among those of the table, that have all numbers, and if rows with missing
/// cells are dropped all words.
std::vector<size_t> whole_rows(const std::vector<Source>& sources, Reading& reading) {
  std::vector<bool> whole(reading.size(), true);
  std::vector<size_t> columns;
  for (const Source& source : sources) {
    const Column& column = reading.table.columns[source.column];
    if (source.words) {
      for (size_t i = 0; i < whole.size() && reading.options.missing == "drop"; ++i) {
        if (is_no_word(column.words[i])) whole[i] = false;
      }
      continue;
    }
    if (column.missing == 0 || reading.options.missing == "mean") continue;
    columns.push_back(source.column);
    for (size_t i = 0; i < whole.size(); ++i) {
      if (std::isnan(column.numbers[i])) whole[i] = false;
    }
  }
  std::vector<size_t> rows;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i]) rows.push_back(i);
  }
  const size_t lost = whole.size() - rows.size();
  if (lost == 0) return rows;
  if (reading.options.missing != "drop") refuse_missing(columns, lost, reading);
  if (rows.empty()) {
    throw DataError(reading.where +
                    ": every row has a missing cell; leave out columns: " + "set data.drop");
  }
  reading.said.push_back("left out " + std::to_string(lost) + " of " +
                         std::to_string(whole.size()) + " rows with missing cells");
  return rows;
}

/// One feature a word: 1 where the cell is it. values: [n, D], from feature words.first on.
void write_words(const WordFeatures& features, const std::vector<size_t>& rows, size_t column,
                 int64_t first, torch::Tensor& values, Reading& reading) {
  std::unordered_map<std::string, int64_t> place;
  for (size_t i = 0; i < features.words.size(); ++i) {
    place[features.words[i]] = first + static_cast<int64_t>(i);
  }
  auto to = values.accessor<double, 2>();
  std::set<std::string> unknown;
  std::string mark;  // of a missing word
  int64_t without = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& word = reading.table.columns[column].words[rows[i]];
    const auto found = place.find(word);
    if (found != place.end()) {
      to[static_cast<int64_t>(i)][found->second] = 1;
      continue;
    }
    ++without;
    if (!is_no_word(word)) unknown.insert(word);
    if (mark.empty()) mark = word;
  }
  if (without == 0) return;
  const std::string why =
      !unknown.empty()
          ? "'" + *unknown.begin() + "' and what else is there was no word of the training data"
      : mark.empty() ? "the cell is empty"
                     : "'" + mark + "' is no word";
  reading.said.push_back("in " + std::to_string(without) + " of " + std::to_string(rows.size()) +
                         " rows all features of " + column_text(reading.table, column) +
                         " are 0: " + why);
}

torch::Tensor values_of(const std::vector<Source>& sources, const std::vector<size_t>& rows,
                        Reading& reading) {
  int64_t features = 0;
  for (const Source& source : sources) {
    features += source.words ? static_cast<int64_t>(source.words->words.size()) : 1;
  }
  const auto n = static_cast<int64_t>(rows.size());
  require_memory(
      static_cast<double>(n) * static_cast<double>(features) * sizeof(double),
      reading.where + ": " + std::to_string(n) + " points of " + count_text(features, "feature"),
      "give fewer rows, or columns of fewer words");
  auto values = torch::zeros({n, features}, torch::kFloat64);
  auto to = values.accessor<double, 2>();
  int64_t feature = 0;
  for (const Source& source : sources) {
    if (source.words) {
      write_words(*source.words, rows, source.column, feature, values, reading);
      feature += static_cast<int64_t>(source.words->words.size());
      continue;
    }
    const auto& numbers = reading.table.columns[source.column].numbers;
    for (size_t i = 0; i < rows.size(); ++i)
      to[static_cast<int64_t>(i)][feature] = numbers[rows[i]];
    ++feature;
  }
  return values;  // [n, D]
}

void name_features(const std::vector<Source>& sources, const Reading& reading, Points& points) {
  bool named = false;
  for (const Source& source : sources) {
    const std::string& name = reading.table.columns[source.column].name;
    if (!source.words) {
      points.columns.push_back(name);
      named |= !name.empty();
      continue;
    }
    points.table.encoded.push_back(*source.words);
    for (const std::string& word : source.words->words) {
      points.columns.push_back(source.words->column + "=" + word);
    }
    named |= !name.empty();
  }
  if (!named) points.columns.clear();
}

/// The column of `labels`; if nobody names one, that of the training data, if it is there.
std::optional<size_t> take_labels(const std::string& labels, Reading& reading) {
  if (!labels.empty()) return reading.take(labels, " for labels, nor is there such a file");
  const auto& columns = reading.table.columns;
  const auto own = std::find_if(columns.begin(), columns.end(), [&](const Column& column) {
    return column.name == reading.options.labels && reading.table.has_header;
  });
  if (own == columns.end()) return std::nullopt;
  const auto column = static_cast<size_t>(own - columns.begin());
  reading.free[column] = false;
  return column;
}

/// The name by which a column is found in other tables; "" if it has none but a number, by which
/// they may have another column.
std::string lasting_name(size_t column, const Reading& reading) {
  const std::string& name = reading.table.columns[column].name;
  return parse_number(name) ? "" : name;
}

/// Says which features the table gives no name, or that of others.
void say_names_given(const std::vector<Source>& sources, Reading& reading) {
  std::vector<std::string> given;
  for (const Source& source : sources) {
    const Column& column = reading.table.columns[source.column];
    if (column.name != column.written) given.push_back(column.name);
  }
  if (given.empty()) return;
  reading.said.push_back("without a name of their own, and called so by their order: " +
                         names_text(given));
}

/// Says how many rows the column data.id gives no name, or that of others.
void say_names_shared(const std::string& title, const std::vector<std::string>& names,
                      Reading& reading) {
  std::unordered_map<std::string, int64_t> times;
  for (const std::string& name : names) ++times[name];
  int64_t shared = 0;
  for (const auto& [name, count] : times) shared += name.empty() || count == 1 ? 0 : count;
  const std::string column = "column '" + title + "'";
  if (const int64_t none = times[""]; none > 0) {
    reading.said.push_back(column + " is empty in " + count_text(none, "row"));
  }
  if (shared > 0) {
    reading.said.push_back(column + " gives " + std::to_string(shared) + " of " +
                           std::to_string(names.size()) + " rows a name that others have");
  }
}

/// Names of columns that parse_csv() must know.
CsvReading csv_reading(const std::string& labels, const TableReading& options,
                       const KnownFeatures& known) {
  CsvReading reading;
  for (const std::string& name : {labels, options.id}) {
    if (!name.empty()) reading.as_written.push_back(name);
  }
  for (const WordFeatures& words : options.encoded) reading.as_written.push_back(words.column);
  reading.leave_out = options.drop;
  for (const KnownColumn& column : known_columns(known, options)) {
    reading.expected.push_back(column.name);
  }
  return reading;
}

/// The table, what numbers its rows as it is written if doubles would not tell it apart.
Table parse_table(std::string_view bytes, const std::string& where, CsvReading reading) {
  constexpr double kAsLong = 0x1p53;
  Table table = parse_csv(bytes, where, reading);
  const size_t known = reading.as_written.size();
  for (const Column& column : table.columns) {
    const auto& numbers = column.numbers;
    const bool is_long = std::any_of(numbers.begin(), numbers.end(),
                                     [](double value) { return std::abs(value) >= kAsLong; });
    if (is_long && is_called_index(column.written)) reading.as_written.push_back(column.name);
  }
  return reading.as_written.size() > known ? parse_csv(bytes, where, reading) : table;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

/// Sets apart the columns of data.drop. A trained model's may be missing in another table.
void leave_out_dropped(Reading& reading) {
  const auto names = names_of(reading.table);
  for (const std::string& name : reading.options.drop) {
    const auto column = find_column(names, name);
    if (column) reading.free[*column] = false;
    if (!column && !reading.known.any()) reading.take(name, " to leave out (data.drop)");
  }
}

/// Sets apart the column data.id. A trained model's may be missing in another table.
std::optional<size_t> take_id(Reading& reading) {
  const std::string& id = reading.options.id;
  if (id.empty()) return std::nullopt;
  if (!reading.known.any() || find_column(names_of(reading.table), id))
    return reading.take(id, " (data.id)");
  reading.said.push_back("there is no column '" + id + "' to name the rows");
  return std::nullopt;
}

/// What names the rows, of which `kept` are points.
RowIndex index_of(const std::vector<size_t>& kept, const Reading& reading) {
  const auto column = reading.id ? reading.id : reading.index;
  if (!column) return {};
  std::vector<std::string> cells = reading.table.columns[*column].words;
  for (const double number : reading.table.columns[*column].numbers) {
    cells.push_back(std::to_string(static_cast<int64_t>(number)));
  }
  RowIndex index = row_index(std::move(cells));
  index.names = take_cells(index.names, kept);
  return index;
}

}  // namespace

bool is_called_labels(const std::string& name) {
  static const std::set<std::string> kNames = {"label",   "labels", "class",    "classes", "target",
                                               "species", "y",      "category", "cluster", "kind"};
  return kNames.count(in_small_letters(name)) == 1;
}

bool is_index(const Column& column) {
  constexpr size_t kMayRepeat = 20;  // one in so many rows: an id is one even if some came twice
  if (!is_called_index(column.written)) return false;
  if (column.of_words() || !is_called_id(column.written)) return names_rows(column);
  const size_t n = column.numbers.size();
  return kMayRepeat * (n - whole_numbers_of(column)) <= n;
}

std::optional<std::vector<std::string>> read_table(std::string_view bytes,
                                                   const std::string& labels,
                                                   const TableReading& options,
                                                   const KnownFeatures& known, Points& points) {
  const std::string& named = labels.empty() ? options.labels : labels;
  Reading reading{points.name, options,
                  known,       parse_table(bytes, points.name, csv_reading(named, options, known)),
                  {},          {}};
  reading.said = reading.table.said;
  reading.free.assign(reading.table.columns.size(), true);
  leave_out_dropped(reading);
  reading.id = take_id(reading);
  reading.labels = take_labels(labels, reading);
  const auto &id = reading.id, &label = reading.labels;

  points.table = options;
  points.table.encoded.clear();
  points.table.labels = label ? lasting_name(*label, reading) : "";
  const auto sources = features_of(reading);
  if (sources.empty()) {
    throw DataError(points.name + " has no column but " + (label ? "the label" : "those left out") +
                    "; give it columns of numbers");
  }
  const auto rows = whole_rows(sources, reading);
  points.values = values_of(sources, rows, reading);
  points.shape = {points.values.size(1)};
  name_features(sources, reading, points);
  say_names_given(sources, reading);
  points.rows_of_file = reading.table.rows_of_file;
  std::vector<int64_t> places;
  for (const size_t row : rows) places.push_back(reading.table.rows[row]);
  points.rows = torch::tensor(places, torch::kInt64);
  points.index = index_of(rows, reading);
  if (id) {
    points.names = {reading.name_of(*id), take_cells(reading.table.columns[*id].words, rows)};
    say_names_shared(points.names.title, points.names.names, reading);
  }
  for (const std::string& sentence : reading.said) add_note(sentence, points.note);
  if (!label) return std::nullopt;
  return take_cells(reading.table.columns[*label].words, rows);
}

}  // namespace clade
