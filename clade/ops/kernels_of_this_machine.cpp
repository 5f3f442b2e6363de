#include "clade/ops/kernels.h"

namespace clade::ops {

extern const Kernels kernels_baseline;
#ifdef CLADE_X86_KERNELS
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

std::vector<const Kernels*> kernel_sets() {
  std::vector<const Kernels*> sets;
#ifdef CLADE_X86_KERNELS
  __builtin_cpu_init();
  // What x86-64-v3 and v4, for which they are compiled, have beyond the one before.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) sets.push_back(&kernels_avx512);
  if (avx2) sets.push_back(&kernels_avx2);
#endif
  sets.push_back(&kernels_baseline);
  return sets;
}

const Kernels& kernels() {
  static const Kernels& best = *kernel_sets().front();
  return best;
}

}  // namespace clade::ops
