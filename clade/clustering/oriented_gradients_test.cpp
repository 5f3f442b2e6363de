#include "clade/clustering/oriented_gradients.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/random.h"

namespace clade {
namespace {

constexpr int64_t kBlocks = 7, kCellsOfBlock = 4, kDirections = 9;

// Of each block, the shares of its cells and directions: [N, 4, 9, 7, 7].
torch::Tensor shares(const torch::Tensor& gradients) {
  return gradients.square().view({-1, kCellsOfBlock, kDirections, kBlocks, kBlocks});
}

// Levels that rise in one direction, `degrees` clockwise from the columns': [1, 32, 32, 1].
torch::Tensor ramp(double degrees) {
  const auto i = torch::arange(32).view({32, 1}), j = torch::arange(32).view({1, 32});
  const double angle = degrees * M_PI / 180;
  return (0.5 + 0.01 * (std::cos(angle) * j + std::sin(angle) * i)).view({1, 32, 32, 1});
}

torch::Tensor drawn_images(std::vector<int64_t> shape) {
  auto generator = make_generator(3);
  return torch::rand(shape, generator);
}

TEST(OrientedGradients, AreTheDirectionsOfWhatRises) {
  for (const double degrees : {0.0, 20.0, 50.0, 97.0, 175.0, 230.0}) {
    const auto inner = shares(oriented_gradients(ramp(degrees)))
                           .slice(3, 1, kBlocks - 1)
                           .slice(4, 1, kBlocks - 1);  // whose cells do not touch the border
    const double direction = std::fmod(degrees, 180) / 20;
    const auto first = static_cast<int64_t>(direction);
    const double share = direction - static_cast<double>(first);
    auto expected = torch::zeros({1, 1, kDirections, 1, 1});
    expected[0][0][first % kDirections] += (1 - share) / kCellsOfBlock;
    expected[0][0][(first + 1) % kDirections] += share / kCellsOfBlock;
    const auto found = inner / inner.sum(at::IntArrayRef{1, 2}, /*keepdim=*/true);
    EXPECT_TRUE(torch::allclose(found, expected.expand_as(found), 0, 1e-4)) << degrees;
    EXPECT_GT(inner.sum(at::IntArrayRef{1, 2}).min().item<float>(), 0.7);  // less what is faint
  }
}

TEST(OrientedGradients, StandStillWhenLightContrastAndInkChange) {
  const auto images = drawn_images({3, 28, 20, 1});
  const auto found = oriented_gradients(images);
  EXPECT_EQ(found.sizes(), (std::vector<int64_t>{3, kOrientedGradients}));
  EXPECT_TRUE(torch::allclose(oriented_gradients(0.3 * images + 0.5), found, 0, 1e-2));
  EXPECT_TRUE(torch::allclose(oriented_gradients(1 - images), found, 0, 1e-5));
  // Of three colours the one that changes most counts.
  const auto flat = torch::full_like(images, 0.4);
  EXPECT_TRUE(torch::allclose(oriented_gradients(torch::cat({flat, images, flat}, 3)), found));
  EXPECT_FALSE(torch::allclose(oriented_gradients(images.flip(2)), found, 0, 1e-2));
}

TEST(OrientedGradients, AreOfTheCellsThatHaveEdges) {
  auto image = torch::zeros({1, 32, 32, 1});
  image.slice(1, 9, 11).slice(2, 9, 11).fill_(1);  // edges within the third cell of rows, columns
  const auto found = shares(oriented_gradients(image)).sum(at::IntArrayRef{0, 2});  // [4, 7, 7]
  for (int64_t cell = 0; cell < kCellsOfBlock; ++cell) {  // its place in the four blocks it is of
    EXPECT_GT(found[cell][2 - cell / 2][2 - cell % 2].item<float>(), 0.8);
  }
  EXPECT_NEAR(found.sum().item<float>(), found.slice(1, 1, 3).slice(2, 1, 3).sum().item<float>(),
              1e-6);
  EXPECT_LE(found.sum().item<float>(), kCellsOfBlock);
  EXPECT_EQ(oriented_gradients(torch::full({2, 16, 16, 3}, 0.7)).abs().max().item<float>(), 0);
}

TEST(OrientedGradients, OfAnImageDoNotDependOnTheOthers) {
  const auto images = drawn_images({3000, 16, 16, 3});
  const auto all = oriented_gradients(images);
  EXPECT_TRUE(all.slice(0, 2990, 3000).equal(oriented_gradients(images.slice(0, 2990, 3000))));
}

}  // namespace
}  // namespace clade
