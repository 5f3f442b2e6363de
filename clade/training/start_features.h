#pragma once
#include <torch/types.h>

#include <string>

#include "clade/core/random.h"
#include "clade/data/dataset.h"

namespace clade {

/// What is clustered, of the N training points.
struct Clustered {
  torch::Tensor values;  // [N, d] float32
  std::string said_of;   ///< What the values are, for people.
};

/// Whether layouts see edges, by `of`, which is TrainOptions::start_features: only images of 16
/// pixels a side or more have them, and "auto" takes them if a third of the pixels' variance or
/// more is how light each image is as a whole, as of photographs.
bool sees_edges(const Splits& data, const std::string& of);

/// What of the training points a layout sees. Of images by their edges, see sees_edges(), they are
/// their oriented gradients, whatever their light and colours. Else they are values: pixels and
/// levels as they are, other numbers as standardised, a column of words, of which each word is a
/// feature, weighing as one of numbers, and of counts log(1 + x / total · median total), a cell's
/// sequencing depth being no property of it. Of more than 50 features their 50 first principal
/// components. Counts are 200 columns or more, no image, of whole numbers of which none is negative
/// and a third is 0.
Clustered layout_features(const Splits& data, const std::string& of, Generator& generator);

/// x, [N, D], or its 50 first principal components if it has more features.
torch::Tensor principal_features(const torch::Tensor& x, Generator& generator);

}  // namespace clade
