#pragma once
#include <torch/types.h>

#include <string>

namespace clade {

struct Preprocessing;

/// What the data of a run are known by: each part is the same if that part of the data is, and in
/// all likelihood only then. A trained model keeps it, so that nothing goes on with other points as
/// if they were those: of a file split otherwise, some test points are points it was trained on.
struct Fingerprint {
  std::string values;  ///< Of all points as they were read, floats in 32 bits: "NxD " and an md5.
  std::string split;   ///< Which of them are for training and which for validation.
  std::string preprocessing;  ///< Shift and scale, to six digits, and whether bits are drawn.
  std::string labels;         ///< Those that a model may learn from; "" for none.
  /// All that are known, if there are such: which those are, and even the split, may follow.
  std::string all_labels = {};
};

/// The parts that follow from the points. values: [N, D]; train, validation: [n] int64 rows.
Fingerprint fingerprint_of(const torch::Tensor& values, const torch::Tensor& train,
                           const torch::Tensor& validation, const Preprocessing& preprocessing);

/// Fingerprint::labels. rows: [n] int64 of the points whose labels, [n] int64, are known to it.
std::string fingerprint_of_labels(const torch::Tensor& rows, const torch::Tensor& labels);

}  // namespace clade
