#pragma once
#include <cstdint>

namespace clade {

/// Sizes the one pool of threads that all operations share: `threads`, or with 0 as many as this
/// process may run on. The BLAS under libtorch is told to stay out of it where it brings threads of
/// its own and oneDNN does the products. To be called before any work.
void use_threads(int64_t threads);

}  // namespace clade
