#pragma once
#include <torch/types.h>

#include <string>

namespace clade {

/// The array of real numbers called `variable` in MATLAB's .mat file `path`, version 5 to 7, by
/// libmatio. It comes as it lies there, first index fastest, and of its type: MATLAB's [A, B, C] is
/// [C, B, A]. Throws DataError where there is none or the file is broken or truncated, Error
/// without CLADE_WITH_MATIO.
torch::Tensor read_mat_array(const std::string& path, const std::string& variable);

/// The same of a matrix: MATLAB's [R, C] is [C, R] float32. Throws DataError for other ranks too.
torch::Tensor read_mat(const std::string& path, const std::string& variable);

}  // namespace clade
