#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

// MATLAB's .mat files, version 5 to 7, by libmatio. Each call but is_mat() throws DataError for a
// file that is broken or truncated, and Error without CLADE_WITH_MATIO.

/// Whether a file that starts so is one, whole or not.
bool is_mat(std::string_view start);

struct MatVariable {
  std::string name;
  std::vector<int64_t> sizes;  ///< As MATLAB shows them; none of what is no array.
  std::string kind;            ///< "uint8", "double", "complex", "sparse matrix", "struct", ...
  bool numbers;                ///< Real or complex, full or sparse.
};

/// What `path` holds, in its order. Throws DataError if that is nothing.
std::vector<MatVariable> mat_variables(const std::string& path);

/// The array of real numbers called `variable`: uint8 (also of logical), int64 for all other whole
/// numbers, float64 or float32. It comes as it lies there, first index fastest: MATLAB's [A, B, C]
/// is [C, B, A]. Throws DataError where there is none.
torch::Tensor read_mat_array(const std::string& path, const std::string& variable);

/// The same of a matrix: MATLAB's [R, C] is [C, R] float32. Throws DataError for other ranks too.
torch::Tensor read_mat(const std::string& path, const std::string& variable);

/// The same array as points, indices as MATLAB has them. A matrix [N, D] has points in rows, [1, N]
/// is N numbers. An array of more dimensions has points along the last, as of images [H, W, N] or
/// [H, W, 3, N], but for [N, S, S] and [N, H, W, 3], which are NumPy's images; the note says which.
Array read_mat_points(const std::string& path, const std::string& variable);

}  // namespace clade
