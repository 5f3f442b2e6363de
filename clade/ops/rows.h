#pragma once
// Inside this room: how broadcast operands are read row by row.
#include <torch/types.h>

#include <vector>

#include "clade/ops/kernels.h"
#include "clade/ops/threads.h"

namespace clade::ops {

/// A tensor [..., D] as rows of D contiguous numbers, and which of its rows each row of a result
/// with the leading sizes `lead` reads. Keeps the tensor alive.
class Operand {
 public:
  Operand(const torch::Tensor& values, at::IntArrayRef lead);

  Rows rows() const;
  bool broadcast() const { return !row_.empty(); }
  const std::vector<int32_t>& row() const { return row_; }
  const torch::Tensor& values() const { return values_; }

 private:
  torch::Tensor values_;
  std::vector<int32_t> row_;  // empty: every row its own
};

/// Whether the kernels can read it: on the CPU, float32 or bfloat16.
bool fits_kernels(const torch::Tensor& t);

/// Whether it is float32 and on the CPU, as the kernels that know no bfloat16 want it.
bool is_cpu_float(const torch::Tensor& t);

/// What a Function takes in place of a tensor that may be undefined, which it refuses.
inline c10::optional<torch::Tensor> if_defined(const torch::Tensor& t) {
  return t.defined() ? c10::make_optional(t) : c10::nullopt;
}

/// The leading sizes of `sizes`: all but the last.
std::vector<int64_t> leading(at::IntArrayRef sizes);
int64_t count(at::IntArrayRef sizes);

/// Rows a part has at least: about as much work as handing it to another thread costs.
int64_t grain(int64_t width);

/// f(begin, end, scratch) over stretches of rows in parallel; scratch as the kernels want it.
template <class F>
void parallel_rows(int64_t rows, int64_t width, const F& f) {
  parallel_for(rows, grain(width), [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(kScratchRows * width));
    f(begin, end, scratch.data());
  });
}

/// Sums over the rows of a loop: each part of it adds to its own.
template <class T>
class PartSums {
 public:
  explicit PartSums(int64_t size) : size_(size), sums_(static_cast<size_t>(threads() * size)) {}

  T* mine() { return sums_.data() + part_of_loop() * size_; }

  /// Of all parts; nothing can be added after it.
  T* total() {
    T* first = sums_.data();
    const T* end = first + sums_.size();
    parallel_for(size_, grain(1), [&](int64_t from, int64_t to) {
      for (const T* other = first + size_; other < end; other += size_) {
        for (int64_t i = from; i < to; ++i) first[i] += other[i];
      }
    });
    sums_.resize(static_cast<size_t>(size_));
    return sums_.data();
  }

 private:
  int64_t size_;
  std::vector<T> sums_;
};

/// The total of all parts as a tensor of its own.
torch::Tensor tensor_of(PartSums<float>& sums, at::IntArrayRef shape, at::ScalarType type);

/// rows: [N, D], contiguous and such that fits_kernels() -> [D] float32.
torch::Tensor column_sums(const torch::Tensor& rows);

}  // namespace clade::ops
