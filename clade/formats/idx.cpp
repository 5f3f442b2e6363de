#include "clade/formats/idx.h"

#include <vector>

#include "clade/core/error.h"
#include "clade/formats/bytes.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

NumberFormat idx_number_format(unsigned char code, const std::string& where) {
  switch (code) {
    case 0x08:
      return {'u', 1, true};
    case 0x09:
      return {'i', 1, true};
    case 0x0b:
      return {'i', 2, true};
    case 0x0c:
      return {'i', 4, true};
    case 0x0d:
      return {'f', 4, true};
    case 0x0e:
      return {'f', 8, true};
    default:
      throw DataError(where + ": unknown IDX number type " + std::to_string(code) +
                      "; it must be 8, 9, 11, 12, 13 or 14: write it again as 8 (bytes)");
  }
}

}  // namespace

Array parse_idx(std::string_view bytes, const std::string& where) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) {
    throw DataError(where +
                    " is not an IDX file: it must start with two zero bytes, a number type " +
                    "and a count of dimensions; copy or download it again");
  }
  const auto format = idx_number_format(static_cast<unsigned char>(bytes[2]), where);
  const size_t dimensions = static_cast<unsigned char>(bytes[3]);
  bytes.remove_prefix(4);
  if (bytes.size() < 4 * dimensions) {
    throw DataError(where + " ends within its IDX header; it is truncated: copy or download it " +
                    "again");
  }
  std::vector<uint64_t> shape;
  for (size_t i = 0; i < dimensions; ++i) {
    shape.push_back(load_number<uint32_t>(bytes.data() + 4 * i, /*big_endian=*/true));
  }
  bytes.remove_prefix(4 * dimensions);
  return {read_numbers(bytes, format, shape, where)};
}

}  // namespace clade
