#pragma once
#include <torch/types.h>

#include <string>

#include "clade/data/points.h"

namespace clade {

/// Says how many of the rows `held_back` of `points` stand among the rows `train`, [n] int64 each,
/// if these are more than a tenth; "" if so many may do so by chance: of tables of whole numbers,
/// words among them, and of columns of few values.
std::string said_of_repeats(const Points& points, const torch::Tensor& train,
                            const torch::Tensor& held_back);

}  // namespace clade
