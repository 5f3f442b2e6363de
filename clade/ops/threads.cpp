#include "clade/ops/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

#ifdef __linux__
#include <dlfcn.h>
#include <sched.h>
#endif

namespace clade {

int64_t processors() {
#ifdef __linux__
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) return CPU_COUNT(&mine);
#endif
  return std::max<int64_t>(1, std::thread::hardware_concurrency());
}

namespace {

// OpenBLAS built on plain threads keeps a pool beside OpenMP's, and the two fight for the cores.
void silence_blas() {
#if defined(CLADE_WITH_ONEDNN) && defined(__linux__)
  using SetThreads = void (*)(int);
  const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(1);
#endif
}

}  // namespace

void use_threads(int64_t threads) {
  silence_blas();  // first: OpenBLAS on OpenMP sets OpenMP's own number
  at::set_num_threads(static_cast<int>(threads > 0 ? threads : processors()));
}

}  // namespace clade
