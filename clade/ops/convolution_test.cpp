// Convolutions against ATen's in float64, on maps with the channels first: values and gradients,
// over strides, paddings, sizes that no vector register divides, and leading dimensions.
#include "clade/ops/convolution.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/ops/comparison_for_tests.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

struct Shape {
  std::vector<int64_t> lead;
  int64_t height, width, channels, out;
  Window window;
};

// Windows of GMVAE's and VLAC's networks, and odd ones: some pixels left over, a window of one
// pixel.
const std::vector<Shape> kShapes = {
    {{5}, 9, 9, 1, 16, {6}},
    {{2}, 11, 8, 16, 32, {6}},
    {{3}, 8, 8, 32, 17, {4, 2, 1, 1}},
    {{1}, 7, 10, 3, 5, {3, 2}},
    {{2, 3}, 6, 5, 4, 3, {4, 1, 1, 2}},
    {{}, 5, 5, 2, 7, {1}},
    {{2, 1, 2}, 2, 2, 33, 20, {4, 1, 1, 2}},
    // Few pixels under many weights; of the last, some are left over.
    {{3}, 2, 2, 130, 130, {4, 1, 1, 2}},
    {{2}, 4, 4, 130, 130, {4, 2, 1, 1}},
    {{2}, 5, 3, 180, 180, {3, 2, 1, 1}},
    {{3}, 8, 8, 180, 180, {3, 3}}};

// Plain ATen: padding by zeros put around the map.
torch::Tensor expected(const torch::Tensor& x, const torch::Tensor& weight,
                       const torch::Tensor& bias, const Window& w) {
  const auto maps = x.flatten(0, -4).movedim(-1, 1);
  const auto padded = torch::constant_pad_nd(maps, {w.before, w.after, w.before, w.after});
  const auto y = torch::conv2d(padded, weight, bias, w.stride).movedim(1, -1);
  auto sizes = x.sizes().vec();
  std::copy(y.sizes().end() - 3, y.sizes().end(), sizes.end() - 3);
  return y.reshape(sizes);
}

// The gradient of <convolution, x> by what it convolved: a transposed convolution by its
// definition.
torch::Tensor expected_transposed(const torch::Tensor& x, const torch::Tensor& weight,
                                  const torch::Tensor& bias, const Window& w) {
  auto sizes = x.sizes().vec();
  for (const int64_t d : {-3, -2}) *(sizes.end() + d) = w.back(x.size(d));
  sizes.back() = weight.size(0);
  const auto zeros = torch::zeros(sizes, x.options()).requires_grad_(true);
  const auto convolved = expected(zeros, weight.transpose(0, 1), {}, w);
  return torch::autograd::grad({convolved}, {zeros}, {x}, true, /*create_graph=*/true)[0] + bias;
}

std::vector<torch::Tensor> inputs_of(const Shape& shape, bool transposed, Generator& generator) {
  auto sizes = shape.lead;
  // Read by a transposed convolution: what the other one makes.
  const auto& w = shape.window;
  sizes.push_back(transposed ? w.places(shape.height) : shape.height);
  sizes.push_back(transposed ? w.places(shape.width) : shape.width);
  sizes.push_back(shape.channels);
  return {noise(sizes, generator), noise({shape.out, shape.channels, w.size, w.size}, generator),
          noise({shape.out}, generator)};
}

void expect_agreement(const Shape& shape, bool transposed, double tolerance, Generator& generator) {
  const auto& window = shape.window;
  expect_same(
      inputs_of(shape, transposed, generator),
      [&](const auto& in) {
        return convolution(in[0], in[1], in[2], window, transposed, torch::kFloat32);
      },
      [&](const auto& in) {
        auto x = in[0];
        while (x.dim() < 4) x = x.unsqueeze(0);
        const auto y = transposed ? expected_transposed(x, in[1], in[2], window)
                                  : expected(x, in[1], in[2], window);
        return in[0].dim() < 4 ? y.squeeze(0) : y;
      },
      tolerance, "window " + std::to_string(window.size) + (transposed ? ", transposed" : ""));
}

TEST(Convolution, AgreesWithTheReference) {
  auto generator = make_generator(1);
  for (const Shape& shape : kShapes) {
    for (const bool transposed : {false, true}) {
      expect_agreement(shape, transposed, kFloat, generator);
      const PrecisionScope scope(Precision::bf16);
      expect_agreement(shape, transposed, kBf16, generator);
    }
  }
}

TEST(Convolution, ByATenAloneIsTheSame) {
  auto generator = make_generator(2);
  for (const Shape& shape : kShapes) {
    for (const bool transposed : {false, true}) {
      const auto in = inputs_of(shape, transposed, generator);
      const auto by = [&](const auto& f) {
        return f(in[0], in[1], in[2], shape.window, transposed, torch::kFloat32);
      };
      EXPECT_LT(distance(by(convolution_by_aten), by(convolution)), kFloat);
    }
  }
}

TEST(Convolution, KeepsTheNarrowTypeWhenAskedAndTakesNoPoints) {
  auto generator = make_generator(3);
  const PrecisionScope scope(Precision::bf16);
  const auto weight = noise({4, 3, 3, 3}, generator).requires_grad_(true);
  const auto x = noise({2, 6, 6, 3}, generator).to(torch::kBFloat16).requires_grad_(true);
  const auto y = convolution(x, weight, {}, {3}, false, torch::kBFloat16);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), torch::kBFloat16);
  EXPECT_EQ(weight.grad().scalar_type(), torch::kFloat32);
  const auto none = convolution(x.slice(0, 0, 0), weight, {}, {3}, false, torch::kFloat32);
  EXPECT_EQ(none.sizes(), (std::vector<int64_t>{0, 4, 4, 4}));
}

TEST(Convolution, IsTheSameInOneThreadAndMany) {
  auto generator = make_generator(4);
  const Shape shape{{40}, 14, 14, 16, 32, {4, 2, 1, 1}};
  const auto in = inputs_of(shape, false, generator);
  const auto compared = [&](int64_t threads) {
    use_threads(threads);
    return evaluated(in, torch::kFloat32, [&](const auto& leaves) {
      return convolution(leaves[0], leaves[1], leaves[2], shape.window, false, torch::kFloat32);
    });
  };
  const auto one = compared(1), three = compared(3);
  use_threads(0);
  EXPECT_LT(distance(three.value, one.value), kFloat);
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_LT(distance(three.gradients[i], one.gradients[i]), kFloat);
  }
}

TEST(Window, SaysHowManyPlacesItHas) {
  const Window half{4, 2, 1, 1};
  EXPECT_EQ(half.places(18), 9);
  EXPECT_EQ(half.back(9), 18);
  EXPECT_EQ((Window{6}.places(28)), 23);
  EXPECT_EQ((Window{6}.places(5)), 0);
  EXPECT_EQ((Window{3, 2}.places(8)), 3);  // the last column is left over
  EXPECT_EQ((Window{3, 2}.back(3)), 7);
}

}  // namespace
}  // namespace clade
