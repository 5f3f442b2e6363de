#pragma once
#ifdef CLADE_WITH_MATIO
#include <matio.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace clade::testing {

using Matrix = std::pair<std::string, torch::Tensor>;  // [R, C] as MATLAB shows it

inline std::string write_mat(const std::string& path, const std::vector<Matrix>& matrices,
                             matio_compression compression = MAT_COMPRESSION_NONE) {
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  for (const auto& [name, matrix] : matrices) {
    auto columns = matrix.to(torch::kFloat64).t().contiguous();
    size_t sizes[] = {static_cast<size_t>(matrix.size(0)), static_cast<size_t>(matrix.size(1))};
    matvar_t* variable = Mat_VarCreate(name.c_str(), MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sizes,
                                       columns.data_ptr<double>(), 0);
    Mat_VarWrite(file, variable, compression);
    Mat_VarFree(variable);
  }
  Mat_Close(file);
  return path;
}

}  // namespace clade::testing
#endif
