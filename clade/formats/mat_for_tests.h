#pragma once
#ifdef CLADE_WITH_MATIO
#include <matio.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace clade::testing {

using Matrix = std::pair<std::string, torch::Tensor>;  // [A, B, …] as MATLAB shows it

/// n − 1, …, 1, 0.
inline std::vector<int64_t> reversed(int64_t n) {
  std::vector<int64_t> all;
  while (n-- > 0) all.push_back(n);
  return all;
}

/// Bytes, int16 and float32 stay what they are, all else is double.
inline std::string write_mat(const std::string& path, const std::vector<Matrix>& matrices,
                             matio_compression compression = MAT_COMPRESSION_NONE) {
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  for (const auto& [name, matrix] : matrices) {
    auto first_fastest = matrix.permute(reversed(matrix.dim())).contiguous();
    matio_classes kind = MAT_C_DOUBLE;
    matio_types type = MAT_T_DOUBLE;
    if (matrix.scalar_type() == torch::kUInt8) {
      kind = MAT_C_UINT8, type = MAT_T_UINT8;
    } else if (matrix.scalar_type() == torch::kInt16) {
      kind = MAT_C_INT16, type = MAT_T_INT16;
    } else if (matrix.scalar_type() == torch::kFloat32) {
      kind = MAT_C_SINGLE, type = MAT_T_SINGLE;
    } else {
      first_fastest = first_fastest.to(torch::kFloat64);
    }
    std::vector<size_t> sizes(matrix.sizes().begin(), matrix.sizes().end());
    matvar_t* variable = Mat_VarCreate(name.c_str(), kind, type, static_cast<int>(matrix.dim()),
                                       sizes.data(), first_fastest.data_ptr(), 0);
    Mat_VarWrite(file, variable, compression);
    Mat_VarFree(variable);
  }
  Mat_Close(file);
  return path;
}

}  // namespace clade::testing
#endif
