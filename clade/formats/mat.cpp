#include "clade/formats/mat.h"

#include "clade/core/error.h"

#ifdef CLADE_WITH_MATIO
#include <matio.h>

#include <memory>
#include <vector>

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

/// Its sizes, the last first. `most`: how many numbers the file can hold.
std::vector<int64_t> sizes_of(const matvar_t& matrix, uint64_t most, const std::string& where) {
  std::vector<int64_t> sizes;
  uint64_t numbers = 1;
  for (int i = matrix.dims == nullptr ? 0 : matrix.rank; i-- > 0;) {
    const uint64_t size = matrix.dims[i];
    if (size == 0 || size > most / numbers) {
      throw broken_mat(where, "more numbers, or none, than its " +
                                  std::to_string(most / kMostNumbersAByte) + " bytes hold");
    }
    numbers *= size;
    sizes.push_back(static_cast<int64_t>(size));
  }
  if (sizes.empty()) throw broken_mat(where, "no sizes");
  return sizes;
}

}  // namespace

torch::Tensor read_mat_array(const std::string& path, const std::string& variable) {
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
  const auto sizes = sizes_of(*matrix, kMostNumbersAByte * bytes.size(), where);
  const auto expected = static_cast<size_t>(c10::multiply_integers(sizes)) * c10::elementSize(type);
  if (Mat_VarReadDataAll(file.get(), matrix.get()) != 0 || matrix->data == nullptr ||
      matrix->nbytes != expected) {
    throw broken_mat(where, "its numbers cannot be read");
  }
  return torch::from_blob(matrix->data, sizes, type).clone();
}

torch::Tensor read_mat(const std::string& path, const std::string& variable) {
  const auto array = read_mat_array(path, variable);
  if (array.dim() == 2) return array.to(torch::kFloat32);
  throw DataError(path + ", variable " + variable +
                  " is no matrix of two dimensions; copy the file again");
}

#else

torch::Tensor read_mat_array(const std::string& path, const std::string&) {
  throw Error(path + " is read by libmatio, and this clade was built without it; build it with " +
              "-DCLADE_WITH_MATIO=ON");
}

torch::Tensor read_mat(const std::string& path, const std::string& variable) {
  return read_mat_array(path, variable);
}

#endif

}  // namespace clade
