#pragma once
#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

namespace clade {

/// The number at `at`, whatever its alignment and the machine's byte order.
template <class T>
T load_number(const char* at, bool big_endian) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, at, sizeof(T));
  if (big_endian != (std::endian::native == std::endian::big)) {
    std::reverse(std::begin(bytes), std::end(bytes));
  }
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

}  // namespace clade
