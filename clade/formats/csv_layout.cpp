#include "clade/formats/csv_layout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr size_t kSampledRows = 200;
constexpr size_t kSampledCells = 200000;

struct SampledRow {
  CsvRow cells;
  size_t line;
  CsvRows after;  ///< About to read the next.
};

using Sample = std::vector<SampledRow>;

Sample sample_of(CsvRows rows) {
  Sample sample;
  CsvRow row;
  for (size_t cells = 0; rows.next(row) && sample.size() < kSampledRows; cells += row.size()) {
    if (cells > kSampledCells && sample.size() > 3) break;
    sample.push_back({row, rows.line(), rows});
  }
  return sample;
}

/// The number of cells that most rows have; of two numbers the larger.
size_t usual_width(const Sample& sample) {
  std::map<size_t, size_t> rows_of;
  for (const SampledRow& row : sample) ++rows_of[row.cells.size()];
  const auto fewer = [](const auto& a, const auto& b) { return a.second <= b.second; };
  return std::max_element(rows_of.begin(), rows_of.end(), fewer)->first;
}

/// How well a separator splits the first rows.
struct Split {
  double numbers = 0;  ///< The share of cells that are numbers.
  double alike = 0;    ///< The share of rows that have as many cells as most.
};

Split split_of(const Sample& sample) {
  if (sample.empty()) return {};
  const size_t width = usual_width(sample);
  if (width < 2) return {};
  Split split;
  for (const SampledRow& row : sample) {
    if (row.cells.size() != width) continue;
    ++split.alike;
    for (const std::string& cell : row.cells) {
      const CellKind kind = kind_of_cell(cell);
      if (kind <= CellKind::kGrouped) split.numbers += 1.0 / static_cast<double>(width);
    }
  }
  const auto rows = static_cast<double>(sample.size());
  return {split.numbers / rows, split.alike / rows};
}

/// X of a first line "sep=X", by which Excel is told how to read what follows.
std::optional<char> announced_separator(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  if (line.size() != 5 || in_small_letters(std::string(line.substr(0, 4))) != "sep=") {
    return std::nullopt;
  }
  return line[4];
}

char find_separator(std::string_view text, const std::string& separators,
                    const std::string& where) {
  if (separators.size() == 1) return separators.front();
  char best = ',';
  Split most;
  for (const char separator : separators) {
    Split split;
    try {
      split = split_of(sample_of(CsvRows(text, separator, where)));
    } catch (const DataError&) {
      continue;  // Quotes that this separator would leave open.
    }
    // Spaces stand in words as well.
    if (separator == ' ' && split.numbers < split.alike / 2) continue;
    if (std::pair(split.numbers, split.alike) > std::pair(most.numbers, most.alike)) {
      best = separator;
      most = split;
    }
  }
  return best;
}

/// Whether the last of `width` columns is there only because lines end with a separator.
bool last_is_empty(const Sample& sample, size_t width) {
  return std::all_of(sample.begin(), sample.end(), [&](const SampledRow& row) {
    return row.cells.size() < width || row.cells[width - 1].empty();
  });
}

std::vector<double> numbers_in(const CsvRow& row) {
  std::vector<double> numbers;
  for (const std::string& cell : row) {
    if (const auto number = parse_number(cell)) numbers.push_back(*number);
  }
  return numbers;
}

/// Whether `numbers` are 0, 1, 2, … or 1, 2, 3, …, as tools name columns that have no names, or
/// three or more that rise in equal steps, as years and wavelengths do.
bool name_columns(const std::vector<double>& numbers) {
  constexpr double kRounding = 1e-9;
  if (numbers.empty()) return false;
  const double step = numbers.size() > 1 ? numbers[1] - numbers[0] : 1;
  for (size_t i = 1; i < numbers.size(); ++i) {
    const double most = std::max(std::abs(numbers[i]), std::abs(numbers[i - 1]));
    if (std::abs(numbers[i] - numbers[i - 1] - step) > kRounding * most) return false;
  }
  return (step == 1 && (numbers[0] == 0 || numbers[0] == 1)) || (step > 0 && numbers.size() > 2);
}

/// Whether row `first` has three numbers or more, which rise, each of them farther from all in its
/// column below than those lie apart: measured values do not, wavelengths and masses above them do.
bool rise_outside_columns(const Sample& sample, size_t first) {
  constexpr size_t kFewest = 3, kRows = 5;
  const CsvRow& row = sample[first].cells;
  double before = -HUGE_VAL;
  size_t count = 0;
  for (size_t column = 0; column < row.size(); ++column) {
    const auto number = number_in_cell(row[column], /*decimal_comma=*/true);
    if (!number) continue;
    double least = HUGE_VAL, most = -HUGE_VAL;
    size_t rows = 0;
    for (size_t i = first + 1; i < sample.size(); ++i) {
      if (sample[i].cells.size() <= column) continue;
      const auto below = number_in_cell(sample[i].cells[column], /*decimal_comma=*/true);
      if (!below) continue;
      least = std::min(least, *below);
      most = std::max(most, *below);
      ++rows;
    }
    const double range = most - least;
    const bool outside = *number < least - range || *number > most + range;
    if (rows < kRows || !outside || *number <= before) return false;
    before = *number;
    ++count;
  }
  return count >= kFewest;
}

/// How many digits a number has after its point; with an exponent, many.
int64_t decimals_of(const std::string& number) {
  if (number.find_first_of("eE") != std::string::npos) return 9;
  const size_t point = number.find_first_of(".,");
  return point == std::string::npos ? 0 : static_cast<int64_t>(number.size() - point) - 1;
}

/// Whether the numbers of row `first`, all of them others, have fewer decimals than any number in
/// their columns below, as those have that a data frame calls its columns by.
bool is_coarser_than_below(const Sample& sample, size_t first) {
  constexpr size_t kRows = 3;
  const CsvRow& row = sample[first].cells;
  if (row.size() < 2 || sample.size() - first <= kRows || !are_apart(row)) return false;
  int64_t most = 0;
  std::vector<size_t> columns;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!number_in_cell(row[i], /*decimal_comma=*/true)) continue;
    most = std::max(most, decimals_of(row[i]));
    columns.push_back(i);
  }
  size_t rows = 0;
  for (size_t i = first + 1; i < sample.size(); ++i) {
    const CsvRow& below = sample[i].cells;
    bool any = false;
    for (const size_t column : columns) {
      if (column >= below.size()) continue;
      if (!number_in_cell(below[column], /*decimal_comma=*/true)) continue;
      if (decimals_of(below[column]) <= most) return false;
      any = true;
    }
    rows += any ? 1 : 0;
  }
  return !columns.empty() && rows >= kRows;
}

/// Whether row `first` is of whole numbers that rise, many of them, and the numbers of no row below
/// do.
bool rises_above_points(const Sample& sample, size_t first) {
  constexpr size_t kMany = 6, kRows = 5;
  const auto rises = [](const CsvRow& row) {
    const auto numbers = numbers_in(row);
    return numbers.size() == row.size() &&
           std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) ==
               numbers.end();
  };
  const auto below = sample.begin() + static_cast<std::ptrdiff_t>(first) + 1;
  const auto numbers = numbers_in(sample[first].cells);
  const bool whole = std::all_of(numbers.begin(), numbers.end(),
                                 [](double number) { return number == std::floor(number); });
  return whole && numbers.size() >= kMany && sample.size() - first > kRows &&
         rises(sample[first].cells) &&
         std::none_of(below, sample.end(), [&](const SampledRow& one) { return rises(one.cells); });
}

/// Whether row `first` has no name for its first column, in which the rows below count from 0 or 1,
/// as data frames are written with their index.
bool is_above_an_index(const Sample& sample, size_t first) {
  const CsvRow& row = sample[first].cells;
  if (row.size() < 2 || !row[0].empty() || first + 2 > sample.size() || !are_apart(row))
    return false;
  const auto start = parse_number(sample[first + 1].cells[0]);
  if (!start || (*start != 0 && *start != 1)) return false;
  for (size_t i = first + 1; i < sample.size(); ++i) {
    const auto number = parse_number(sample[i].cells[0]);
    if (!number || *number != *start + static_cast<double>(i - first - 1)) return false;
  }
  return true;
}

bool holds(const CsvRow& row, const std::string& name) {
  return std::find(row.begin(), row.end(), name) != row.end();
}

/// Whether the names a header must have are in `row`.
bool holds_names(const CsvRow& row, const CsvReading& reading) {
  const auto is_word_here = [&](const std::string& name) {
    return !parse_number(name) && holds(row, name);
  };
  for (const auto* names : {&reading.as_written, &reading.leave_out, &reading.expected}) {
    if (std::any_of(names->begin(), names->end(), is_word_here)) return true;
  }
  if (reading.expected.empty()) return false;
  const std::set<std::string> cells(row.begin(), row.end());
  return std::all_of(reading.expected.begin(), reading.expected.end(),
                     [&](const std::string& name) { return cells.count(name) == 1; });
}

/// Whether the numbers of row `first`, which count columns, are no point of the table below them:
/// there are many and the next row does not count, or all numbers below have fractions.
bool counts_above_points(const Sample& sample, size_t first) {
  constexpr size_t kMany = 4, kRows = 3;
  const CsvRow& row = sample[first].cells;
  if (first + 1 == sample.size()) return false;
  if (row.size() >= kMany) return !name_columns(numbers_in(sample[first + 1].cells));
  const auto has_fraction = [](const std::string& cell) {
    return cell.find_first_of(".,eE") != std::string::npos;
  };
  const bool may_be_names = row.size() > 1 || row[0] == "0";  // as pandas calls a nameless series
  return may_be_names && sample.size() - first > kRows &&
         std::all_of(sample.begin() + static_cast<std::ptrdiff_t>(first) + 1, sample.end(),
                     [&](const SampledRow& below) {
                       return std::all_of(below.cells.begin(), below.cells.end(), has_fraction);
                     });
}

/// Whether row `first`, whose cells are of these kinds, has words where the next has none.
bool differs_from_next(const Sample& sample, size_t first, const std::vector<CellKind>& kinds) {
  if (first + 1 == sample.size()) return false;
  const CsvRow& row = sample[first].cells;
  const CsvRow& below = sample[first + 1].cells;
  const auto numbers = numbers_in(row);
  size_t above_numbers = 0;
  for (size_t i = 0; i < std::min(row.size(), below.size()); ++i) {
    if (kinds[i] > CellKind::kMissing && parse_number(below[i])) ++above_numbers;
  }
  if (2 * above_numbers > row.size()) return true;
  if (rise_outside_columns(sample, first)) return true;
  if (!name_columns(numbers)) return false;
  return above_numbers > 0 || (numbers.size() > 2 && !name_columns(numbers_in(below)));
}

/// Whether row `first` has no name but words that its columns of words have below it, too.
bool has_only_words_of_columns(const Sample& sample, size_t first) {
  if (first + 1 == sample.size()) return false;
  const CsvRow& row = sample[first].cells;
  const auto below = sample.begin() + static_cast<std::ptrdiff_t>(first) + 1;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!is_word(row[i])) continue;
    const bool above_number = i < below->cells.size() && !is_text({below->cells[i]});
    if (above_number || std::none_of(below, sample.end(), [&](const SampledRow& other) {
          return i < other.cells.size() && other.cells[i] == row[i];
        })) {
      return false;
    }
  }
  return true;
}

bool is_header(const Sample& sample, size_t first, const CsvReading& reading) {
  const CsvRow& row = sample[first].cells;
  if (reading.header == Header::kNo) return false;
  if (holds_names(row, reading)) return true;
  std::vector<CellKind> kinds;
  for (const std::string& cell : row) kinds.push_back(kind_of_cell(cell));
  const auto count = [&](CellKind kind) { return std::count(kinds.begin(), kinds.end(), kind); };
  const auto words = count(CellKind::kWord), numbers = count(CellKind::kNumber);
  if (count(CellKind::kComma) + count(CellKind::kThousandOrComma) + count(CellKind::kGrouped) > 0) {
    return rise_outside_columns(sample, first);
  }
  if (numbers == 0) return words > 0 && !has_only_words_of_columns(sample, first);
  if (is_coarser_than_below(sample, first) || is_above_an_index(sample, first)) return true;
  if (static_cast<size_t>(numbers) < row.size()) return differs_from_next(sample, first, kinds);
  return (name_columns(numbers_in(row)) && counts_above_points(sample, first)) ||
         rise_outside_columns(sample, first) || rises_above_points(sample, first);
}

/// Whether the first cells of the rows from `first` on are names of rows: words, or whole numbers,
/// none of them twice.
bool begin_with_row_names(const Sample& sample, size_t first) {
  std::set<std::string> names;
  for (size_t i = first; i < sample.size(); ++i) {
    const auto number = parse_number(sample[i].cells[0]);
    if (number && *number != std::floor(*number)) return false;
    if (!names.insert(sample[i].cells[0]).second) return false;
  }
  return true;
}

bool all_words(const CsvRow& row) {
  return std::all_of(row.begin(), row.end(),
                     [](const std::string& cell) { return kind_of_cell(cell) == CellKind::kWord; });
}

/// A line above the table: what it has, and what others have.
std::string width_text(const SampledRow& row, size_t width) {
  return "line " + std::to_string(row.line) + " has " + std::to_string(row.cells.size()) +
         " columns where the lines below have " + std::to_string(width);
}

/// Checks that the rows before `first` are remarks above the table, and says that they are left
/// out.
void leave_out_above(const Sample& sample, size_t first, CsvLayout& layout, char separator,
                     const std::string& where) {
  if (first == 0) return;
  for (size_t i = 0; i < first; ++i) {
    if (!parse_number(sample[i].cells[0])) continue;
    throw DataError(where + ": " + width_text(sample[i], layout.width) +
                    "; complete the row or quote cells with separators");
  }
  const SampledRow& last = sample[first - 1];
  const bool may_be_a_header =
      !is_empty(last.cells) && (last.cells.size() > 1 || (separator == ',' && layout.width == 2));
  if (may_be_a_header && layout.header.empty()) {
    throw DataError(where + ": " + width_text(last, layout.width) +
                    "; if it is the header, name every column, else remove it" +
                    (separator != ',' || last.cells.size() >= layout.width ? ""
                     : last.cells.size() == 1
                         ? " (or if it is one of decimal commas, write points)"
                         : " (numbers with decimal commas need ; between them)"));
  }
  layout.said.push_back("left out what stands above the table, to line " +
                        std::to_string(last.line));
}

/// The header if row `first` is a remark or names of groups of columns above it, which spreadsheets
/// fill up with empty cells to the table's width; else `first`.
size_t below_remarks(const Sample& sample, size_t first, size_t width, const CsvReading& reading) {
  const auto is_filled_up = [&](size_t i) {
    const CsvRow& row = sample[i].cells;
    return row[width - 1].empty() || std::count(row.begin(), row.end(), "") > 1;
  };
  if (width < 2 || !is_filled_up(first) || holds_names(sample[first].cells, reading)) return first;
  for (size_t i = first + 1; i + 1 < sample.size(); ++i) {
    const CsvRow& row = sample[i].cells;
    if (row.size() != width || is_filled_up(i)) continue;
    const bool whole = std::none_of(row.begin(), row.end(), std::mem_fn(&std::string::empty));
    const bool is_above_points = !numbers_in(sample[i + 1].cells).empty();
    return whole && are_apart(row) && is_above_points && is_header(sample, i, reading) ? i : first;
  }
  return first;
}

/// Takes names from a comment directly above row `first`, as numpy.savetxt writes them.
void take_names_of_comment(const Sample& sample, size_t first, CsvLayout& layout) {
  const CsvComments& comments = sample[first].after.comments();
  const size_t above = first == 0 ? 0 : sample[first - 1].line;
  if (comments.count == 0 || comments.last_line < above) return;
  const CsvRow names = sample[first].after.cells_of_comment();
  if (names.size() != layout.width || !all_words(names)) return;
  layout.header = names;
  layout.said.push_back("columns are named by the comment in line " +
                        std::to_string(comments.last_line));
}

/// Says what row `first` is taken for if it could be otherwise: if it is of numbers, or of words as
/// what stands below it.
void say_header(const Sample& sample, size_t first, bool header, CsvLayout& layout) {
  const SampledRow& row = sample[first];
  const auto numbers = numbers_in(row.cells);
  const bool numbered = numbers.size() == layout.width;
  const bool above_text = first + 1 < sample.size() && is_text(sample[first + 1].cells);
  const bool doubtful = header ? numbered || above_text : numbered && name_columns(numbers);
  if (layout.width < 2 || !doubtful) return;
  layout.said.push_back("line " + std::to_string(row.line) + " (" + row.cells[0] + ", " +
                        row.cells[1] + (layout.width > 2 ? ", …" : "") + ") is taken for " +
                        (header ? "the names of the columns" : "a point and not for a header"));
}

}  // namespace

bool fits(const CsvRow& row, size_t width) {
  return row.size() >= width &&
         std::all_of(row.begin() + static_cast<std::ptrdiff_t>(width), row.end(),
                     [](const std::string& cell) { return cell.empty(); });
}

bool is_empty(const CsvRow& row) {
  return fits(row, 0);
}

bool is_text(const CsvRow& row) {
  return std::none_of(row.begin(), row.end(), [](const std::string& cell) {
    return kind_of_cell(cell) <= CellKind::kGrouped;
  });
}

void refuse_no_rows(const CsvRows& rows, const std::string& below, const std::string& where) {
  const size_t comments = rows.comments().count;
  throw DataError(where + " has zero rows" + below +
                  (comments == 0 ? "; give it some"
                                 : " but " + count_text(static_cast<int64_t>(comments), "comment") +
                                       "; if those are rows, put their first cells in quotes"));
}

CsvLayout find_layout(std::string_view text, const CsvReading& reading, const std::string& where) {
  const auto announced = announced_separator(text);
  const char separator = announced ? *announced : find_separator(text, reading.separators, where);
  CsvLayout layout{{}, 0, CsvRows(text, separator, where), {}};
  CsvRow ignored;
  if (announced) layout.rows.next(ignored);
  Sample sample = sample_of(layout.rows);
  if (sample.empty()) {
    layout.rows.next(ignored);
    refuse_no_rows(layout.rows, "", where);
  }

  layout.width = usual_width(sample);
  while (layout.width > 1 && last_is_empty(sample, layout.width)) --layout.width;
  size_t first = 0;
  bool ended = false;
  while (!fits(sample[first].cells, layout.width) ||
         (layout.width > 1 && is_empty(sample[first].cells))) {
    if (++first < sample.size()) continue;
    throw DataError(where + ": most rows have " + std::to_string(layout.width) +
                    " cells, and those hold nothing; give it points");
  }
  for (SampledRow& row : sample) {
    if (!fits(row.cells, layout.width)) continue;
    ended |= row.cells.size() > layout.width;
    row.cells.resize(layout.width);
  }
  if (ended) layout.said.push_back("left out separators at the end of lines");
  first = below_remarks(sample, first, layout.width, reading);

  const bool header = is_header(sample, first, reading);
  if (header) {
    layout.header = sample[first].cells;
  } else if (first > 0 && sample[first - 1].cells.size() + 1 == layout.width &&
             !(separator == ',' && layout.width == 2) && all_words(sample[first - 1].cells) &&
             begin_with_row_names(sample, first)) {
    layout.header = sample[--first].cells;
    layout.header.insert(layout.header.begin(), "");
    ++first;
  }
  const bool short_header = !header && !layout.header.empty();
  leave_out_above(sample, short_header ? first - 1 : first, layout, separator, where);
  say_header(sample, first, header, layout);
  if (layout.header.empty()) take_names_of_comment(sample, first, layout);
  if (header) {
    layout.rows = sample[first].after;
  } else if (first > 0) {
    layout.rows = sample[first - 1].after;
  }
  return layout;
}

}  // namespace clade
