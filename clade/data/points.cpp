#include "clade/data/points.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_map>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/data/arrays.h"
#include "clade/data/images.h"
#include "clade/data/label_file.h"
#include "clade/data/table.h"
#include "clade/formats/csv.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/data_file.h"
#include "clade/formats/encoding.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

/// Whether digits are a code, 007, or more of them than a double tells apart.
bool is_code(const std::string& text) {
  if (text.find_first_not_of("0123456789") != std::string::npos) return false;
  return (text.size() > 1 && text[0] == '0') || parse_number(text).value_or(0) >= 0x1p53;
}

/// Codes make words of all labels, so that 1 and 01 stay two.
std::vector<std::string> spell_labels(std::vector<std::string> texts, const std::string& where,
                                      std::string& note) {
  texts = without_marks(std::move(texts), note);
  std::vector<double> numbers;
  for (const std::string& text : texts) {
    const auto number = text.empty() ? std::nan("") : parse_number(text);
    if (number) numbers.push_back(*number);
  }
  const bool words =
      numbers.size() < texts.size() || std::any_of(texts.begin(), texts.end(), is_code);
  return words ? texts : spell_labels(Array{torch::tensor(numbers, torch::kFloat64)}, where);
}

/// Those in a file of any format. What had to be done to read it is added to `note`.
LabelFile read_label_file(const std::string& labels, const WantedLabels& wanted,
                          std::string& note) {
  const ArrayPath path = split_array_path(labels);
  const DataFile file = read_data_file(path.file);
  if (file.format != Format::kCsv) return {read_array_labels(file, path, note)};
  const auto [text, converted] = as_utf8(file.bytes, labels);
  if (!converted.empty()) add_note(labels + ": " + converted, note);
  LabelFile read = parse_labels(text, labels, wanted, note);
  read.labels = spell_labels(std::move(read.labels), labels, note);
  return read;
}

bool holds_word_labels(const std::string& path, const RowIndex& rows) {
  const ArrayPath array = split_array_path(path);
  const DataFile file = read_data_file(array.file);
  if (file.format != Format::kCsv) return holds_words(file, array);
  return are_word_labels(file.bytes, path, rows);
}

/// Throws DataError for a feature that varies by less than a float32 can hold.
void check_spread(const Points& points) {
  if (points.values.scalar_type() != torch::kFloat64) return;
  const auto missing = points.values.isnan();
  const auto spread = points.values.masked_fill(missing, -HUGE_VAL).amax(0) -
                      points.values.masked_fill(missing, HUGE_VAL).amin(0);  // [D]
  const auto tiny =
      spread.gt(0).logical_and(spread.lt(std::numeric_limits<float>::min())).nonzero();
  if (tiny.size(0) == 0) return;
  const auto feature = tiny[0].item<int64_t>();
  std::ostringstream value;
  value << spread[feature].item<double>();
  throw DataError(points.name + ": " + feature_text(points, feature) + " varies by no more than " +
                  value.str() + ", too little for a float32; give it in a smaller unit");
}

void check_finite(const Points& points, bool trained) {
  if (!points.values.is_floating_point()) return;
  constexpr double kMost = std::numeric_limits<float>::max();
  // Of NaN both are NaN, and compare false.
  const auto least = points.values.min().item<double>();
  if (least >= -kMost && points.values.max().item<double>() <= kMost) return;
  auto bad = points.values.abs().le(kMost).logical_not();  // [N, D]
  if (points.table.missing == "mean") bad.logical_and_(points.values.isnan().logical_not());
  if (!bad.any().item<bool>()) return;
  const auto first = bad.nonzero()[0];
  const auto row = first[0].item<int64_t>();
  const auto feature = first[1].item<int64_t>();
  std::ostringstream value;
  value << points.values[row][feature].item<double>();
  throw DataError(points.name + ": " + position_text(points, row, feature) + " is " + value.str() +
                  ", not a finite float32; fill such values in or drop their rows" +
                  (!trained && !std::isfinite(points.values[row][feature].item<double>())
                       ? " (data.missing = \"mean\" or \"drop\")"
                       : ""));
}

/// Says of the first feature whose least or largest value is -999 or another that programs write
/// for missing ones (the ends of whole numbers, and what NetCDF and others fill with), several
/// times and far from all its others, and of how many more that is so.
std::string said_of_marks_of_missing(const Points& points) {
  constexpr std::array kMarks = {99.,    999.,   9999.,  99999.,      999999.,     9999999.,
                                 32767., 32768., 65535., 2147483647., 2147483648., 1e10,
                                 1e15,   1e20,   1e30,   1e36,        9.96921e36};
  constexpr double kRounding = 1e-6;
  if (points.shape.size() > 1 || points.values.size(0) < 10) return "";
  std::string said;
  int64_t features = 0;
  for (const bool least : {true, false}) {
    const auto extreme =  // [D], NaN if a value is
        (least ? points.values.amin(0) : points.values.amax(0)).to(torch::kFloat64);
    auto marked = torch::zeros_like(extreme, torch::kBool);
    for (const double mark : kMarks) {
      marked.logical_or_(extreme.sub(least ? -mark : mark).abs().le(kRounding * mark));
    }
    const auto candidates = marked.nonzero().squeeze(1).contiguous();  // [n]
    for (int64_t i = 0; i < candidates.size(0); ++i) {
      const auto feature = candidates[i].item<int64_t>();
      const double mark = extreme[feature].item<double>();
      const auto column = points.values.select(1, feature).to(torch::kFloat64);
      const auto others = column.masked_select(column.ne(mark));
      const int64_t count = column.eq(mark).sum().item<int64_t>();
      if (count < 2 || others.numel() < 2) continue;
      const double low = others.min().item<double>(), high = others.max().item<double>();
      if ((least ? low - mark : mark - high) <= 2 * (high - low) || low == high) continue;
      if (features++ > 0) continue;
      std::ostringstream text;
      text << feature_text(points, feature) << " is " << exact_text(mark) << " in " << count
           << " of " << column.size(0) << " rows and far from that in all others";
      said = text.str();
    }
  }
  if (features == 0) return "";
  if (features > 1) said += ", as " + std::to_string(features - 1) + " more are";
  return said + "; if it means missing, leave such cells empty and set data.missing";
}

void flatten(const torch::Tensor& array, Points& points) {
  points.shape = array.sizes().slice(1).vec();
  // Sizes of one say nothing, {28, 28, 1} is a grey image; but for one row of coloured pixels.
  if (!is_colour(points.shape)) std::erase(points.shape, 1);
  if (points.shape.empty()) points.shape = {1};
  points.values = array.reshape({array.size(0), -1});
}

[[noreturn]] void refuse_labels(const std::string& labels) {
  throw DataError("there is no file of labels " + labels + "; check data.labels (columns are " +
                  "named for tables and archives only)");
}

bool is_negative(const std::string& text) {
  return parse_number(text).value_or(0) < 0;
}

/// Makes each "-1" among `texts` an unknown label, "", unless it is a class.
void read_minus_ones(const std::vector<std::string>& known, std::vector<std::string>& texts,
                     Points& points) {
  std::set<std::string> labels(texts.begin(), texts.end());
  labels.erase("");
  if (labels.erase("-1") == 0) return;
  if (std::any_of(known.begin(), known.end(), is_negative)) return;
  if (std::any_of(labels.begin(), labels.end(), is_negative)) return;
  if (known.empty() && labels == std::set<std::string>{"1"}) {
    add_note("labels -1 and 1 are taken for two classes; if -1 means unknown, leave it empty",
             points.note);
    return;
  }
  const auto unknown = std::count(texts.begin(), texts.end(), "-1");
  add_note(count_text(unknown, "label") + " of -1 mean" + (unknown == 1 ? "s" : "") + " unknown",
           points.note);
  std::replace(texts.begin(), texts.end(), std::string("-1"), std::string());
}

/// Makes each number among `texts` the known label in its place, if all of them have one.
void read_places(const std::vector<std::string>& known, std::vector<std::string>& texts,
                 Points& points) {
  std::map<size_t, std::string> places;
  const auto is_none = [&](const std::string& text) {
    const auto number = parse_number(text);
    return number && (*number != std::floor(*number) || *number < 0 ||
                      *number >= static_cast<double>(known.size()));
  };
  if (std::any_of(texts.begin(), texts.end(), is_none)) return;
  for (std::string& text : texts) {
    const auto number = parse_number(text);
    if (!number) continue;
    const auto place = static_cast<size_t>(*number);
    text = places[place] = known[place];
  }
  if (places.empty()) return;
  const auto& [place, name] = *places.begin();
  add_note("labels that are numbers count the model's from 0: " + std::to_string(place) + " is '" +
               name + "'",
           points.note);
}

/// Makes each code among `texts`, 01, the number 1 of a model that learned it so.
void read_codes(const std::vector<std::string>& known, std::vector<std::string>& texts) {
  if (std::any_of(known.begin(), known.end(), is_code)) return;
  for (std::string& text : texts) {
    if (!is_code(text)) continue;
    const auto number = text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
    if (std::find(known.begin(), known.end(), number) != known.end()) text = number;
  }
}

/// Says which labels a trained model has never heard of.
void note_strange(const std::vector<std::string>& strange, const std::vector<std::string>& known,
                  Points& points) {
  if (known.empty() || strange.empty()) return;
  add_note("labels that the model was not trained with: " + quoted(strange) + " (it was with " +
               quoted(known) + "); if it names classes, its errors leave their points out",
           points.note);
}

/// Says how many labels are unknown, and which of the new ones may have been meant to be.
void note_unknown(const std::vector<std::string>& texts, const std::vector<std::string>& fresh,
                  Points& points) {
  const auto unknown = std::count(texts.begin(), texts.end(), "");
  if (unknown > 0) {
    add_note(std::to_string(unknown) + " of " + std::to_string(texts.size()) +
                 " points have no label; scores leave them out",
             points.note);
  }
  constexpr size_t kMany = 20;
  if (fresh.size() == texts.size() && texts.size() >= kMany) {
    add_note("every point has a label of its own; a column of names is data.id", points.note);
  }
  add_note(said_of_marks(fresh), points.note);
}

/// Of an array of records, those a trained model reads, by their names.
torch::Tensor columns_among(const Array& array, const std::vector<std::string>& wanted,
                            const std::string& path) {  // [N, D] -> [N, wanted]
  if (array.columns.empty() || wanted.empty()) return array.values;
  std::unordered_map<std::string, int64_t> places;
  for (size_t i = 0; i < array.columns.size(); ++i) {
    places.emplace(array.columns[i], static_cast<int64_t>(i));
  }
  std::vector<int64_t> columns;
  std::vector<std::string> lacking;
  for (const std::string& name : wanted) {
    const auto found = places.find(name);
    found == places.end() ? lacking.push_back(name) : columns.push_back(found->second);
  }
  if (!lacking.empty()) {
    throw DataError(path + " lacks " + std::to_string(lacking.size()) + " of the " +
                    std::to_string(wanted.size()) + " features that the model was trained on, " +
                    quoted(lacking) + "; give those under the same names");
  }
  return array.values.index_select(1, torch::tensor(columns, torch::kInt64));
}

[[noreturn]] void refuse_columns(const std::string& path) {
  throw DataError(path + " is an array; remove data.id and data.drop, which are for .csv and .tsv");
}

/// Leaves out the points of an array that hold NaN, as the rows of a table.
void drop_missing(LabelTexts& labels, Points& points) {
  const int64_t n = points.values.size(0);
  const auto kept = points.values.isnan().any(1).logical_not().nonzero().squeeze(1);  // [n] int64
  if (kept.size(0) == n) return;
  if (kept.size(0) == 0) {
    throw DataError(points.name + ": every point holds NaN; set data.missing = \"mean\"");
  }
  points.values = points.values.index_select(0, kept);
  points.names = points.names.of(kept);
  points.index = points.index.of(kept);
  points.rows = kept;
  points.rows_of_file = n;
  if (labels && static_cast<int64_t>(labels->size()) == n) labels = take_cells(*labels, kept);
  add_note("left out " + std::to_string(n - kept.size(0)) + " of " + std::to_string(n) +
               " points, in which values are missing",
           points.note);
}

LabelTexts read_single_file(const LabelsInside& labels, const TableReading& table,
                            const KnownFeatures& known, Points& points) {
  const std::string& path = points.name;
  const ArrayPath array_path = split_array_path(path);
  const DataFile file = read_data_file(array_path.file);
  if (file.format == Format::kCsv) {
    TableReading reading = table;
    if (!labels) reading.labels.clear();
    auto texts = read_table(file.bytes, labels.value_or(""), reading, known, points);
    return texts ? spell_labels(std::move(*texts), path, points.note) : LabelTexts();
  }
  if (!table.id.empty() || !table.drop.empty()) refuse_columns(path);
  if (labels && !labels->empty() && !file.is_archive()) refuse_labels(*labels);
  if (file.is_archive() && labels) points.table.labels = labels->empty() ? table.labels : *labels;
  ArrayPoints read = read_array_points(file, array_path, labels, table.labels);
  flatten(columns_among(read.array, known.names, path), points);
  points.columns =
      known.names.empty() || read.array.columns.empty() ? read.array.columns : known.names;
  points.note = read.array.note;
  if (!read.array.rows.empty()) {
    points.index = row_index(read.array.rows);
    points.names = {"cell", std::move(read.array.rows)};
  }
  if (points.values.is_floating_point()) {
    points.table.missing = table.missing;
    // As in tables: no infinity is a number.
    if (table.missing != "refuse") {
      points.values = points.values.masked_fill(points.values.isinf(), std::nan(""));
    }
  }
  if (points.table.missing == "drop") drop_missing(read.labels, points);
  return std::move(read.labels);
}

LabelTexts read_folder(const LabelsInside& labels, const ImageReading& reading,
                       const std::vector<int64_t>& expected, Points& points) {
  if (labels && !labels->empty()) refuse_labels(*labels);
  ImageFolder images = read_image_folder(points.name, reading, expected);
  flatten(images.values, points);
  points.index = file_index(images.files);
  points.names = {"file", std::move(images.files)};
  points.note = images.note;
  points.images = reading;
  points.images.bits = images.bits;
  points.parts = std::move(images.parts);
  return !labels || images.classes.empty() ? LabelTexts() : std::move(images.classes);
}

/// A label for each point, from a file of them for each row.
std::vector<std::string> label_file_of(const std::string& labels,
                                       const std::vector<std::string>& known, Points& points) {
  const bool all = !points.rows.defined();
  const int64_t n = all ? points.values.size(0) : points.rows_of_file;
  const LabelFile file = read_label_file(labels, {n, points.index, known}, points.note);
  const bool files = points.index.of_what != RowIndex::Of::rows;
  if (const auto rows = rows_by_name(points.index, file.index, labels, /*some=*/true)) {
    add_note("labels are those of " + std::string(files ? "files" : "rows") +
                 " of the same name in " + labels,
             points.note);
    const auto lost = std::count(rows->begin(), rows->end(), kNoRow);
    if (lost > 0) add_note(std::to_string(lost) + " points are not in it", points.note);
    const std::set<int64_t> used(rows->begin(), rows->end());
    const auto others = static_cast<int64_t>(file.labels.size() - used.size()) + used.count(kNoRow);
    if (others > 0) add_note(count_text(others, "row") + " of it name no point", points.note);
    std::vector<std::string> texts;
    for (const int64_t row : *rows) {
      texts.push_back(row == kNoRow ? "" : file.labels.at(static_cast<size_t>(row)));
    }
    return texts;
  }
  if (files && !names_rows(file.index, points.index)) {
    add_note(said_of_file_order(points.names.names), points.note);
  }
  if (points.index.names.empty() && !file.index.names.empty() && !file.index.counts) {
    add_note("the points have no names, so labels are taken in the order of " + labels +
                 ", whatever it calls its rows ('" + file.index.names.front() + "' and so on)",
             points.note);
  }
  if (all || static_cast<int64_t>(file.labels.size()) != n) return file.labels;
  return take_cells(file.labels, points.rows);
}

}  // namespace

std::string said_of_marks(const std::vector<std::string>& labels) {
  std::string said;
  constexpr std::array kWords = {"unlabeled", "unlabelled", "unknown", "unassigned"};
  for (const std::string& label : labels) {
    const std::string small = in_small_letters(label);
    const bool word = std::find(kWords.begin(), kWords.end(), small) != kWords.end();
    if (!word && kind_of_cell(label) != CellKind::kMissing) continue;
    add_note("the label '" + label + "' counts as a class; if it means unknown, leave it empty",
             said);
  }
  return said;
}

void encode_labels(std::vector<std::string> texts, const std::vector<std::string>& known,
                   Points& points) {
  read_minus_ones(known, texts, points);
  read_codes(known, texts);
  if (std::none_of(known.begin(), known.end(), parse_number)) read_places(known, texts, points);
  // Words stand after numbers; a NaN would break the order and counts as a word.
  const auto key = [](const std::string& text) {
    const double value = parse_number(text).value_or(HUGE_VAL);
    return std::pair(std::isnan(value) ? HUGE_VAL : value, text);
  };
  const auto before = [&](const std::string& a, const std::string& b) { return key(a) < key(b); };
  std::set<std::string, decltype(before)> fresh(before);
  fresh.insert(texts.begin(), texts.end());
  fresh.erase("");
  for (const std::string& name : known) fresh.erase(name);
  note_unknown(texts, {fresh.begin(), fresh.end()}, points);
  note_strange({fresh.begin(), fresh.end()}, known, points);
  if (std::all_of(texts.begin(), texts.end(), std::mem_fn(&std::string::empty))) return;
  points.label_names = known;
  points.label_names.insert(points.label_names.end(), fresh.begin(), fresh.end());

  std::map<std::string, int64_t> number = {{"", kUnknownLabel}};
  for (size_t i = 0; i < points.label_names.size(); ++i) {
    number.emplace(points.label_names[i], static_cast<int64_t>(i));
  }
  std::vector<int64_t> labels;
  for (const std::string& text : texts) labels.push_back(number.at(text));
  points.labels = torch::tensor(labels, torch::kInt64);
}

std::optional<torch::Tensor> read_word_labels(const std::string& path,
                                              const std::vector<int64_t>& counts,
                                              const RowIndex& rows) {
  if (!holds_word_labels(path, rows)) return std::nullopt;
  Points points;
  LabelFile file;
  for (const int64_t n : counts) {
    file = read_label_file(path, {n, rows}, points.note);
    if (static_cast<int64_t>(file.labels.size()) == n) break;
  }
  if (const auto named = rows_by_name(rows, file.index, path)) {
    file.labels = take_cells(file.labels, *named);
  }
  encode_labels(std::move(file.labels), {}, points);
  return points.labels;
}

bool is_label_file(const std::string& labels, const std::string& path) {
  std::error_code ignored;
  const auto is_file = [&](const std::string& file) {
    return std::filesystem::is_regular_file(split_array_path(file).file, ignored);
  };
  if (labels == kNoLabels || !is_file(labels)) return false;
  if (labels.find('/') != std::string::npos || !is_file(path)) return true;
  const std::string where = split_array_path(path).file;
  const DataFile data = read_data_file(where);
  if (data.format == Format::kCsv) return !has_column(data.bytes, where, labels);
  if (!data.is_archive()) return true;
  const auto names = array_names(data, where);
  return std::find(names.begin(), names.end(), labels) == names.end();
}

Points read_points(const std::string& path, const std::string& labels,
                   const std::vector<std::string>& known_labels, const ImageReading& reading,
                   const std::vector<int64_t>& expected, const TableReading& table,
                   const KnownFeatures& known) {
  std::error_code ignored;
  const bool labels_are_a_file = is_label_file(labels, path);
  const auto inside = labels == kNoLabels || labels_are_a_file ? LabelsInside() : labels;
  Points points;
  points.name = path;
  auto label_texts = std::filesystem::is_directory(path, ignored)
                         ? read_folder(inside, reading, expected, points)
                         : read_single_file(inside, table, known, points);
  check_finite(points, known.any());
  check_spread(points);
  add_note(said_of_marks_of_missing(points), points.note);
  if (labels_are_a_file) label_texts = label_file_of(labels, known_labels, points);
  if (label_texts) {
    const bool one_more = static_cast<int64_t>(label_texts->size()) == points.values.size(0) + 1;
    if (static_cast<int64_t>(label_texts->size()) != points.values.size(0)) {
      throw DataError("there are " + std::to_string(label_texts->size()) + " labels (" +
                      (labels.empty() ? path : labels) + ") for " +
                      std::to_string(points.values.size(0)) + " points (" + path +
                      "); give one label a point" +
                      (labels_are_a_file && one_more ? ", and no header that is one of them" : ""));
    }
    encode_labels(*label_texts, known_labels, points);
  }
  return points;
}

std::string feature_text(const Points& points, int64_t feature) {
  const auto column = static_cast<size_t>(feature);
  if (column < points.columns.size() && !points.columns[column].empty()) {
    return "column '" + points.columns[column] + "'";
  }
  if (points.shape.size() < 2) return "feature " + std::to_string(feature);
  std::vector<int64_t> index;
  for (auto size = points.shape.rbegin(); size != points.shape.rend(); ++size) {
    index.insert(index.begin(), feature % *size);
    feature /= *size;
  }
  std::string inside;
  for (const int64_t i : index) {
    if (!inside.empty()) inside += ", ";
    inside += std::to_string(i);
  }
  return "pixel [" + inside + "]";
}

std::string position_text(const Points& points, int64_t row, int64_t feature) {
  if (points.rows.defined()) row = points.rows[row].item<int64_t>();
  return "row " + std::to_string(row) + " (counted from 0), " + feature_text(points, feature);
}

}  // namespace clade
