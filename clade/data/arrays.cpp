#include "clade/data/arrays.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/data/svhn.h"
#include "clade/formats/csv_cells.h"
#include "clade/formats/h5ad.h"
#include "clade/formats/idx.h"
#include "clade/formats/mat.h"
#include "clade/formats/npy.h"
#include "clade/formats/npz.h"
#include "clade/formats/numbers.h"
#include "clade/formats/sparse.h"

namespace clade {
namespace {

using Names = std::vector<std::string>;

constexpr std::array kUsualPoints = {"x", "X", "images", "data"};
constexpr std::array kUsualLabels = {"y", "labels", "target"};

bool has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_usual_label(const std::string& name) {
  return std::find(kUsualLabels.begin(), kUsualLabels.end(), name) != kUsualLabels.end();
}

/// {"X (32x32x3x100 uint8)", "settings (1x1 struct)"}.
Names contents_of(const DataFile& file, const std::string& where) {
  if (file.format == Format::kNpz) return npz_contents(file.bytes, where);
  if (file.format == Format::kH5ad) return array_names(file, where);
  Names contents;
  for (const MatVariable& variable : mat_variables(where)) {
    contents.push_back(variable.name + " (" + shape_text(variable.sizes) + " " + variable.kind +
                       ")");
  }
  return contents;
}

[[noreturn]] void refuse_several(const DataFile& file, const Names& names,
                                 const std::string& where) {
  throw DataError(where + " holds several arrays: " + one_of(contents_of(file, where)) +
                  "; name the one to read: " + where + ":" + names.front());
}

/// Those that may be points and are not called so. Of a .mat file, where settings and labels stand
/// beside them, numbers in more than one row, or else any numbers.
Names other_points(const DataFile& file, const Names& names, const std::string& where) {
  Names others, rows;
  if (file.format == Format::kH5ad) return h5ad_matrices(where);
  if (file.format == Format::kNpz) {
    std::copy_if(names.begin(), names.end(), std::back_inserter(others),
                 [](const auto& name) { return !is_usual_label(name); });
    return others;
  }
  for (const MatVariable& variable : mat_variables(where)) {
    if (!variable.numbers || is_usual_label(variable.name)) continue;
    others.push_back(variable.name);
    if (!variable.sizes.empty() && variable.sizes[0] > 1) rows.push_back(variable.name);
  }
  if (!others.empty()) return rows.empty() ? others : rows;
  throw DataError(where + " holds no points but " + one_of(contents_of(file, where)) +
                  "; save their numbers as a matrix with -v7, or in Python as .npy");
}

std::string choose_points(const DataFile& file, const Names& names, const std::string& where) {
  for (const char* usual : kUsualPoints) {
    if (has(names, usual)) return usual;
  }
  const Names others = other_points(file, names, where);
  if (others.size() == 1) return others.front();
  refuse_several(file, others.empty() ? names : others, where);
}

/// What labels of the array `points` may be called, the likeliest first.
Names partners(const std::string& points) {
  Names all;
  if (points[0] == 'x' || points[0] == 'X') {
    all.push_back((points[0] == 'x' ? 'y' : 'Y') + points.substr(1));
    all.push_back('y' + points.substr(1));
  }
  for (const std::string word : {"images", "data"}) {
    const size_t at = points.find(word);
    if (at == std::string::npos) continue;
    for (const char* label : {"labels", "target"}) {
      all.push_back(std::string(points).replace(at, word.size(), label));
    }
  }
  all.insert(all.end(), kUsualLabels.begin(), kUsualLabels.end());
  return all;
}

/// The array of labels that stands beside `points`, or "".
std::string labels_beside(const std::string& points, const Names& names) {
  for (const std::string& name : partners(points)) {
    if (name != points && has(names, name)) return name;
  }
  return "";
}

Array read_array(const DataFile& file, const ArrayPath& path) {
  switch (file.format) {
    case Format::kIdx:
      return parse_idx(file.bytes, path.file);
    case Format::kNpy:
      return parse_npy(file.bytes, path.file);
    case Format::kMat:
      return read_mat_points(path.file, path.entry);
    case Format::kH5ad:
      return path.entry == "X" || path.entry.find('/') != std::string::npos
                 ? read_h5ad_matrix(path.file, path.entry)
                 : read_h5ad_column(path.file, path.entry);
    default:
      return parse_npz(file.bytes, path.entry, path.file);
  }
}

void require_numbers(const Array& array, const std::string& where) {
  if (array.values.defined()) return;
  throw DataError(where + " holds words ('" + array.words.front() +
                  "'), not numbers; give words as labels (--labels), and points as numbers");
}

Names read_labels(const DataFile& file, const ArrayPath& path, std::string& note) {
  const std::string where = path.file + (path.entry.empty() ? "" : ":" + path.entry);
  const Names texts = without_marks(spell_labels(read_array(file, path), where), note);
  if (file.format != Format::kMat || !holds_svhn_images(path.file)) return texts;
  const auto digits = svhn_digits(texts);
  if (!digits) return texts;
  add_note("SVHN's layout: its label 10 is the digit 0", note);
  return *digits;
}

/// Labels that nobody asked for: taken if they are labels of `n` points.
LabelTexts labels_if_any(const DataFile& file, const ArrayPath& path, int64_t n,
                         std::string& note) {
  const std::string where = path.file + ":" + path.entry;
  std::string why;
  try {
    Names texts = read_labels(file, path, note);
    if (static_cast<int64_t>(texts.size()) == n) return texts;
    why = where + " has " + std::to_string(texts.size()) + " for " + std::to_string(n) + " points";
  } catch (const DataError& error) {
    why = error.what();
  }
  add_note("without labels: " + why, note);
  return std::nullopt;
}

/// [N, K], in each row at most a single one among zeros.
bool is_one_hot(const torch::Tensor& values) {
  if (values.dim() != 2 || values.size(1) < 2) return false;
  const auto bits = values.eq(0).logical_or(values.eq(1)).all();
  return bits.item<bool>() && values.sum(1).le(1).all().item<bool>();
}

}  // namespace

std::vector<std::string> array_names(const DataFile& file, const std::string& where) {
  if (file.format == Format::kNpz) return npz_names(file.bytes, where);
  if (file.format == Format::kH5ad) {
    Names names = h5ad_matrices(where);
    for (auto& column : h5ad_columns(where)) names.push_back(std::move(column));
    return names;
  }
  Names names;
  for (const MatVariable& variable : mat_variables(where)) names.push_back(variable.name);
  return names;
}

std::optional<std::vector<std::string>> spell_one_hot(const torch::Tensor& values,
                                                      const std::vector<std::string>& names) {
  if (!is_one_hot(values)) return std::nullopt;
  const auto classes = values.argmax(1);   // [N]
  const auto known = values.ne(0).any(1);  // [N]
  std::vector<std::string> texts(static_cast<size_t>(values.size(0)));
  for (int64_t i = 0; i < values.size(0); ++i) {
    if (!known[i].item<bool>()) continue;
    const auto column = classes[i].item<int64_t>();
    texts[static_cast<size_t>(i)] =
        names.empty() ? std::to_string(column) : names[static_cast<size_t>(column)];
  }
  return texts;
}

std::vector<std::string> without_marks(std::vector<std::string> labels, std::string& note) {
  std::set<std::string> marks;
  for (std::string& label : labels) {
    const auto number = parse_number(label);
    if (number ? !std::isnan(*number) : !is_no_word(label)) continue;
    if (!number && !label.empty()) marks.insert(label);
    label.clear();
  }
  if (!marks.empty()) {
    add_note(quoted({marks.begin(), marks.end()}) + (marks.size() == 1 ? " is" : " are") +
                 " taken for unknown labels; call a class otherwise",
             note);
  }
  return labels;
}

std::vector<std::string> spell_labels(const Array& array, const std::string& where) {
  if (!array.values.defined()) return array.words;
  if (auto texts = spell_one_hot(array.values)) return std::move(*texts);
  const int64_t n = array.values.size(0);
  if (array.values.numel() != n) {
    throw DataError(where + " holds " + shape_text(array.values.sizes().vec()) +
                    " numbers; labels are one whole number a point, or one-hot");
  }
  std::vector<std::string> texts;
  if (!array.values.is_floating_point()) {
    const auto numbers = array.values.reshape({n}).to(torch::kInt64);
    for (int64_t i = 0; i < n; ++i) texts.push_back(std::to_string(numbers.data_ptr<int64_t>()[i]));
    return texts;
  }
  const auto numbers = array.values.reshape({n}).to(torch::kFloat64);
  for (int64_t i = 0; i < n; ++i) {
    const double number = numbers.data_ptr<double>()[i];
    if (std::isnan(number)) {
      texts.emplace_back();
      continue;
    }
    if (number != std::floor(number) || std::abs(number) >= 0x1p53) {
      throw DataError(where + ": row " + std::to_string(i) + " (counted from 0) is " +
                      std::to_string(number) +
                      "; labels must be whole numbers or words (without any: --labels none)");
    }
    texts.push_back(std::to_string(static_cast<int64_t>(number)));
  }
  return texts;
}

bool holds_words(const DataFile& file, const ArrayPath& path) {
  const bool named = !file.is_archive() || !path.entry.empty();
  return named && !read_array(file, path).values.defined();
}

ArrayPoints read_array_points(const DataFile& file, const ArrayPath& path,
                              const LabelsInside& labels, const std::string& trained) {
  if (!file.is_archive()) {
    ArrayPoints points{read_array(file, path), {}};
    require_numbers(points.array, path.file);
    return points;
  }
  const Names names = array_names(file, path.file);
  ArrayPath chosen = path;
  ArrayPoints points;
  if (file.format == Format::kNpz && path.entry.empty() && is_sparse_matrix(names)) {
    points.array = parse_sparse_matrix(file.bytes, path.file);
  } else {
    if (path.entry.empty()) chosen.entry = choose_points(file, names, path.file);
    points.array = read_array(file, chosen);
    require_numbers(points.array, path.file + ":" + chosen.entry);
  }
  if (!labels) return points;
  const std::string asked = labels->empty() && has(names, trained) ? trained : *labels;
  if (!asked.empty()) {
    points.labels = read_labels(file, {path.file, asked}, points.array.note);
  } else if (const auto beside = labels_beside(chosen.entry, names); !beside.empty()) {
    points.labels =
        labels_if_any(file, {path.file, beside}, points.array.values.size(0), points.array.note);
  }
  return points;
}

std::vector<std::string> read_array_labels(const DataFile& file, const ArrayPath& path,
                                           std::string& note) {
  ArrayPath chosen = path;
  if (file.is_archive() && path.entry.empty()) {
    const Names names = array_names(file, path.file);
    chosen.entry = names.size() == 1 ? names.front() : labels_beside("x", names);
    if (chosen.entry.empty()) refuse_several(file, names, path.file);
  }
  return read_labels(file, chosen, note);
}

}  // namespace clade
