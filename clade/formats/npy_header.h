#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

inline constexpr size_t kMostHeaderBytes = size_t{1} << 17;  // that hold any header

/// What one value of an array is, in NumPy's letters: "<f4" is {'f', 4, false}.
struct NpyType {
  char kind;       ///< 'b', 'u', 'i', 'f' numbers; 'U' words; 'S' bytes; 'O' objects, and others
  uint64_t bytes;  ///< Of one value.
  bool big_endian;
  std::string descr;  ///< As it is written, for messages.
};

/// A column of an array of records; padding has no name.
struct NpyField {
  std::string name;
  NpyType type;
};

struct NpyHeader {
  NpyType type;                  ///< Of a whole record, kind 'V', if there are fields.
  std::vector<NpyField> fields;  ///< Of a structured dtype, in their order; else none.
  bool fortran_order = false;
  std::vector<uint64_t> shape;
  size_t size = 0;  ///< Of the header: where the values begin.

  /// Bytes of the whole file, as announced; boundless if that overflows, or of a pickle.
  uint64_t announced() const;
};

/// The header of an .npy file, versions 1 to 3, as NumPy writes it and wrote it under Python 2
/// (10L). `bytes` need not go beyond the header. Throws DataError if it is broken or cut short.
NpyHeader parse_npy_header(std::string_view bytes, const std::string& where);

}  // namespace clade
