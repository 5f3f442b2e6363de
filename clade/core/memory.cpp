#include "clade/core/memory.h"

#include <c10/util/Exception.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <optional>
#include <sstream>
#include <stdexcept>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace clade {
namespace {

constexpr const char* kMore = "more than there is";

std::string figure(double amount) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", amount);
  return text.data();
}

constexpr uint64_t kUnweighed = uint64_t{1} << 26;  // which any machine has
constexpr uint64_t kBoundless = std::numeric_limits<int64_t>::max();

/// The number after `key` in a file of lines such as "MemAvailable:  16 kB".
std::optional<uint64_t> number_after(const std::string& key, const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string word;
  for (uint64_t number = 0; in >> word;) {
    if (word == key && in >> number) return number;
  }
  return std::nullopt;
}

uint64_t less_used(uint64_t limit, uint64_t used) {
  return limit > used ? limit - used : 0;
}

uint64_t spared_by_machine() {
  const auto available = number_after("MemAvailable:", "/proc/meminfo");
  if (!available) return kBoundless;
  return (*available + number_after("SwapFree:", "/proc/meminfo").value_or(0)) * 1024;
}

uint64_t spared_by_process() {
  rlimit limit{};
  uint64_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || !(statm >> pages)) {
    return kBoundless;
  }
  return less_used(limit.rlim_cur, pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

/// What control group 2 leaves; what it keeps of files is given back on demand.
uint64_t spared_by_container() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::/", 0) != 0) continue;
    const auto folder = std::filesystem::path("/sys/fs/cgroup") / line.substr(4);
    std::ifstream most(folder / "memory.max");
    uint64_t limit = 0;
    const auto used = number_after("anon", folder / "memory.stat");
    if (most >> limit && used) return less_used(limit, *used);
  }
  return kBoundless;
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
    return memory_text(static_cast<uint64_t>(amount));
  }
  // Sizes whose product is beyond 64 bits.
  const bool beyond = text.find("calculation overflowed") != std::string::npos ||
                      text.find("multiplication overflow") != std::string::npos;
  return beyond ? std::optional<std::string>(kMore) : std::nullopt;
}

uint64_t spare_memory() {
  return std::min({spared_by_machine(), spared_by_process(), spared_by_container()});
}

std::string memory_text(uint64_t bytes) {
  static constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
  return text.data();
}

void require_memory(double bytes, const std::string& what, const std::string& advice) {
  if (bytes <= kUnweighed) return;
  const uint64_t spare = spare_memory();
  if (bytes <= static_cast<double>(spare)) return;
  const uint64_t wanted =
      bytes < 0x1p64 ? static_cast<uint64_t>(bytes) : std::numeric_limits<uint64_t>::max();
  throw DataError(what + " needs " + memory_text(wanted) + " of memory, and " + memory_text(spare) +
                  " are free; " + advice);
}

void require_memory(uint64_t bytes, const std::string& what, const std::string& advice) {
  require_memory(static_cast<double>(bytes), what, advice);
}

}  // namespace clade
