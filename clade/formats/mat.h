#pragma once
#include <torch/types.h>

#include <string>

namespace clade {

/// The matrix of real numbers called `variable` in MATLAB's .mat file `path`, version 5 to 7, by
/// libmatio. It comes as it lies there, column by column: MATLAB's [R, C] is [C, R] float32. Throws
/// DataError where there is none or the file is broken or truncated, Error without
/// CLADE_WITH_MATIO.
torch::Tensor read_mat(const std::string& path, const std::string& variable);

}  // namespace clade
