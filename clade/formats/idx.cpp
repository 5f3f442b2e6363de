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

struct IdxHeader {
  NumberFormat format;
  std::vector<uint64_t> shape;
  size_t size;  // where the values begin
};

IdxHeader parse_idx_header(std::string_view bytes, const std::string& where) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) {
    throw DataError(where +
                    " is not an IDX file: it must start with two zero bytes, a number type " +
                    "and a count of dimensions; copy or download it again");
  }
  IdxHeader header{idx_number_format(static_cast<unsigned char>(bytes[2]), where), {}, 4};
  const size_t dimensions = static_cast<unsigned char>(bytes[3]);
  if (bytes.size() < 4 + 4 * dimensions) {
    throw DataError(where + " ends within its IDX header; it is truncated: copy or download it " +
                    "again");
  }
  for (size_t i = 0; i < dimensions; ++i, header.size += 4) {
    header.shape.push_back(load_number<uint32_t>(&bytes[header.size], /*big_endian=*/true));
  }
  return header;
}

}  // namespace

uint64_t idx_announced(std::string_view start, const std::string& where) {
  const IdxHeader header = parse_idx_header(start, where);
  return announced_bytes(header.size, static_cast<uint64_t>(header.format.bytes), header.shape);
}

Array parse_idx(std::string_view bytes, const std::string& where) {
  const IdxHeader header = parse_idx_header(bytes, where);
  return {read_numbers(bytes.substr(header.size), header.format, header.shape, where)};
}

}  // namespace clade
