#pragma once
#include <cstdint>

namespace clade {

/// How many threads can run at once: the processors this process may use.
int64_t processors();

/// Sizes the one pool of threads that all operations share: `threads`, or with 0 one a
/// processor. The BLAS under libtorch is told to stay out of it where it brings threads of
/// its own and oneDNN does the products. To be called before any work.
void use_threads(int64_t threads);

}  // namespace clade
