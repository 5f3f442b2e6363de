#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clade/data/dataset.h"
#include "clade/data/row_index.h"

namespace clade {

/// data.labels for points without any, whatever labels stand beside them.
inline constexpr const char* kNoLabels = "none";

/// Points as a file or a named set holds them, before any preprocessing.
struct Points {
  std::string name;            ///< The file or named set, for messages.
  torch::Tensor values;        ///< [N, D] uint8, int64, float32 or float64, C order. Floating
                               ///< ones are finite, as float32 too, but for missing cells, which
                               ///< are NaN if they are to be filled in (see fill_missing()).
  std::vector<int64_t> shape;  ///< Of one point, D numbers in all; no sizes of one but of colours.
  std::vector<std::string> columns;      ///< Names of the D features; empty where they have none.
  torch::Tensor labels;                  ///< [N] int64, or undefined where none is known.
  std::vector<std::string> label_names;  ///< label_names[label].
  std::string note;                      ///< What the reader left out or found; may be empty.
  std::vector<Part> parts = {};          ///< [N], or empty: then all are one heap.
  PointNames names = {};                 ///< Files of images, a table's data.id; may be none.
  torch::Tensor rows;        // [N] int64, which row of the table each is; undefined if all are here
  int64_t rows_of_file = 0;  ///< How many rows the table had, with those left out; 0 if undefined.
  RowIndex index = {};       ///< What the table calls its points: data.id, or what it leaves out.
  TableReading table = {};   ///< As the table was read, with what became of its words.
  ImageReading images = {};  ///< As the folder of images was read, with the bits they have.
};

/// The features a trained model reads; none of a model that is yet to be trained.
struct KnownFeatures {
  std::vector<std::string> names;  ///< Of each, if its table had names; or empty.
  int64_t count = 0;               ///< How many, 0 if there is no such model.

  bool any() const { return count > 0; }
};

/// Says which of `labels` are classes though such words mean unknown elsewhere; "" if none is.
std::string said_of_marks(const std::vector<std::string>& labels);

/// Numbers each of `texts`, sets points.labels and points.label_names: first `known`, a trained
/// model's, then those not among them, numbers by size and words by alphabet. Where all known
/// labels are words, and all numbers are places among them, a number stands for the label of that
/// place, from 0, and points.note says so.
///
/// "" is an unknown label, kUnknownLabel and no class. So is -1, but for three cases: one of
/// `known` or another of `texts` is negative too, or -1 and 1 are all there are, the classes of
/// many a table. How many are unknown, and what could be meant otherwise, is added to points.note.
void encode_labels(std::vector<std::string> texts, const std::vector<std::string>& known,
                   Points& points);

/// The labels in `path` if they are words, [N] int64 by encode_labels(): a table of a column of
/// them, and at most one beside it that numbers or names the rows; or an array. Whether the first
/// of a table is a header follows from N, if that can be one of `counts`. Nothing if it holds no
/// words, or names of rows beside numbers. Labels that name their rows are joined to `rows` by
/// rows_by_name(). Throws DataError for a file that cannot be read, or words that are neither.
std::optional<torch::Tensor> read_word_labels(const std::string& path,
                                              const std::vector<int64_t>& counts,
                                              const RowIndex& rows = {});

/// Whether `labels` names a file of them and not, in the data of `path`, a column or an array,
/// which goes before a file that happens to be called so. With a folder, ./kind, it is a file.
bool is_label_file(const std::string& labels, const std::string& path);

/// Reads `path` (FILE, FILE.npz:ARRAY, FILE.mat:NAME, or a folder of images) and its labels.
/// `labels` is a file of them (any format, one a point), if is_label_file(); a column of a table
/// (its name, or its number from 1), an array of the same .npz or .mat, kNoLabels, or "": none,
/// except that an archive of arrays, a folder with subfolders and a table or an archive with
/// table.labels bring their own. Which arrays those are, read_array_points() says. `reading` and
/// `expected` are read_image_folder()'s, `table` and `known` read_table()'s.
///
/// Labels are numbered by encode_labels(); an empty cell and NaN are unknown ones. Throws DataError
/// where a file cannot be read, holds NaN or infinities, or labels are not whole numbers or words,
/// or of another length than the points.
Points read_points(const std::string& path, const std::string& labels,
                   const std::vector<std::string>& known_labels = {},
                   const ImageReading& reading = {}, const std::vector<int64_t>& expected = {},
                   const TableReading& table = {}, const KnownFeatures& known = {});

/// "column 'age'", "feature 5" or "pixel [4, 7]".
std::string feature_text(const Points& points, int64_t feature);

/// "row 3 (counted from 0), column 'age'", by the rows of the table, of which points may be some.
std::string position_text(const Points& points, int64_t row, int64_t feature);

}  // namespace clade
