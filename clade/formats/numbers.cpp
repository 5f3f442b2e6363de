#include "clade/formats/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/formats/bytes.h"

namespace clade {
namespace {

template <class Written, class Stored>
torch::Tensor convert(std::string_view bytes, bool big_endian) {
  const auto n = static_cast<int64_t>(bytes.size() / sizeof(Written));
  auto values = torch::empty({n}, c10::CppTypeToScalarType<Stored>::value);
  auto* to = values.template data_ptr<Stored>();
  const char* from = bytes.data();
  for (int64_t i = 0; i < n; ++i, from += sizeof(Written)) {
    to[i] = static_cast<Stored>(load_number<Written>(from, big_endian));
  }
  return values;  // [n]
}

torch::Tensor convert_half(std::string_view bytes, bool big_endian) {
  const auto bits = convert<int16_t, int16_t>(bytes, big_endian);
  return bits.view(torch::kFloat16).to(torch::kFloat32);  // [n]
}

torch::Tensor convert(std::string_view bytes, const NumberFormat& format,
                      const std::string& where) {
  const bool big = format.big_endian;
  const bool becomes_int64 = format.kind == 'i' || (format.kind == 'u' && format.bytes > 1);
  if (becomes_int64 && format.bytes > 0) {
    require_memory(sizeof(int64_t) * bytes.size() / format.bytes, where, "give less of it");
  }
  switch (format.kind * 10 + static_cast<int>(format.bytes)) {
    case 'b' * 10 + 1:
    case 'u' * 10 + 1:
      return convert<uint8_t, uint8_t>(bytes, big);
    case 'u' * 10 + 2:
      return convert<uint16_t, int64_t>(bytes, big);
    case 'u' * 10 + 4:
      return convert<uint32_t, int64_t>(bytes, big);
    case 'u' * 10 + 8: {
      auto values = convert<uint64_t, int64_t>(bytes, big);
      if (values.lt(0).any().item<bool>()) {
        throw DataError(where + " holds whole numbers above 2^63; save it as float32");
      }
      return values;
    }
    case 'i' * 10 + 1:
      return convert<int8_t, int64_t>(bytes, big);
    case 'i' * 10 + 2:
      return convert<int16_t, int64_t>(bytes, big);
    case 'i' * 10 + 4:
      return convert<int32_t, int64_t>(bytes, big);
    case 'i' * 10 + 8:
      return convert<int64_t, int64_t>(bytes, big);
    case 'f' * 10 + 2:
      return convert_half(bytes, big);
    case 'f' * 10 + 4:
      return convert<float, float>(bytes, big);
    case 'f' * 10 + 8:
      return convert<double, double>(bytes, big);
    default:
      throw DataError(where + " holds numbers of an unknown kind; save it as float32");
  }
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // which does not say on what side
    long double wide = 0;                         // of a larger range
    const bool held = std::from_chars(text.data(), end, wide).ec == std::errc();
    return held && std::abs(wide) < 1 ? static_cast<double>(wide) : std::nan("");
  }
  if (error != std::errc()) return std::nullopt;
  return value;
}

uint64_t announced_bytes(uint64_t header, uint64_t bytes, const std::vector<uint64_t>& shape) {
  constexpr uint64_t boundless = std::numeric_limits<uint64_t>::max();
  for (const uint64_t length : shape) {
    if (length > 0 && bytes > boundless / length) return boundless;
    bytes *= length;
  }
  return bytes > boundless - header ? boundless : bytes + header;
}

void check_size(uint64_t available, uint64_t bytes, const std::vector<uint64_t>& shape,
                const std::string& where) {
  constexpr size_t kMostDimensions = 8;
  if (shape.empty() || shape.size() > kMostDimensions) {
    throw DataError(where + " holds an array of " + std::to_string(shape.size()) +
                    " dimensions; points need one to " + std::to_string(kMostDimensions) +
                    ", the first counting the points");
  }
  if (bytes == 0) throw DataError(where + " holds values of no bytes; save it again");
  const std::string announced =
      " announces " + shape_text(shape) + " values of " + std::to_string(bytes) + " bytes";
  for (const uint64_t size : shape) {
    if (size == 0) throw DataError(where + announced + ": zero rows or features; give it points");
  }
  const uint64_t values = available / bytes;
  uint64_t wanted = 1;
  for (const uint64_t size : shape) {
    if (size > values / wanted) {  // Division cannot overflow where the product would.
      throw DataError(where + announced + " but only " + std::to_string(available) +
                      " bytes follow its header; it is truncated: copy or download it again");
    }
    wanted *= size;
  }
  if (wanted * bytes != available) {
    throw DataError(where + announced + " but " + std::to_string(available) +
                    " bytes follow its header, too many; it is damaged: write it again");
  }
}

torch::Tensor read_numbers(std::string_view bytes, const NumberFormat& format,
                           const std::vector<uint64_t>& shape, const std::string& where) {
  check_size(bytes.size(), static_cast<uint64_t>(format.bytes), shape, where);
  return convert(bytes, format, where).view(std::vector<int64_t>(shape.begin(), shape.end()));
}

}  // namespace clade
