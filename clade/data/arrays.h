#pragma once
#include <optional>
#include <string>
#include <vector>

#include "clade/formats/array.h"
#include "clade/formats/data_file.h"

namespace clade {

/// One text a point, "" if its label is unknown; nothing if there are no labels.
using LabelTexts = std::optional<std::vector<std::string>>;

/// Which labels are taken of a file of points: none of them if there is nothing, its own if "",
/// else the column or array so called.
using LabelsInside = std::optional<std::string>;

/// The points of an array file and, of an archive, the labels that stand beside them.
struct ArrayPoints {
  Array array;  ///< Of numbers.
  LabelTexts labels;
};

/// Reads an IDX, .npy, .npz, .mat or .h5ad file. Of an archive, as the last three are, the array
/// `path` names; else its "x", "X", "images" or "data", a sparse matrix of SciPy's, or the only
/// array that is not labels, of a .mat file the only one of numbers in several rows. Labels in a
/// file of SVHN's, 1 to 10, are digits (see svhn_digits()).
///
/// `labels` names an array of the archive, of an .h5ad a column of obs. If it is "", its own, those
/// beside the points are taken: "y" of "x", "y_train" of "x_train", "train_labels" of
/// "train_images", or "y", "labels" or "target"; but nobody asked for them, so if they are no
/// labels, or not one a point, a note says so instead. Those called `trained`, the labels of a
/// trained model's archive, go before them. Throws DataError if there is no such array,
/// or several and none is named.
ArrayPoints read_array_points(const DataFile& file, const ArrayPath& path,
                              const LabelsInside& labels, const std::string& trained);

/// The names of the arrays in the archive `file` at `where`, of an .h5ad also of the columns of
/// obs.
std::vector<std::string> array_names(const DataFile& file, const std::string& where);

/// Whether the array that `path` names holds words.
bool holds_words(const DataFile& file, const ArrayPath& path);

/// The labels in an array file, as those beside points are chosen. What was made of them is added
/// to `note`.
std::vector<std::string> read_array_labels(const DataFile& file, const ArrayPath& path,
                                           std::string& note);

/// The labels of values [N, K], K > 1, that are one-hot, in each row at most a single one among
/// zeros: the column of the one by `names`, or without these by its number from 0; "" without one.
/// Nothing of other values.
std::optional<std::vector<std::string>> spell_one_hot(const torch::Tensor& values,
                                                      const std::vector<std::string>& names = {});

/// Makes labels that programs write for none "", which is unknown: NaN, NA, null and the like. Adds
/// those of words to `note`.
std::vector<std::string> without_marks(std::vector<std::string> labels, std::string& note);

/// Labels as text, whole numbers in one spelling ("3" for 3.0), NaN as "", which is unknown: N
/// words, [N] or [N, 1] numbers, or [N, K] that are one-hot, whose class is the column of the one
/// and unknown without one. Throws DataError for other numbers.
std::vector<std::string> spell_labels(const Array& array, const std::string& where);

}  // namespace clade
