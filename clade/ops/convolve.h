#pragma once
#include <torch/types.h>

namespace clade {

/// Where a window of size × size pixels stands on a map: every `stride` pixels in both directions,
/// over the map with `before` rows and columns of zeros on its first sides and `after` on its last.
struct Window {
  int64_t size;
  int64_t stride = 1;
  int64_t before = 0;
  int64_t after = 0;

  /// Places in a row of `pixels`; none where it does not fit in.
  int64_t places(int64_t pixels) const {
    const int64_t room = pixels + before + after - size;
    return room < 0 ? 0 : room / stride + 1;
  }

  /// The row whose places are `pixels`, if none of its pixels is left over.
  int64_t back(int64_t pixels) const { return (pixels - 1) * stride + size - before - after; }
};

namespace ops {

// The convolution dst = weights ∗ src and its two adjoints, each of which writes its first operand
// whole. src: [N, H, W, C], dst: [N, H', W', O], contiguous, float32 or bfloat16; weights:
// [O, C, k, k] float32 with any strides, rounded to bfloat16 where the map that is read holds that.
// Sums are in float32.

/// bias: [O] float32 or undefined.
void convolve(const torch::Tensor& dst, const torch::Tensor& src, const torch::Tensor& weights,
              const Window& window, const torch::Tensor& bias = {});

/// src = the sum over dst's pixels of the windows that they were computed from: the gradient of the
/// source, or a transposed convolution.
void convolve_to_source(const torch::Tensor& src, const torch::Tensor& dst,
                        const torch::Tensor& weights, const Window& window);

/// weights = the gradient of the weights; src and dst of one type.
void convolve_to_weights(const torch::Tensor& weights, const torch::Tensor& src,
                         const torch::Tensor& dst, const Window& window);

}  // namespace ops
}  // namespace clade
