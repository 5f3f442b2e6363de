// GCC calls __sanitizer_cov_trace_pc in every block of code, but keeps no counters that libFuzzer
// knows. libFuzzer looks at these after every input: the linker finds them by their section.
#include <cstddef>
#include <cstdint>

namespace {

constexpr size_t kCounters = size_t{1} << 14;
[[gnu::section("__libfuzzer_extra_counters")]] uint8_t counters[kCounters];

}  // namespace

/// Linked in its place: libFuzzer brings one of its own, which gives up.
extern "C" void __wrap___sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  ++counters[(place ^ place >> 14) % kCounters];
}

// GCC reports comparisons of floating numbers too, which libFuzzer does not know.
extern "C" void __sanitizer_cov_trace_cmpf(float, float) {}
extern "C" void __sanitizer_cov_trace_cmpd(double, double) {}
