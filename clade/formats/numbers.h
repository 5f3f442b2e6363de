#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

/// How a file writes its numbers, in NumPy's letters.
struct NumberFormat {
  char kind;      ///< 'b' bool, 'u' unsigned, 'i' signed, 'f' floating
  int64_t bytes;  ///< per number
  bool big_endian;
};

/// `bytes` as a tensor of `shape` in C order: uint8 (also for bool), int64 for all other whole
/// numbers, float64 for floating ones of 8 bytes, float32 for shorter ones. Throws DataError,
/// before allocating anything, where a dimension is empty, there are more than eight, or the bytes
/// are not exactly those of the shape.
torch::Tensor read_numbers(std::string_view bytes, const NumberFormat& format,
                           const std::vector<uint64_t>& shape, const std::string& where);

/// Bytes of a file with a header of `header` bytes and an array of `shape` whose values take
/// `bytes` each; the most there can be where that overflows.
uint64_t announced_bytes(uint64_t header, uint64_t bytes, const std::vector<uint64_t>& shape);

/// Throws DataError unless `available` bytes are exactly those of an array of `shape` whose values
/// take `bytes` each; also where a dimension is empty, or there are none or more than eight.
void check_size(uint64_t available, uint64_t bytes, const std::vector<uint64_t>& shape,
                const std::string& where);

/// The number that is all of `text`, NaN and infinities among them, NaN also where it is beyond
/// double, and 0 or the next to it where it is too small; nothing where it is no number.
std::optional<double> parse_number(std::string_view text);

/// "60000x28x28".
template <class T>
std::string shape_text(const std::vector<T>& shape) {
  std::string text;
  for (const T size : shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text;
}

}  // namespace clade
