#include "clade/data/label_file.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/data/arrays.h"
#include "clade/data/table.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

/// `text` with its empty lines as empty cells; those at its end are left out or not.
std::string with_empty_cells(const std::string& text, bool at_end) {
  std::string cells, empty;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line == "\r") {
      empty += "\"\"\n";
      continue;
    }
    cells += empty + line + "\n";
    empty.clear();
  }
  return at_end ? cells + empty : cells;
}

constexpr int64_t kManyLines = 20;
constexpr const char* kNoBlanks = "\t;,|";  // Blanks stand in words.

/// How a file of labels is read: as it is written.
Table parse(std::string_view text, const std::string& where, Header header,
            const std::string& separators) {
  CsvReading reading;
  reading.as_written = {"1", "2"};
  reading.header = header;
  reading.separators = separators;
  return parse_csv(text, where, reading);
}

/// Labels and what is beside them, the rows' names, or null.
struct LabelColumns {
  const Column* labels;
  const Column* index;
};

/// Those of a table that holds labels alone, or beside an index, which comes first unless it names
/// the rows.
std::optional<LabelColumns> find_labels(const Table& table, const RowIndex& rows) {
  const auto& columns = table.columns;
  if (columns.size() == 1) return LabelColumns{&columns[0], nullptr};
  if (columns.size() != 2) return std::nullopt;
  const RowIndex index = row_index(columns[0].words);
  const bool unnamed = table.has_header && columns[0].written.empty();
  if (index.counts || (unnamed && are_apart(index.names)) || names_rows(index, rows)) {
    return LabelColumns{&columns[1], &columns[0]};
  }
  const RowIndex second = row_index(columns[1].words);
  if (are_apart(second.names) && names_rows(second, rows))
    return LabelColumns{&columns[0], &columns[1]};
  return std::nullopt;
}

/// Whether blanks separate labels from the names of their rows, as R's write.table has it: else
/// each line would be another label, or have its quotes where no cell ends.
bool are_blanks_between(std::string_view text, const std::string& where) {
  try {
    const Table table = parse(text, where, Header::kNo, kNoBlanks);
    const bool many = static_cast<int64_t>(table.rows.size()) >= kManyLines;
    if (!many || table.columns.size() != 1 || !are_apart(table.columns[0].words)) return false;
  } catch (const DataError&) {
    // Quotes that stand inside a cell.
  }
  try {
    const auto columns = parse(text, where, Header::kNo, " ").columns;
    return columns.size() == 2 && are_apart(columns[0].words) && !are_apart(columns[1].words);
  } catch (const DataError&) {
    return false;
  }
}

/// The labels of a table of a column a class (see spell_one_hot), and maybe an index without a name
/// before them.
std::optional<std::vector<std::string>> labels_of_one_hot(const Table& table) {
  std::vector<torch::Tensor> columns;
  std::vector<std::string> names;
  for (const Column& column : table.columns) {
    if (table.has_header && column.written.empty() && &column == &table.columns.front()) continue;
    std::vector<double> numbers = column.numbers;
    for (const std::string& word : column.words) {
      numbers.push_back(parse_number(word).value_or(std::nan("")));
    }
    columns.push_back(torch::tensor(numbers, torch::kFloat64));
    if (table.has_header) names.push_back(column.name);
  }
  if (columns.size() < 2) return std::nullopt;
  return spell_one_hot(torch::stack(columns, 1), names);
}

/// Without what stands there again, a name with the same label.
LabelFile without_repeats(LabelFile file) {
  if (file.index.names.empty() || file.index.counts) return file;
  std::set<std::pair<std::string, std::string>> seen;
  LabelFile once;
  for (size_t i = 0; i < file.labels.size(); ++i) {
    if (!seen.emplace(file.index.names[i], file.labels[i]).second) continue;
    once.index.names.push_back(file.index.names[i]);
    once.labels.push_back(file.labels[i]);
  }
  return once;
}

[[noreturn]] void refuse_columns(const Table& table, const RowIndex& rows,
                                 const std::string& where) {
  if (table.columns.size() == 2 && !rows.names.empty()) {
    const auto own = row_index(table.columns[0].words).names;
    if (!own.empty() && are_apart(own)) {
      throw DataError(where + ": its first column, '" + own.front() +
                      "' and so on, names none of the points, '" + rows.names.front() +
                      "' and so on; give the points' names, or the labels alone in their order");
    }
  }
  std::vector<std::string> names;
  for (const Column& column : table.columns) {
    if (!column.written.empty()) names.push_back(column.written);
  }
  throw DataError(where + " has " + std::to_string(table.columns.size()) + " columns" +
                  (names.empty() ? "" : " (" + quoted(names) + ")") +
                  "; a file of labels has one: give one label a row, beside nothing but the rows' "
                  "names if data.id has the same for the points");
}

/// One way to read a file of labels.
struct LabelReading {
  LabelFile file;
  std::string first;  ///< The header, or the first label; "" of one-hot labels.
  bool has_header;
  bool certain;  ///< Whether a header is no row: it names no index, or classes.

  bool first_occurs_below() const {
    const auto& labels = file.labels;
    return std::find(labels.begin() + (has_header ? 0 : 1), labels.end(), first) != labels.end();
  }

  /// Whether the first line may be what it is taken for.
  bool is_possible(const std::vector<std::string>& known) const {
    if (has_header) return certain || !first_occurs_below();
    const auto& labels = file.labels;
    if (is_called_labels(first) && labels.size() > 1 && !first_occurs_below()) return false;
    return !is_word(first) || labels.size() == 1 ||
           std::find(known.begin(), known.end(), first) != known.end() ||
           std::any_of(labels.begin() + 1, labels.end(), is_word);
  }
};

/// Nothing if the columns of `table` are others.
std::optional<LabelReading> read_labels(const Table& table, const RowIndex& rows) {
  const auto found = find_labels(table, rows);
  if (!found) {
    auto labels = labels_of_one_hot(table);
    if (!labels) return std::nullopt;
    return LabelReading{{std::move(*labels)}, "", table.has_header, /*certain=*/true};
  }
  const auto& [labels, index] = *found;
  return LabelReading{{labels->words, index == nullptr ? RowIndex() : row_index(index->words)},
                      table.has_header ? labels->written : labels->words[0],
                      table.has_header,
                      index != nullptr && table.has_header && index->written.empty()};
}

/// The readings that are possible, or else any, the likeliest first. Throws DataError if there is
/// none.
std::vector<LabelReading> readings_of(const std::string& text, const std::string& where,
                                      const WantedLabels& wanted) {
  const std::string separators = are_blanks_between(text, where) ? " " : kNoBlanks;
  std::vector<std::string> texts = {text};
  const Table table = parse(text, where, Header::kGuess, separators);
  if (table.columns.size() == 1) {
    texts = {with_empty_cells(text, false), with_empty_cells(text, true), text};
  }
  std::vector<LabelReading> readings;
  for (const Header header : {Header::kGuess, Header::kNo}) {
    for (const std::string& bytes : texts) {
      auto reading = read_labels(parse(bytes, where, header, separators), wanted.rows);
      if (reading && reading->is_possible(wanted.known)) readings.push_back(std::move(*reading));
    }
  }
  if (!readings.empty()) return readings;
  if (auto reading = read_labels(table, wanted.rows)) return {std::move(*reading)};
  refuse_columns(table, wanted.rows, where);
}

/// pandas calls a column that has no name 0.
bool has_header_of_pandas(const LabelReading& reading) {
  return !reading.has_header && reading.first == "0" && !reading.first_occurs_below();
}

}  // namespace

LabelFile parse_labels(const std::string& text, const std::string& where,
                       const WantedLabels& wanted, std::string& note) {
  auto readings = readings_of(text, where, wanted);
  for (LabelReading& reading : readings) {
    const auto size = static_cast<int64_t>(reading.file.labels.size());
    if (size == wanted.n + 1 && reading.file.index.names.empty() && has_header_of_pandas(reading)) {
      reading.file.labels.erase(reading.file.labels.begin());
      return reading.file;
    }
    if (size != wanted.n && !names_rows(reading.file.index, wanted.rows)) continue;
    if (!reading.has_header && size >= kManyLines && is_word(reading.first) &&
        !reading.first_occurs_below()) {
      add_note("'" + reading.first + "' in the first line of " + where +
                   " is taken for a label and not for a header",
               note);
    }
    return without_repeats(std::move(reading.file));
  }
  return without_repeats(std::move(readings.front().file));
}

bool are_word_labels(std::string_view bytes, const std::string& where, const RowIndex& rows) {
  const Table points = parse_csv(bytes, where);
  const auto is_of_words = std::mem_fn(&Column::of_words);
  if (std::none_of(points.columns.begin(), points.columns.end(), is_of_words)) return false;
  const Table table = parse(bytes, where, Header::kGuess, kNoBlanks);
  if (const auto found = find_labels(table, rows)) return !are_apart(found->labels->words);
  const bool only_names =
      std::all_of(points.columns.begin(), points.columns.end(),
                  [](const Column& column) { return !column.of_words() || is_index(column); });
  if (!only_names) refuse_columns(table, rows, where);
  return false;
}

}  // namespace clade
