#include "clade/report/sheet.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "clade/core/error.h"

namespace clade {
namespace {

uint8_t pixel(const torch::Tensor& image, int64_t row, int64_t column) {  // [H, W]
  return image[row][column].item<uint8_t>();
}

TEST(Sheet, PutsRowsBelowAndColumnsBeside) {
  const int64_t side = 60;  // large enough not to be zoomed
  auto points = torch::zeros({2, 3, side * side});
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 3; ++column) {
      points[row][column].fill_(static_cast<double>(10 * row + column) / 255);
    }
  }
  const auto sheet = make_sheet(points, {side, side});
  const int64_t step = side + gutter_width;
  EXPECT_EQ(sheet.sizes(),
            (std::vector<int64_t>{2 * step - gutter_width, 3 * step - gutter_width}));
  EXPECT_EQ(pixel(sheet, 0, 0), 0);
  EXPECT_EQ(pixel(sheet, side - 1, side - 1), 0);
  EXPECT_EQ(pixel(sheet, 0, side), gutter_grey);
  EXPECT_EQ(pixel(sheet, side, 0), gutter_grey);
  EXPECT_EQ(pixel(sheet, 0, step), 1);
  EXPECT_EQ(pixel(sheet, step, 0), 10);
  EXPECT_EQ(pixel(sheet, sheet.size(0) - 1, sheet.size(1) - 1), 12);
}

TEST(Sheet, ZoomsSmallPicturesAndKeepsTheirPixelsInPlace) {
  // A point [2, 2]: 0 1 / 0.2 0.4, in its only tile.
  const auto points = torch::tensor({0.0F, 1.0F, 0.2F, 0.4F}).reshape({1, 1, 4});
  const int64_t zoom = sheet_zoom({2, 2});
  ASSERT_GT(zoom, 1);
  const auto sheet = make_sheet(points, {2, 2});
  EXPECT_EQ(sheet.sizes(), (std::vector<int64_t>{2 * zoom, 2 * zoom}));
  EXPECT_EQ(pixel(sheet, zoom - 1, zoom - 1), 0);
  EXPECT_EQ(pixel(sheet, zoom - 1, zoom), 255);
  EXPECT_EQ(pixel(sheet, zoom, zoom - 1), 51);
  EXPECT_EQ(pixel(sheet, 2 * zoom - 1, 2 * zoom - 1), 102);
  EXPECT_EQ(sheet_zoom({64, 64}), 1);
}

TEST(Sheet, ClampsValuesAndLeavesNaNEmpty) {
  auto points = torch::zeros({1, 3, 60 * 60});
  points[0][0].fill_(-0.5);
  points[0][1].fill_(1.5);
  points[0][2].fill_(std::nan(""));
  const auto sheet = make_sheet(points, {60, 60});
  EXPECT_EQ(pixel(sheet, 5, 5), 0);
  EXPECT_EQ(pixel(sheet, 5, 60 + gutter_width + 5), 255);
  EXPECT_EQ(pixel(sheet, 5, 2 * (60 + gutter_width) + 5), gutter_grey);
}

TEST(Sheet, KeepsColoursLast) {
  auto point = torch::zeros({1, 1, 60, 80, 3});
  point[0][0][3][70][2] = 1;  // blue, right of the middle
  const auto sheet = make_sheet(point.reshape({1, 1, -1}), {60, 80, 3});
  EXPECT_EQ(sheet.sizes(), (std::vector<int64_t>{60, 80, 3}));
  EXPECT_EQ(sheet[3][70][2].item<int>(), 255);
  EXPECT_EQ(sheet.sum().item<int64_t>(), 255);
}

TEST(Sheet, RefusesPointsOfAnotherShape) {
  EXPECT_THROW(make_sheet(torch::zeros({1, 1, 5}), {2, 2}), Error);
  EXPECT_THROW(make_sheet(torch::zeros({1, 4}), {2, 2}), Error);
  EXPECT_THROW(make_sheet(torch::zeros({1, 1, 4}), {4}), Error);
}

}  // namespace
}  // namespace clade
