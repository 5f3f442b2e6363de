#include "clade/formats/md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "clade/formats/bytes.h"

namespace clade {
namespace {

using State = std::array<uint32_t, 4>;

void digest_block(const char* block, State& state) {
  constexpr int kShifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  static const auto sines = [] {
    std::array<uint32_t, 64> table{};
    for (size_t i = 0; i < 64; ++i) {
      table[i] = static_cast<uint32_t>(std::floor(std::abs(std::sin(double(i + 1))) * 0x1p32));
    }
    return table;
  }();
  auto [a, b, c, d] = state;
  for (uint32_t i = 0; i < 64; ++i) {
    const uint32_t round = i / 16;
    const uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                           : round == 1 ? (d & b) | (~d & c)
                           : round == 2 ? b ^ c ^ d
                                        : c ^ (b | ~d);
    constexpr uint32_t kStride[4] = {1, 5, 3, 7};
    constexpr uint32_t kStart[4] = {0, 1, 5, 0};
    const uint32_t word = (kStride[round] * i + kStart[round]) % 16;
    const uint32_t sum = a + mixed + sines[i] + load_number<uint32_t>(block + 4 * word, false);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kShifts[round][i % 4]);
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

}  // namespace

std::string md5_of(std::string_view bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const uint64_t bits = 8 * static_cast<uint64_t>(bytes.size());
  const size_t whole = bytes.size() / 64 * 64;
  for (size_t at = 0; at < whole; at += 64) digest_block(bytes.data() + at, state);

  std::string tail(bytes.substr(whole));
  tail += '\x80';
  while (tail.size() % 64 != 56) tail += '\0';
  for (int i = 0; i < 8; ++i) tail += static_cast<char>(bits >> (8 * i) & 0xff);
  for (size_t at = 0; at < tail.size(); at += 64) digest_block(tail.data() + at, state);

  std::string text;
  for (const uint32_t word : state) {
    for (int i = 0; i < 8; ++i) {  // Bytes from the lowest, each its high half first.
      text += "0123456789abcdef"[word >> (8 * (i / 2) + (i % 2 == 0 ? 4 : 0)) & 0xf];
    }
  }
  return text;
}

}  // namespace clade
