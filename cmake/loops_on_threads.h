// at::parallel_for on plain threads, for the thread sanitizer (see sanitize.cmake). It is included
// before anything else and compiled without OpenMP; it stands in for ATen/ParallelOpenMP.h and
// divides a loop as that does.
#pragma once
#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#define INTRA_OP_PARALLEL

namespace at::internal {
template <class F>
void invoke_parallel(int64_t begin, int64_t end, int64_t grain_size, const F& f);
}

#include <ATen/Parallel.h>

namespace at::internal {

template <class F>
void invoke_parallel(int64_t begin, int64_t end, int64_t grain_size, const F& f) {
  const int64_t most = grain_size > 0 ? divup(end - begin, grain_size) : end - begin;
  const int64_t chunk = divup(end - begin, std::min<int64_t>(at::get_num_threads(), most));
  std::vector<std::thread> threads;
  for (int64_t first = begin, id = 0; first < end; first += chunk, ++id) {
    threads.emplace_back([=, &f] {
      const ThreadIdGuard own_id(static_cast<int>(id));
      f(first, std::min(end, first + chunk));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace at::internal
