#include "clade/formats/image.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <random>

#include "clade/core/error.h"
#include "clade/formats/test_files.h"

#ifdef CLADE_WITH_JPEG
#include <jpeglib.h>
#endif

namespace clade {
namespace {

using testing::expect_error;

torch::Tensor pixels(std::vector<int64_t> values, std::vector<int64_t> shape) {
  return torch::tensor(values).to(torch::kUInt8).view(shape);
}

torch::Tensor decode(const std::string& bytes) {
  return decode_image(bytes, "a.png").pixels;
}

#ifdef CLADE_WITH_JPEG
std::string jpeg_bytes(const torch::Tensor& image, bool progressive = false) {  // [H, W(, 3)] uint8
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(image.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(image.size(1));
  jpeg.input_components = image.dim() == 3 ? 3 : 1;
  jpeg.in_color_space = image.dim() == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (int64_t i = 0; i < image.size(0); ++i) {
    JSAMPROW row = image.data_ptr<uint8_t>() + i * image.stride(0);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return bytes;
}

TEST(Jpeg, DecodesGreyAndColour) {
  const auto grey = torch::arange(16 * 24, torch::kInt64).view({16, 24}).div(2, "floor");
  for (const bool progressive : {false, true}) {
    const auto read = decode(jpeg_bytes(grey.to(torch::kUInt8), progressive));
    ASSERT_EQ(read.sizes(), grey.sizes());
    EXPECT_LE((read.to(torch::kInt64) - grey).abs().max().item<int64_t>(), 4);
  }
  const auto red = pixels({200, 30, 60}, {3}).expand({8, 9, 3}).contiguous();
  const auto read = decode(jpeg_bytes(red));
  ASSERT_EQ(read.sizes(), red.sizes());
  EXPECT_LE((read.to(torch::kInt64) - red.to(torch::kInt64)).abs().max().item<int64_t>(), 3);
}
#endif

TEST(DecodeImage, NamesWhatIsNoImage) {
  expect_error<DataError>([] { decode_image("hello, world", "notes.png"); },
                          {"notes.png", "neither PNG nor JPEG"});
  expect_error<DataError>([] { decode_image("", "none.png"); }, {"none.png", "empty"});
}

#if defined(CLADE_WITH_PNG) && defined(CLADE_WITH_ZLIB)

using testing::grey_png;
using testing::png_bytes;

const std::string kZero(1, '\0');

TEST(Png, DecodesEveryKindToEightBits) {
  EXPECT_TRUE(decode(grey_png(2, 2, std::string("\0\x01\x80\xff", 4)))
                  .equal(pixels({0, 1, 128, 255}, {2, 2})));
  // 1 bit: 101 00000; 16 bits, whose high byte counts.
  EXPECT_TRUE(decode(png_bytes(3, 1, 1, 0, kZero + "\xa0")).equal(pixels({255, 0, 255}, {1, 3})));
  EXPECT_TRUE(decode(png_bytes(2, 1, 16, 0, kZero + std::string("\x40\x40\xff\xff", 4)))
                  .equal(pixels({64, 255}, {1, 2})));
  const auto colours = pixels({1, 2, 3, 250, 251, 252}, {1, 2, 3});
  EXPECT_TRUE(decode(png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc")).equal(colours));
  EXPECT_TRUE(
      decode(png_bytes(2, 1, 1, 3, kZero + "\x40", "PLTE\x01\x02\x03\xfa\xfb\xfc")).equal(colours));
}

TEST(Png, WhatIsTransparentLiesOnWhite) {
  const std::string pixels_and_alpha("\x50\xff\x50\0", 4);
  EXPECT_TRUE(
      decode(png_bytes(2, 1, 8, 4, kZero + pixels_and_alpha)).equal(pixels({80, 255}, {1, 2})));
  const std::string colours("\x01\x02\x03\xff\x01\x02\x03\0", 8);
  EXPECT_TRUE(decode(png_bytes(2, 1, 8, 6, kZero + colours))
                  .equal(pixels({1, 2, 3, 255, 255, 255}, {1, 2, 3})));
}

TEST(Png, SaysWhatItLeavesOut) {
  const auto changes = [](const std::string& bytes) { return decode_image(bytes, "a").changes; };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(changes(grey_png(2, 2, "abcd")), Texts());
  EXPECT_EQ(changes(png_bytes(2, 1, 8, 2, kZero + "abcdef")), Texts());
  EXPECT_EQ(changes(png_bytes(1, 1, 16, 6, kZero + "abcdefgh")),
            (Texts{"16 bits became 8", "an alpha channel lies on white"}));
  EXPECT_EQ(changes(png_bytes(2, 1, 1, 3, kZero + "\x40", "PLTE\x01\x02\x03\xfa\xfb\xfc")),
            Texts{"a palette became colours"});
}

TEST(Png, SizesAreCheckedBeforeMemoryIsTaken) {
  expect_error<DataError>([] { decode(png_bytes(60000, 60000, 8, 0, kZero)); },
                          {"a.png", "60000x60000", "8192"});
  expect_error<DataError>([] { decode(png_bytes(8000, 8000, 8, 2, kZero)); },
                          {"a.png", "8000x8000 pixels in"});
  EXPECT_THROW(decode(png_bytes(0, 1, 8, 0, kZero)), DataError);
}

std::vector<std::string> small_images() {
  std::vector<std::string> files = {
      grey_png(3, 2, "abcdef"),
      png_bytes(2, 1, 1, 3, kZero + "\x40", "PLTE\x01\x02\x03\xfa\xfb\xfc"),
      png_bytes(2, 1, 16, 6, kZero + "abcdefghABCDEFGH"),
  };
#ifdef CLADE_WITH_JPEG
  const auto image = torch::arange(12 * 12 * 3, torch::kInt64).remainder(251).to(torch::kUInt8);
  files.push_back(jpeg_bytes(image.view({12, 12, 3})));
  files.push_back(jpeg_bytes(image.view({12, 36}), /*progressive=*/true));
#endif
  return files;
}

TEST(BrokenImages, EveryTruncationIsRefused) {
  for (const std::string& bytes : small_images()) {
    EXPECT_NO_THROW(decode(bytes));
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THROW(decode(bytes.substr(0, size)), DataError) << "cut to " << size << " bytes";
    }
  }
}

TEST(BrokenImages, NoDamageCrashes) {
  std::mt19937 random(1);
  int refused = 0;
  for (const std::string& bytes : small_images()) {
    for (int i = 0; i < 300; ++i) {
      std::string damaged = bytes;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
        damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
      }
      try {
        decode(damaged);
      } catch (const DataError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500);
}

#endif

}  // namespace
}  // namespace clade
