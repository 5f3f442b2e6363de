#include "clade/ops/kernels.h"

namespace clade::ops {

extern const Kernels kernels_baseline;
#ifdef CLADE_X86_KERNELS
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

const Kernels& kernels() {
#ifdef CLADE_X86_KERNELS
  static const Kernels& best = [&]() -> const Kernels& {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx2 && avx512) return kernels_avx512;
    return avx2 ? kernels_avx2 : kernels_baseline;
  }();
  return best;
#else
  return kernels_baseline;
#endif
}

}  // namespace clade::ops
