#include "clade/core/memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace clade {

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kLarge = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, kLarge);
#endif
}

}  // namespace clade
