#include "clade/ops/threads.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

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

// OpenBLAS built on plain threads keeps a pool beside ours, and the two fight for the cores.
void silence_blas() {
#if defined(CLADE_WITH_ONEDNN) && defined(__linux__)
  using SetThreads = void (*)(int);
  const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(1);
#endif
}

// How long a thread without work looks out for some before it sleeps: longer than what a training
// step does between two loops, and less than what a scheduler gives a thread in one go.
constexpr std::chrono::microseconds kPatience{500};

template <class Ready>
bool soon(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return true;
}

thread_local bool in_loop = false;
thread_local int64_t current_part = 0;

// While a thread is in a loop: oneDNN gives a product as many threads as OpenMP has for the caller.
class InLoop {
 public:
  InLoop() : openmp_threads_(omp_get_max_threads()) {
    in_loop = true;
    omp_set_num_threads(1);
  }
  ~InLoop() {
    in_loop = false;
    omp_set_num_threads(openmp_threads_);
  }
  InLoop(const InLoop&) = delete;
  InLoop& operator=(const InLoop&) = delete;

 private:
  int openmp_threads_;
};

// Threads made while it lives take no signals. A handler writes where the stack register points,
// and kernels that oneDNN makes for long products point it into a buffer on the heap.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

class Loop {
 public:
  Loop(int64_t size, int64_t parts, const std::function<void(int64_t, int64_t)>& f)
      : f_(f),
        size_(size),
        length_((size + parts - 1) / parts),
        parts_((size + length_ - 1) / length_),
        unfinished_(parts_) {}

  int64_t parts() const { return parts_; }
  bool finished() const { return unfinished_.load(std::memory_order_acquire) == 0; }

  /// Returns whether it was the last to finish. Nobody but the caller touches the loop after that.
  bool run(int64_t part) {
    const int64_t outer = std::exchange(current_part, part);
    try {
      f_(part * length_, std::min(size_, (part + 1) * length_));
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    current_part = outer;
    return unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  void run_alone() {
    for (int64_t part = 0; part < parts_; ++part) run(part);
  }

  /// Once it is finished.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::function<void(int64_t, int64_t)>& f_;
  int64_t size_, length_, parts_;
  std::atomic<int64_t> unfinished_;
  std::atomic<bool> failed_ = false;
  std::exception_ptr error_;
};

// The caller of a loop and threads - 1 workers.
class Pool {
 public:
  explicit Pool(int64_t threads) {
    const WithoutSignals mask;
    for (int64_t i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
  }
  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    has_work_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// One loop at a time.
  void run(Loop& loop) {
    loop_ = &loop;
    unclaimed_.store(loop.parts(), std::memory_order_release);
    wake(loop.parts() - 1);
    run_unclaimed();
    const auto finished = [&] { return loop.finished(); };
    if (soon(finished)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    is_finished_.wait(lock, finished);
  }

 private:
  void wake(int64_t workers) {
    { const std::lock_guard<std::mutex> lock(mutex_); }  // none is between looking and sleeping
    for (int64_t i = 0; i < workers; ++i) has_work_.notify_one();
  }

  // What loop_ is may only be read after a claim: until the part is finished no other loop begins.
  void run_unclaimed() {
    int64_t left = unclaimed_.load(std::memory_order_relaxed);
    while (left > 0) {
      if (!unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acquire)) continue;
      if (loop_->run(left - 1)) {
        const std::lock_guard<std::mutex> lock(mutex_);
        is_finished_.notify_one();
      }
      left = unclaimed_.load(std::memory_order_relaxed);
    }
  }

  void serve() {
    const InLoop in_loops;
    const auto has_work = [this] { return unclaimed_.load(std::memory_order_relaxed) > 0; };
    for (;;) {
      if (!soon(has_work)) {
        std::unique_lock<std::mutex> lock(mutex_);
        has_work_.wait(lock, [&] { return has_work() || ended_; });
        if (ended_) return;
      }
      run_unclaimed();
    }
  }

  Loop* loop_ = nullptr;
  std::atomic<int64_t> unclaimed_ = 0;
  std::mutex mutex_;  // of those who sleep
  std::condition_variable has_work_, is_finished_;
  bool ended_ = false;
  std::vector<std::thread> workers_;
};

// The pool of all operations, and how many threads it has: 0 until that is decided.
struct SharedPool {
  std::mutex mutex;  // who holds it runs a loop
  std::unique_ptr<Pool> pool;
  std::atomic<int64_t> threads = 0;
};

SharedPool& shared() {
  static SharedPool one;
  return one;
}

}  // namespace

void use_threads(int64_t threads) {
  if (threads <= 0) threads = processors();
  const std::lock_guard<std::mutex> lock(shared().mutex);
  silence_blas();  // first: OpenBLAS on OpenMP sets OpenMP's own number
#ifdef CLADE_WITH_ONEDNN
  at::set_num_threads(1);
#else
  at::set_num_threads(static_cast<int>(threads));
#endif
  shared().pool.reset();
  shared().pool = std::make_unique<Pool>(threads);
  shared().threads = threads;
}

int64_t threads() {
  if (shared().threads == 0) use_threads(at::get_num_threads());
  return shared().threads;
}

void parallel_for(int64_t size, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& f) {
  if (size <= 0) return;
  Loop loop(size, std::clamp<int64_t>((size + grain - 1) / grain, 1, threads()), f);
  if (in_loop) {
    loop.run_alone();
  } else {
    const InLoop here;
    const std::unique_lock<std::mutex> free(shared().mutex, std::try_to_lock);
    if (free) {
      shared().pool->run(loop);
    } else {
      loop.run_alone();
    }
  }
  loop.rethrow();
}

int64_t part_of_loop() {
  return current_part;
}

}  // namespace clade
