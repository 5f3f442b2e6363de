#include "clade/formats/mat.h"

#include "clade/core/error.h"

#ifdef CLADE_WITH_MATIO
#include <matio.h>

#include <memory>

#include "clade/core/files.h"
#include "clade/formats/bytes.h"
#endif

namespace clade {

#ifdef CLADE_WITH_MATIO

namespace {

constexpr size_t kHeader = 128;
constexpr size_t kTag = 8;
constexpr uint64_t kMostNumbersAByte = 1032;  // deflate packs no better

DataError broken_mat(const std::string& path, const std::string& why) {
  return DataError(path + " is a broken .mat file (" + why + "); copy it again");
}

/// libmatio takes what a truncated file lacks for zeros.
void check_whole(const std::string& bytes, const std::string& path) {
  const std::string mark = bytes.size() < kHeader ? "" : bytes.substr(kHeader - 2, 2);
  if (mark != "IM" && mark != "MI") {
    throw DataError(path + " is no .mat file of version 5 to 7; save it with -v7");
  }
  const bool big_endian = mark == "MI";
  if (load_number<uint16_t>(&bytes[kHeader - 4], big_endian) != 0x0100) {
    throw DataError(path + " is a .mat file of a version that is not read; save it with -v7");
  }
  size_t at = kHeader;
  while (at < bytes.size()) {
    if (bytes.size() - at < kTag) throw broken_mat(path, "truncated");
    const auto size = load_number<uint32_t>(&bytes[at + 4], big_endian);
    if (size > bytes.size() - at - kTag) throw broken_mat(path, "truncated");
    at += kTag + size;
  }
}

torch::ScalarType type_of(const matvar_t& matrix, const std::string& where) {
  switch (matrix.isComplex != 0 ? MAT_C_EMPTY : matrix.class_type) {
    case MAT_C_DOUBLE:
      return torch::kFloat64;
    case MAT_C_SINGLE:
      return torch::kFloat32;
    case MAT_C_UINT8:
      return torch::kUInt8;
    case MAT_C_INT16:
      return torch::kInt16;
    case MAT_C_INT32:
      return torch::kInt32;
    default:
      throw DataError(where + " is no matrix of real numbers; save it as double");
  }
}

}  // namespace

torch::Tensor read_mat(const std::string& path, const std::string& variable) {
  const std::string where = path + ", variable " + variable;
  const std::string bytes = read_file(path);
  check_whole(bytes, path);
  const std::unique_ptr<mat_t, decltype(&Mat_Close)> file(Mat_Open(path.c_str(), MAT_ACC_RDONLY),
                                                          Mat_Close);
  if (!file) throw broken_mat(path, "no header");
  const std::unique_ptr<matvar_t, decltype(&Mat_VarFree)> matrix(
      Mat_VarReadInfo(file.get(), variable.c_str()), Mat_VarFree);
  if (!matrix) throw DataError(path + " has no variable " + variable + "; copy it again");
  const auto type = type_of(*matrix, where);
  if (matrix->rank != 2 || matrix->dims == nullptr) {
    throw DataError(where + " is no matrix of two dimensions; copy the file again");
  }
  const uint64_t rows = matrix->dims[0], columns = matrix->dims[1];
  const uint64_t most = kMostNumbersAByte * bytes.size();
  if (rows == 0 || columns == 0 || rows > most || columns > most / rows) {
    throw broken_mat(where, std::to_string(rows) + "x" + std::to_string(columns) + " numbers in " +
                                std::to_string(bytes.size()) + " bytes");
  }
  if (Mat_VarReadDataAll(file.get(), matrix.get()) != 0 || matrix->data == nullptr ||
      matrix->nbytes != rows * columns * c10::elementSize(type)) {
    throw broken_mat(where, "its numbers cannot be read");
  }
  return torch::from_blob(matrix->data, {static_cast<int64_t>(columns), static_cast<int64_t>(rows)},
                          type)
      .to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
}

#else

torch::Tensor read_mat(const std::string& path, const std::string&) {
  throw Error(path + " is read by libmatio, and this clade was built without it; build it with " +
              "-DCLADE_WITH_MATIO=ON");
}

#endif

}  // namespace clade
