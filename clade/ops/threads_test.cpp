#include "clade/ops/threads.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <torch/torch.h>

#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "clade/ops/activation.h"
#include "clade/ops/adam.h"
#include "clade/ops/comparison_for_tests.h"
#include "clade/ops/convolution.h"
#include "clade/ops/linear.h"

namespace clade {
namespace {

class Loops : public testing::Test {
 protected:
  ~Loops() override { use_threads(0); }
};

/// While it lives the workers are in another loop and do not come.
class WorkersAway {
 public:
  WorkersAway() {
    other_ = std::thread([this] {
      parallel_for(threads(), 1, [this](int64_t, int64_t) {
        if (!begun_.exchange(true)) has_begun_.set_value();
        back_.wait();
      });
    });
    has_begun_.get_future().wait();
  }
  ~WorkersAway() {
    come_back_.set_value();
    other_.join();
  }

 private:
  std::promise<void> has_begun_, come_back_;
  std::shared_future<void> back_ = come_back_.get_future().share();
  std::atomic<bool> begun_ = false;
  std::thread other_;
};

using Part = std::tuple<int64_t, int64_t, int64_t>;  // number, begin, end

std::set<Part> parts_of(int64_t size, int64_t grain) {
  std::mutex mutex;
  std::set<Part> parts;
  parallel_for(size, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard<std::mutex> lock(mutex);
    EXPECT_TRUE(parts.emplace(part_of_loop(), begin, end).second);
  });
  return parts;
}

TEST(Threads, AreAsManyAsAskedForOrAsThereAre) {
  use_threads(3);
  EXPECT_EQ(threads(), 3);
  use_threads(0);
  EXPECT_EQ(threads(), processors());
}

TEST_F(Loops, DivideALoopByTheirNumberAndItsGrain) {
  use_threads(3);
  EXPECT_EQ(parts_of(10, 1), (std::set<Part>{{0, 0, 4}, {1, 4, 8}, {2, 8, 10}}));
  EXPECT_EQ(parts_of(10, 5), (std::set<Part>{{0, 0, 5}, {1, 5, 10}}));
  EXPECT_EQ(parts_of(10, 11), (std::set<Part>{{0, 0, 10}}));
  EXPECT_EQ(parts_of(4, 1), (std::set<Part>{{0, 0, 2}, {1, 2, 4}}));
  EXPECT_TRUE(parts_of(0, 1).empty());
  use_threads(1);
  EXPECT_EQ(parts_of(10, 1), (std::set<Part>{{0, 0, 10}}));
}

TEST_F(Loops, ThatDoNotComeAreNotWaitedFor) {
  use_threads(3);
  const WorkersAway away;
  const auto caller = std::this_thread::get_id();
  parallel_for(10, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
  EXPECT_EQ(parts_of(10, 1), (std::set<Part>{{0, 0, 4}, {1, 4, 8}, {2, 8, 10}}));
}

TEST_F(Loops, AreNotWaitedForWithPartsTheyHaveNotBegun) {
  use_threads(2);
  // The worker begins one of two parts and ends it only once the caller has done the other.
  std::promise<void> done;
  const auto caller = std::this_thread::get_id();
  std::atomic<int> by_caller = 0;
  parallel_for(2, 1, [&](int64_t, int64_t) {
    if (std::this_thread::get_id() != caller) return done.get_future().wait();
    if (by_caller++ == 0) done.set_value();
  });
  EXPECT_GE(by_caller, 1);
}

/// Values and gradients of operations whose sums are shared out among the parts of loops.
std::vector<torch::Tensor> results() {
  auto generator = make_generator(1);
  const auto leaf = [&](at::IntArrayRef shape) {
    return noise(shape, generator).requires_grad_(true);
  };
  std::vector<torch::Tensor> leaves = {leaf({300, 200}), leaf({256, 200}), leaf({256}),
                                       leaf({256}),      leaf({256}),      leaf({8, 4, 3, 3})};
  const Normalisation norm{leaves[3],          leaves[4], torch::zeros({256}),
                           torch::ones({256}), true,      false};
  const auto h = linear(leaves[0], leaves[1], leaves[2], torch::kFloat32);
  const auto y = activate({h}, {}, Activation::tanh, torch::kFloat32, norm);
  const auto maps = convolution(y.view({300, 8, 8, 4}), leaves[5], {}, {3}, false, torch::kFloat32);
  maps.square().sum().backward();
  std::vector<torch::Tensor> all = {y, maps};
  for (const auto& one : leaves) all.push_back(one.grad());
  all.push_back(norm_of({{all.back(), all.back().numel()}, {all[2].flatten(), all[2].numel()}}));
  return all;
}

TEST_F(Loops, GiveTheSameBitsWhoeverComes) {
  use_threads(3);
  const auto first = results();
  const auto expect_first = [&](const std::vector<torch::Tensor>& again) {
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(torch::equal(again[i], first[i])) << "result " << i;
    }
  };
  for (int times = 0; times < 5; ++times) expect_first(results());
  const WorkersAway away;
  expect_first(results());
}

bool takes(int signal) {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 0;
}

TEST_F(Loops, KeepSignalsForTheCaller) {
  use_threads(2);
  const auto caller = std::this_thread::get_id();
  std::atomic<int> here = 0;
  parallel_for(2, 1, [&](int64_t, int64_t) {
    for (++here; here < 2;) std::this_thread::yield();  // each in a thread of its own
    EXPECT_EQ(takes(SIGINT), std::this_thread::get_id() == caller);
  });
}

TEST_F(Loops, RunALoopInsideALoopInTheCaller) {
  use_threads(3);
  parallel_for(3, 1, [&](int64_t begin, int64_t) {
    const auto outer = std::this_thread::get_id();
    std::vector<int64_t> inner;
    parallel_for(3, 1, [&](int64_t, int64_t) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      inner.push_back(part_of_loop());
    });
    EXPECT_EQ(inner, (std::vector<int64_t>{0, 1, 2}));
    EXPECT_EQ(part_of_loop(), begin);
  });
  EXPECT_EQ(part_of_loop(), 0);
}

TEST_F(Loops, ThrowWhatAPartThrowsAndGoOn) {
  use_threads(3);
  std::atomic<int> finished = 0;
  const auto loop = [&] {
    parallel_for(3, 1, [&](int64_t begin, int64_t) {
      if (begin == 1) throw std::runtime_error("the second");
      ++finished;
    });
  };
  for (int times = 1; times <= 2; ++times) {
    EXPECT_THROW(loop(), std::runtime_error);
    EXPECT_EQ(finished, 2 * times);
  }
}

TEST_F(Loops, ServeLoopsOfSeveralCallers) {
  use_threads(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([] {
      for (int64_t size = 1; size < 300; ++size) {
        std::atomic<int64_t> sum = 0;
        parallel_for(size, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
        EXPECT_EQ(sum, size);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace clade
