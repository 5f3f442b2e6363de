#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/random.h"
#include "clade/data/fingerprint.h"
#include "clade/data/row_index.h"

namespace clade {

/// The label of a point whose class nobody noted: no score counts it, nothing learns from it.
inline constexpr int64_t kUnknownLabel = -1;

/// The points whose labels are known, in their order. labels: [N] int64 -> [n] int64.
torch::Tensor labelled_rows(const torch::Tensor& labels);

/// What a user calls points: images by their files, rows of a table by a column of it.
struct PointNames {
  std::string title;               ///< "file", or the column's name.
  std::vector<std::string> names;  ///< One a point; empty if they have none.

  /// The names of these points, [n] int64.
  PointNames of(const torch::Tensor& rows) const;
};

/// What points are for, if the data themselves say it.
enum class Part { kTrain, kValidation, kTest };

/// Points and, where known, their labels, on one device.
struct Dataset {
  std::string name;
  torch::Tensor x;             // [N, D] float32, as the likelihood reads it
  torch::Tensor labels;        // [N] int64, kUnknownLabel among them; or undefined
  std::vector<int64_t> shape;  ///< Of one point: {D}, {H, W} a grey image, {H, W, 3} a colour one.
  std::vector<std::string> label_names;  ///< label_names[label]; empty where there are no labels.
  std::string note = {};                 ///< What their reader left out or found; may be empty.
  torch::Tensor rows = {};   // [N] int64, which point of its file each is, from 0; on the CPU
  int64_t rows_of_file = 0;  ///< How many it has if some are no points; else 0.
  PointNames names = {};
  RowIndex index = {};                    ///< What the table calls its rows: those of these points.
  std::vector<std::string> columns = {};  ///< Names of the features; empty where they have none.

  int64_t size() const { return x.defined() ? x.size(0) : 0; }
  int64_t features() const { return x.size(1); }
  /// Whether any label is known. Reads them: not for a training step.
  bool labelled() const;
  Dataset to(const torch::Device& device) const;
};

/// Whether points of this shape are colour images: H x W pixels of red, green and blue.
bool is_colour(const std::vector<int64_t>& shape);

/// Whether a point of this shape is a picture: {H, W} grey or {H, W, 3} red-green-blue.
bool is_image(const std::vector<int64_t>& shape);

/// How the files of an image folder become images of one shape.
struct ImageReading {
  std::vector<int64_t> resize;  ///< {H, W}; empty leaves every size as it is.
  bool greyscale = false;
  /// Of a channel, 8 or 16: those that a trained model reads. 0 for 16 if any image has so many.
  int64_t bits = 0;
  double white = 0;  ///< Of 16 bits, as a trained model reads them; 0 if nobody knows.
};

/// A column of words that became features of 0 and 1, one a word.
struct WordFeatures {
  std::string column;              ///< Its name, or its number from 1 in a table without names.
  int64_t first;                   ///< The feature of words[0]; those of the others follow it.
  std::vector<std::string> words;  ///< Another word, or none, is 0 in all of them.
};

/// What becomes of the columns of a table. Columns are called by name, or by number from 1.
struct TableReading {
  std::string id;                          ///< The column that names the rows; "" for none.
  std::vector<std::string> drop;           ///< Columns left out.
  std::string categories = "refuse";       ///< Of words: or "onehot".
  std::string missing = "refuse";          ///< Rows with missing cells: or "drop", or "mean".
  std::vector<WordFeatures> encoded = {};  ///< What a trained model made of words, in order.
  std::string labels = {};  ///< The labels of the table or archive a model was trained on, if it
                            ///< named them: those of another are read of it, if they are there.
};

/// How raw values become what the model reads: (raw - shift) / scale, then binarised or not; or, of
/// counts, log(1 + raw). Stored with a trained model and applied to every data set it is given
/// later.
///
/// Both are computed in the type of shift and scale and rounded to float32 only then: in float64 a
/// time or a coordinate keeps the digits in which points differ, of which float32 has none left.
/// Where nothing is taken off, and in the runs of 0.1.0, that type is float32.
struct Preprocessing {
  torch::Tensor shift;    // [D] float64 or float32
  torch::Tensor scale;    // [D] likewise, > 0
  bool binarise = false;  ///< Values are probabilities of a one, drawn anew at each presentation.
  bool counts = false;    ///< Read as log(1 + raw); shift is then 0, scale 1.
  ImageReading images = {};  ///< What comes before all this where the points are an image folder.
  std::vector<std::string> columns = {};  ///< Names of the features of a table; or empty.
  TableReading table = {};                ///< What comes before all this if they are a table.

  /// [D] float64, the value of a feature that was the same at every training point, NaN of the
  /// others. It is read as that value whatever a point has: a model cannot know what else means.
  /// Undefined if there is none, and in runs of 0.1.0.
  torch::Tensor constant = {};
  /// [D] bool, which features are whole numbers; undefined where that is not known.
  torch::Tensor whole = {};
  /// [2, D] float64, the least and the most that each feature is at the training points; undefined
  /// if `whole` is, of counts, and in older runs.
  torch::Tensor range = {};
  /// [D] float64, what stands for the missing cells of a feature: its mean over the training
  /// points. Undefined if no cell may be missing.
  torch::Tensor fill = {};
  /// Σ log scale of the features that are not constant: a density of raw values is that of x less
  /// this, in nats. Nothing in runs of 0.1.0, whose figures are of x.
  std::optional<double> log_volume = {};

  torch::Tensor apply(const torch::Tensor& raw) const;  // [N, D] of any type -> [N, D] float32

  /// What apply() made of raw values, in their units again: [N, D] -> [N, D] of shift's type.
  torch::Tensor restore(const torch::Tensor& x) const;

  /// Raw values, [N, D], as the data have them: rounded where those are whole numbers, and within
  /// the range of the training points. An answer is yes or no, and no income is negative.
  torch::Tensor as_data_are(const torch::Tensor& raw) const;

  /// `constant` as the model reads it, [D] float32; undefined if that is.
  torch::Tensor constant_as_read() const;
};

/// One presentation of a batch: a draw of its bits where `binarise`, else the batch itself.
torch::Tensor present(const torch::Tensor& x, bool binarise, Generator& generator);

struct Splits {
  Dataset train;       ///< Grey levels where `preprocessing.binarise`: present() draws the bits.
  Dataset validation;  ///< Binarised once, with a seed that depends on nothing.
  Dataset test;        ///< As validation.
  Preprocessing preprocessing;
  std::string said;  ///< What was found out about the values and chosen, one sentence.
  Fingerprint fingerprint = {};
  /// The training points whose labels a model may learn from, data.label_budget of them, all known;
  /// otherwise as `train`. Training reads no label but these.
  Dataset labelled = {};
};

/// The points of test and validation, in this order, whose labels are known: no model learned from
/// those. None of them if there are none.
Dataset held_back(const Splits& splits);

}  // namespace clade
