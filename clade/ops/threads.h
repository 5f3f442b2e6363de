#pragma once
#include <cstdint>
#include <functional>

namespace clade {

/// How many threads can run at once: the processors this process may use.
int64_t processors();

/// Sizes the one pool of threads that all operations share: `threads`, or with 0 one a processor.
/// Where oneDNN does the products, libtorch's own loops and the BLAS under it get one thread from
/// here on: theirs wait for each other by spinning. To be called before any work; if it is not,
/// the first loop takes as many threads as libtorch has then.
///
/// These threads take no signals. A handler in a thread that calls Clade needs a stack of its own
/// (sigaltstack, and SA_ONSTACK): oneDNN's kernels for long products use the stack register, so
/// that a handler on the thread's stack would write into the heap.
void use_threads(int64_t threads);

/// How many there are.
int64_t threads();

/// f(begin, end) over [0, size) in parts: as many as threads(), or fewer of at least `grain`. The
/// parts depend on nothing else, whoever runs them: threads that have time claim them one by one,
/// and the caller all those that no other has begun. So on a busy machine nobody waits for a thread
/// that does not get to run, and results are the same. A loop inside a loop, or beside one of
/// another thread, is run by its caller alone. The first exception of a part is thrown again when
/// all are done.
void parallel_for(int64_t size, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& f);

/// Which part of a loop the calling thread is in: 0 up to threads() - 1, and 0 outside of loops.
int64_t part_of_loop();

}  // namespace clade
