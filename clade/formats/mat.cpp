#include "clade/formats/mat.h"

#include <algorithm>

#include "clade/core/error.h"

#ifdef CLADE_WITH_MATIO
#include <matio.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>

#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/formats/bytes.h"
#include "clade/formats/gzip.h"
#include "clade/formats/numbers.h"
#endif

namespace clade {
namespace {

constexpr size_t kHeader = 128;  // text, then version and byte order

}  // namespace

bool is_mat(std::string_view start) {
  if (start.substr(0, 19) == "MATLAB 5.0 MAT-file") return true;
  // Its text may be anything, but no zeros.
  const auto end = start.substr(std::min(start.size(), kHeader - 4), 4);
  return end == std::string_view("\0\1IM", 4) || end == std::string_view("\1\0MI", 4);
}

#ifdef CLADE_WITH_MATIO

namespace {

constexpr size_t kTag = 8;
constexpr uint32_t kPacked = 15;              // miCOMPRESSED
constexpr uint64_t kMostNumbersAByte = 1032;  // deflate packs no better

using MatFile = std::unique_ptr<mat_t, decltype(&Mat_Close)>;
using MatMatrix = std::unique_ptr<matvar_t, decltype(&Mat_VarFree)>;

DataError broken_mat(const std::string& path, const std::string& why) {
  return DataError(path + " is a broken .mat file (" + why + "); copy it again");
}

/// Of a variable in the file, whole or packed.
struct MatElement {
  uint64_t at;
  uint64_t size;
  bool packed;
};

bool is_big_endian(const std::string& path) {
  const std::string start = read_start(path, kHeader);
  if (start.size() < kHeader && is_mat(start)) throw broken_mat(path, "truncated");
  const std::string mark = start.size() < kHeader ? "" : start.substr(kHeader - 2, 2);
  if (mark != "IM" && mark != "MI") {
    throw DataError(path + " is no .mat file of version 5 to 7; save it with -v7");
  }
  const bool big_endian = mark == "MI";
  if (load_number<uint16_t>(&start[kHeader - 4], big_endian) != 0x0100) {
    throw DataError(path + " is a .mat file of a version that is not read; save it with -v7");
  }
  return big_endian;
}

/// All of them must be there: libmatio takes what a truncated file lacks for zeros.
std::vector<MatElement> elements_of(const std::string& path) {
  const bool big_endian = is_big_endian(path);
  std::ifstream file(path, std::ios::binary);
  const uint64_t end = std::filesystem::file_size(path);
  std::vector<MatElement> elements;
  for (uint64_t at = kHeader; at < end; at += elements.back().size) {
    char tag[kTag];
    file.seekg(static_cast<std::streamoff>(at));
    if (!file.read(tag, kTag)) throw broken_mat(path, "truncated");
    at += kTag;
    const auto size = load_number<uint32_t>(&tag[4], big_endian);
    if (size > end - at) throw broken_mat(path, "truncated");
    elements.push_back({at, size, load_number<uint32_t>(tag, big_endian) == kPacked});
  }
  return elements;
}

/// libmatio does not look at checksums.
void check_sum(const MatElement& element, const std::string& path, const std::string& where) {
  if (!element.packed) return;
  std::string bytes(element.size, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(element.at));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw broken_mat(path, "truncated");
  }
  unpack_zlib(bytes, where);
}

MatFile open_mat(const std::string& path) {
  elements_of(path);
  MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
  if (!file) throw broken_mat(path, "no header");
  return file;
}

std::vector<int64_t> sizes_of(const matvar_t& matrix) {
  if (matrix.dims == nullptr) return {};
  return {matrix.dims, matrix.dims + std::max(matrix.rank, 0)};
}

/// How numbers are stored; of what is no full matrix of them bytes 0.
NumberFormat mat_number_format(const matvar_t& matrix) {
  const bool big = std::endian::native == std::endian::big;
  if (matrix.class_type == MAT_C_DOUBLE) return {'f', 8, big};
  if (matrix.class_type == MAT_C_SINGLE) return {'f', 4, big};
  if (matrix.class_type < MAT_C_INT8 || matrix.class_type > MAT_C_UINT64) return {'-', 0, big};
  const int place = matrix.class_type - MAT_C_INT8;  // int8, uint8, int16, ..., uint64
  return {place % 2 == 0 ? 'i' : 'u', int64_t{1} << (place / 2), big};
}

std::string kind_of(const matvar_t& matrix) {
  const NumberFormat format = mat_number_format(matrix);
  if (format.bytes > 0 && matrix.isComplex != 0) return "complex";
  if (format.kind == 'f') return format.bytes == 8 ? "double" : "single";
  if (format.bytes > 0) {
    return (format.kind == 'u' ? "uint" : "int") + std::to_string(8 * format.bytes);
  }
  switch (matrix.class_type) {
    case MAT_C_SPARSE:
      return "sparse matrix";
    case MAT_C_CELL:
      return "cell array";
    case MAT_C_STRUCT:
      return "struct";
    case MAT_C_CHAR:
      return "text";
    default:
      return "object";
  }
}

MatVariable describe(const matvar_t& matrix) {
  const bool numbers = mat_number_format(matrix).bytes > 0 || matrix.class_type == MAT_C_SPARSE;
  return {matrix.name, sizes_of(matrix), kind_of(matrix), numbers};
}

void require_real_numbers(const matvar_t& matrix, const std::string& where) {
  if (mat_number_format(matrix).bytes > 0 && matrix.isComplex == 0) return;
  const bool sparse = matrix.class_type == MAT_C_SPARSE;
  throw DataError(where + " is no full matrix of real numbers (" + kind_of(matrix) + "); save " +
                  (sparse ? "it by full()" : "its numbers as a matrix") +
                  " with -v7, or in Python by " +
                  (sparse ? "scipy.sparse.save_npz" : "numpy.save (.npy)"));
}

/// `most`: how many numbers the file can hold.
void check_sizes(const std::vector<int64_t>& sizes, uint64_t most, const std::string& where) {
  uint64_t numbers = 1;
  for (const int64_t signed_size : sizes) {
    const auto size = static_cast<uint64_t>(signed_size);
    if (size == 0 || size > most / numbers) {
      throw broken_mat(where, "more numbers, or none, than its " +
                                  std::to_string(most / kMostNumbersAByte) + " bytes hold");
    }
    numbers *= size;
  }
  if (sizes.empty()) throw broken_mat(where, "no sizes");
}

/// The variable called so, or null, and how many stand before it.
std::pair<MatMatrix, size_t> find_variable(mat_t& file, const std::string& name) {
  for (size_t place = 0;; ++place) {
    MatMatrix matrix(Mat_VarReadNextInfo(&file), Mat_VarFree);
    const bool found = matrix && matrix->name != nullptr && name == matrix->name;
    if (!matrix || found) return {std::move(matrix), place};
  }
}

/// Whether [A, B, C, ...] has its points first, as NumPy has images.
bool are_points_first(const std::vector<int64_t>& sizes) {
  if (sizes.size() == 3) return sizes[1] == sizes[2] && sizes[0] != sizes[1];
  constexpr int64_t kColours = 3;
  return sizes.size() == 4 && sizes[2] > kColours && sizes[3] == kColours;
}

}  // namespace

std::vector<MatVariable> mat_variables(const std::string& path) {
  const MatFile file = open_mat(path);
  std::vector<MatVariable> variables;
  for (;;) {
    const MatMatrix matrix(Mat_VarReadNextInfo(file.get()), Mat_VarFree);
    if (!matrix) break;
    // What belongs to objects has no name.
    if (matrix->name != nullptr && *matrix->name != '\0') variables.push_back(describe(*matrix));
  }
  if (variables.empty()) throw DataError(path + " holds no variables; save them again with -v7");
  return variables;
}

torch::Tensor read_mat_array(const std::string& path, const std::string& variable) {
  const std::string where = path + ", variable " + variable + ",";
  const MatFile file = open_mat(path);
  const auto [matrix, place] = find_variable(*file, variable);
  if (!matrix) {
    std::vector<std::string> names;
    for (const MatVariable& other : mat_variables(path)) names.push_back(other.name);
    throw DataError(path + " has no variable " + variable + "; " + suggest(variable, names));
  }
  require_real_numbers(*matrix, where);
  auto sizes = sizes_of(*matrix);
  check_sizes(sizes, kMostNumbersAByte * std::filesystem::file_size(path), where);
  check_sum(elements_of(path).at(place), path, where);
  const NumberFormat format = mat_number_format(*matrix);
  const auto expected = static_cast<uint64_t>(c10::multiply_integers(sizes) * format.bytes);
  if (Mat_VarReadDataAll(file.get(), matrix.get()) != 0 || matrix->data == nullptr ||
      matrix->nbytes != expected) {
    throw broken_mat(where, "its numbers cannot be read");
  }
  const std::string_view bytes(static_cast<const char*>(matrix->data), matrix->nbytes);
  return read_numbers(bytes, format, {sizes.rbegin(), sizes.rend()}, where);
}

torch::Tensor read_mat(const std::string& path, const std::string& variable) {
  const auto array = read_mat_array(path, variable);
  if (array.dim() == 2) return array.to(torch::kFloat32);
  throw DataError(path + ", variable " + variable +
                  ", is no matrix of two dimensions; copy the file again");
}

Array read_mat_points(const std::string& path, const std::string& variable) {
  auto array = read_mat_array(path, variable);  // [..., B, A]
  std::vector<int64_t> order(static_cast<size_t>(array.dim()));
  std::iota(order.rbegin(), order.rend(), 0);
  if (array.dim() == 2) {
    const bool is_row = array.size(1) == 1;
    return {(is_row ? array : array.permute(order)).contiguous()};
  }
  const std::vector<int64_t> sizes = array.permute(order).sizes().vec();
  const bool first = are_points_first(sizes);
  if (!first) std::rotate(order.begin(), order.end() - 1, order.end());
  Array points{array.permute(order).contiguous()};
  points.note = variable + " is " + shape_text(sizes) + ": points along its " +
                (first ? "first" : "last") + " dimension";
  return points;
}

#else

namespace {

[[noreturn]] void refuse_mat(const std::string& path) {
  throw Error(path +
              " is read by libmatio, and this clade was built without it; save it as .npy, " +
              "or build clade with -DCLADE_WITH_MATIO=ON");
}

}  // namespace

std::vector<MatVariable> mat_variables(const std::string& path) {
  refuse_mat(path);
}

torch::Tensor read_mat_array(const std::string& path, const std::string&) {
  refuse_mat(path);
}

torch::Tensor read_mat(const std::string& path, const std::string&) {
  refuse_mat(path);
}

Array read_mat_points(const std::string& path, const std::string&) {
  refuse_mat(path);
}

#endif

}  // namespace clade
