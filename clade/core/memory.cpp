#include "clade/core/memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <c10/util/Exception.h>

#include <array>
#include <cstdio>
#include <new>
#include <sstream>
#include <stdexcept>

namespace clade {
namespace {

constexpr const char* kMore = "more than there is";

std::string figure(double amount) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", amount);
  return text.data();
}

std::string size_text(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return figure(bytes) + " " + kUnits[unit];
}

}  // namespace

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kLarge = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, kLarge);
#endif
}

std::optional<std::string> memory_wanted(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
      dynamic_cast<const std::length_error*>(&error) != nullptr) {
    return kMore;
  }
  const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error);
  if (of_libtorch == nullptr) return std::nullopt;
  // "you tried to allocate 4096 bytes" on the CPU, "Tried to allocate 2.00 GiB" on a CUDA device.
  const std::string text = of_libtorch->what_without_backtrace();
  const std::string mark = "ried to allocate ";
  if (const size_t at = text.find(mark); at != std::string::npos) {
    std::istringstream words(text.substr(at + mark.size()));
    double amount = 0;
    std::string unit;
    words >> amount >> unit;
    if (unit.rfind("bytes", 0) != 0) return figure(amount) + " " + unit.substr(0, 3);
    return size_text(amount);
  }
  // Sizes whose product is beyond 64 bits.
  const bool beyond = text.find("calculation overflowed") != std::string::npos ||
                      text.find("multiplication overflow") != std::string::npos;
  return beyond ? std::optional<std::string>(kMore) : std::nullopt;
}

}  // namespace clade
