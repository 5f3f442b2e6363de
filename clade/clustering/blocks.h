#pragma once
// Inside this room: rows taken block by block, so that nothing as long as the data is ever made in
// double precision, and all threads work.
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/progress.h"
#include "clade/ops/threads.h"

namespace clade::clustering {

/// f(begin, end) for each block of `rows` rows: on the CPU side by side, each in one thread;
/// elsewhere one after another. f writes where no other block does.
template <class F>
void for_blocks(const torch::Device& device, int64_t n, int64_t rows, const F& f) {
  const auto run = [&](int64_t first, int64_t last) {
    torch::NoGradGuard no_grad;  // each thread has its own
    for (int64_t block = first; block < last; ++block) {
      f(block * rows, std::min(n, (block + 1) * rows));
    }
  };
  const int64_t blocks = (n + rows - 1) / rows;
  if (device.is_cpu()) {
    parallel_for(blocks, 1, run);
  } else {
    run(0, blocks);
  }
}

/// Σ f(begin, end) over such blocks, the order of the sum given by the number of threads alone.
/// n > 0.
template <class F>
torch::Tensor sum_blocks(const torch::Device& device, int64_t n, int64_t rows, const F& f) {
  std::vector<torch::Tensor> sums(static_cast<size_t>(threads()));  // one a part
  for_blocks(device, n, rows, [&](int64_t begin, int64_t end) {
    torch::Tensor& sum = sums[static_cast<size_t>(part_of_loop())];
    const torch::Tensor part = f(begin, end);
    if (sum.defined()) {
      sum += part;
    } else {
      sum = part;
    }
  });
  torch::Tensor total;
  for (const torch::Tensor& sum : sums) {
    if (sum.defined()) total = total.defined() ? total + sum : sum;
  }
  return total;
}

/// Rows of a block of which `width` numbers a row are made: some megabytes of doubles.
inline int64_t rows_of_block(int64_t width) {
  constexpr int64_t kNumbers = 1 << 18, kLeast = 64;
  return std::max(kLeast, kNumbers / std::max<int64_t>(1, width));
}

/// Says these counts again whenever it is called, so that `progress` may throw between two others,
/// too. Not to outlive it.
inline std::function<void()> saying(const Progress& progress, int64_t done, int64_t total) {
  return [&progress, done, total] {
    if (progress) progress(done, total);
  };
}

/// Rows begin to end in double precision.
inline torch::Tensor rows_in_double(const torch::Tensor& x, int64_t begin, int64_t end) {
  return x.slice(0, begin, end).to(torch::kFloat64);
}

/// The mean of the rows in double precision: [N, D] -> [D]. N > 0.
inline torch::Tensor mean_of_rows(const torch::Tensor& x) {
  const auto sum =
      sum_blocks(x.device(), x.size(0), rows_of_block(x.size(1)),
                 [&](int64_t begin, int64_t end) { return rows_in_double(x, begin, end).sum(0); });
  return sum / x.size(0);
}

/// Throws Error for points that hold NaN or infinities, as their mean then does, [D].
inline void require_finite(const torch::Tensor& mean) {
  if (mean.isfinite().all().item<bool>()) return;
  throw Error("points hold NaN or infinities; leave them out or fill them in");
}

}  // namespace clade::clustering
