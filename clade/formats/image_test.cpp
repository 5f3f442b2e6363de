#include "clade/formats/image.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <random>

#include "clade/core/error.h"
#include "clade/formats/exif.h"
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
/// A JPEG of [H, W(, C)] uint8, which `choose` says how to write.
std::string compressed(const torch::Tensor& image,
                       const std::function<void(jpeg_compress_struct&)>& choose) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(image.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(image.size(1));
  choose(jpeg);
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

std::string jpeg_bytes(const torch::Tensor& image, bool progressive = false) {  // [H, W(, 3)] uint8
  return compressed(image, [&](jpeg_compress_struct& jpeg) {
    jpeg.input_components = image.dim() == 3 ? 3 : 1;
    jpeg.in_color_space = image.dim() == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (progressive) jpeg_simple_progression(&jpeg);
  });
}

/// CMYK as Adobe writes it, inverted: [H, W, 4] uint8.
std::string cmyk_bytes(const torch::Tensor& image) {
  return compressed(image, [](jpeg_compress_struct& jpeg) {
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
  });
}

TEST(Jpeg, CmykBecomesRgb) {
  // Inverted: full cyan is 0. Paper, black, red (magenta and yellow), and half a blue.
  const auto image =
      pixels({255, 255, 255, 255, 255, 255, 255, 0, 255, 0, 0, 255, 0, 0, 255, 128}, {4, 4});
  const auto rows = image.view({4, 1, 1, 4}).expand({4, 16, 16, 4}).reshape({64, 16, 4});
  const DecodedImage read = decode_image(cmyk_bytes(rows.contiguous()), "a.jpg");
  ASSERT_EQ(read.pixels.sizes(), (torch::IntArrayRef{64, 16, 3}));
  const auto expected = pixels({255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0, 128}, {4, 3});
  for (int64_t i = 0; i < 4; ++i) {
    const auto centre = read.pixels[16 * i + 8][8].to(torch::kInt64);
    EXPECT_LE((centre - expected[i].to(torch::kInt64)).abs().max().item<int64_t>(), 3) << centre;
  }
  EXPECT_EQ(read.changes, std::vector<std::string>{"CMYK became RGB"});
}

TEST(Jpeg, OfThousandsOfScansIsRefused) {
  const auto grey = torch::zeros({16, 16}, torch::kUInt8);
  const auto with_scans = [&](int scans) {
    // The first brings the mean, each of the others one coefficient of the first block again.
    std::vector<jpeg_scan_info> script(static_cast<size_t>(scans), {1, {0}, 0, 0, 0, 0});
    int next = 0;
    for (auto& scan : script) {
      if (next > 0) scan.Ss = scan.Se = next;
      next = next % 63 + 1;
    }
    return compressed(grey, [&](jpeg_compress_struct& jpeg) {
      jpeg.input_components = 1;
      jpeg.in_color_space = JCS_GRAYSCALE;
      jpeg_set_defaults(&jpeg);
      jpeg.scan_info = script.data();
      jpeg.num_scans = scans;
    });
  };
  std::string bytes = with_scans(64);
  EXPECT_TRUE(decode(bytes).equal(grey));
  // Sixty-three of its scans, again and again.
  const size_t first = bytes.find("\xff\xda"), second = bytes.find("\xff\xda", first + 2);
  const std::string again = bytes.substr(second, bytes.size() - second - 2);
  for (int i = 0; i < 20; ++i) bytes.insert(bytes.size() - 2, again);
  expect_error<DataError>([&] { decode(bytes); }, {"a.png", "more than 100 scans"});
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

// What stands where in each orientation, after the table of EXIF 2.32, of a, b, c above d, e, f.
TEST(Exif, TurnsImagesUpright) {
  const auto image = pixels({'a', 'b', 'c', 'd', 'e', 'f'}, {2, 3});
  const auto shown = [&](int orientation) {
    const auto turned = upright(image, orientation);
    std::string text;
    for (int64_t i = 0; i < turned.size(0); ++i) {
      for (int64_t j = 0; j < turned.size(1); ++j)
        text += static_cast<char>(turned[i][j].item<int64_t>());
      text += "/";
    }
    return text;
  };
  EXPECT_EQ(shown(1), "abc/def/");
  EXPECT_EQ(shown(2), "cba/fed/");
  EXPECT_EQ(shown(3), "fed/cba/");
  EXPECT_EQ(shown(4), "def/abc/");
  EXPECT_EQ(shown(5), "ad/be/cf/");
  EXPECT_EQ(shown(6), "da/eb/fc/");
  EXPECT_EQ(shown(7), "fc/eb/da/");
  EXPECT_EQ(shown(8), "cf/be/ad/");
  const auto colours = image.unsqueeze(2).expand({2, 3, 3});
  EXPECT_TRUE(upright(colours, 6).select(2, 1).equal(upright(image, 6)));
}

/// A TIFF block of two entries, the second of which is the orientation.
std::string tiff_block(bool big_endian, uint16_t orientation) {
  const auto two = [&](uint16_t n) {
    return big_endian ? testing::big<uint16_t>({n}) : testing::little<uint16_t>({n});
  };
  const auto four = [&](uint32_t n) {
    return big_endian ? testing::big<uint32_t>({n}) : testing::little<uint32_t>({n});
  };
  const std::string camera = two(0x0110) + two(2) + four(4) + std::string("abc\0", 4);
  const std::string turned = two(0x0112) + two(3) + four(1) + two(orientation) + two(0);
  return (big_endian ? "MM" : "II") + two(42) + four(8) + two(2) + camera + turned + four(0);
}

TEST(Exif, FindsTheOrientation) {
  for (const bool big_endian : {false, true}) {
    const std::string block = tiff_block(big_endian, 6);
    EXPECT_EQ(exif_orientation(block), 6);
    EXPECT_EQ(exif_orientation(tiff_block(big_endian, 9)), 1);
    // Cut anywhere, it says the same or nothing.
    for (size_t size = 0; size < block.size(); ++size) {
      const int cut = exif_orientation(std::string_view(block).substr(0, size));
      EXPECT_EQ(cut, size < block.size() - 4 ? 1 : 6) << size;
    }
  }
  EXPECT_EQ(exif_orientation(std::string("MM\0*\xff\xff\xff\xff", 8)), 1);
}

#ifdef CLADE_WITH_JPEG
TEST(Jpeg, IsTurnedAsItsExifSays) {
  auto image = torch::zeros({16, 32, 3}, torch::kUInt8);
  image.slice(1, 0, 8).select(2, 0).fill_(200);  // a red edge at its left
  std::string bytes = jpeg_bytes(image);
  const std::string exif = std::string("Exif\0\0", 6) + tiff_block(true, 6);
  const auto length = static_cast<uint16_t>(exif.size() + 2);
  bytes.insert(2, "\xff\xe1" + testing::big<uint16_t>({length}) + exif);
  const DecodedImage read = decode_image(bytes, "a.jpg");
  ASSERT_EQ(read.pixels.sizes(), (torch::IntArrayRef{32, 16, 3}));
  EXPECT_GT(read.pixels.slice(0, 0, 6).select(2, 0).min().item<int64_t>(), 150);  // above, now
  EXPECT_LT(read.pixels.slice(0, 12).max().item<int64_t>(), 50);
  EXPECT_EQ(read.changes, std::vector<std::string>{"turned upright as its EXIF says"});
}
#endif

TEST(DecodeImage, NamesWhatIsNoImage) {
  expect_error<DataError>([] { decode_image("RIFF\1\1\1\1WEBPVP8 \1", "a.png"); },
                          {"a.png is a WebP image", "PNG or JPEG"});
  expect_error<DataError>([] { decode_image("<!doctype html><html>", "a.jpg"); },
                          {"a.jpg is a web page"});
  expect_error<DataError>([] { decode_image("hello, world", "notes.png"); },
                          {"notes.png", "neither PNG nor JPEG"});
  expect_error<DataError>([] { decode_image("", "none.png"); }, {"none.png", "empty"});
}

#if defined(CLADE_WITH_PNG) && defined(CLADE_WITH_ZLIB)

using testing::grey_png;
using testing::png_bytes;

const std::string kZero(1, '\0');

TEST(Png, DecodesEveryKind) {
  EXPECT_TRUE(decode(grey_png(2, 2, std::string("\0\x01\x80\xff", 4)))
                  .equal(pixels({0, 1, 128, 255}, {2, 2})));
  // 1 bit: 101 00000.
  EXPECT_TRUE(decode(png_bytes(3, 1, 1, 0, kZero + "\xa0")).equal(pixels({255, 0, 255}, {1, 3})));
  const auto colours = pixels({1, 2, 3, 250, 251, 252}, {1, 2, 3});
  EXPECT_TRUE(decode(png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc")).equal(colours));
  EXPECT_TRUE(
      decode(png_bytes(2, 1, 1, 3, kZero + "\x40", "PLTE\x01\x02\x03\xfa\xfb\xfc")).equal(colours));
}

TEST(Png, SixteenBitsAreThoseOfTheFile) {
  const auto words = [](std::vector<uint16_t> numbers) {
    std::string bytes(1, '\0');  // no filter
    for (const uint16_t number : numbers) {
      bytes += static_cast<char>(number >> 8);
      bytes += static_cast<char>(number & 0xff);
    }
    return bytes;
  };
  const auto numbers = [](std::vector<float> values, std::vector<int64_t> shape) {
    return torch::tensor(values).view(shape);
  };
  const auto grey = words({1, 0x1234, 0xfffe});
  const auto expected = numbers({1, 0x1234, 0xfffe}, {1, 3});
  EXPECT_TRUE(decode(png_bytes(3, 1, 16, 0, grey)).equal(expected));
  // Whatever light the file says they mean.
  const std::string gamma("gAMA\0\0\xb1\x8f", 8);
  EXPECT_TRUE(decode(png_bytes(3, 1, 16, 0, grey, gamma)).equal(expected));
  EXPECT_TRUE(decode(png_bytes(1, 1, 16, 2, grey)).equal(expected.view({1, 1, 3})));
  // Opaque, and transparent: on white.
  EXPECT_TRUE(decode(png_bytes(2, 1, 16, 4, words({0x1234, 0xffff, 0x1234, 0})))
                  .equal(numbers({0x1234, 0xffff}, {1, 2})));
  EXPECT_TRUE(decode(png_bytes(1, 1, 16, 6, words({1, 2, 3, 0}))).eq(0xffff).all().item<bool>());
  EXPECT_NEAR(decode(png_bytes(1, 1, 16, 4, words({0x4000, 0x8000}))).item<float>(),
              0x4000 * (0x8000 / 65535.0) + (0xffff - 0x8000), 1);
}

TEST(Png, EightBitsAreThoseOfTheFileWhateverLightTheyMean) {
  for (const std::string& gamma :
       {std::string("gAMA\0\1\x86\xa0", 8), std::string("gAMA\0\0\xb1\x8f", 8)}) {
    EXPECT_TRUE(decode(png_bytes(3, 1, 8, 0, kZero + "\x01\x32\xc8", gamma))
                    .equal(pixels({1, 50, 200}, {1, 3})));
  }
}

TEST(Png, WhatIsTransparentLiesOnWhite) {
  const std::string pixels_and_alpha("\x50\xff\x50\0", 4);
  EXPECT_TRUE(
      decode(png_bytes(2, 1, 8, 4, kZero + pixels_and_alpha)).equal(pixels({80, 255}, {1, 2})));
  const std::string colours("\x01\x02\x03\xff\x01\x02\x03\0", 8);
  EXPECT_TRUE(decode(png_bytes(2, 1, 8, 6, kZero + colours))
                  .equal(pixels({1, 2, 3, 255, 255, 255}, {1, 2, 3})));
  // Half of black and of 100, on 255.
  EXPECT_TRUE(decode(png_bytes(2, 1, 8, 4, kZero + std::string("\0\x80\x64\x80", 4)))
                  .equal(pixels({127, 177}, {1, 2})));
  EXPECT_TRUE(decode(png_bytes(1, 1, 8, 6, kZero + std::string("\0\x64\xff\x80", 4)))
                  .equal(pixels({127, 177, 255}, {1, 1, 3})));
  EXPECT_TRUE(decode(png_bytes(1, 1, 1, 3, kZero + kZero, "PLTE" + std::string("\0\x64\xff", 3)))
                  .equal(pixels({0, 100, 255}, {1, 1, 3})));
}

TEST(Png, SaysWhatItLeavesOut) {
  const auto changes = [](const std::string& bytes) { return decode_image(bytes, "a").changes; };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(changes(grey_png(2, 2, "abcd")), Texts());
  EXPECT_EQ(changes(png_bytes(2, 1, 8, 2, kZero + "abcdef")), Texts());
  EXPECT_EQ(changes(png_bytes(1, 1, 16, 6, kZero + "abcdefgh")),
            Texts{"an alpha channel lies on white"});
  EXPECT_EQ(changes(png_bytes(2, 1, 1, 3, kZero + "\x40", "PLTE\x01\x02\x03\xfa\xfb\xfc")),
            Texts{"a palette became colours"});
}

TEST(Png, IsTurnedAsItsExifSays) {
  const DecodedImage read = decode_image(
      png_bytes(3, 2, 8, 0, kZero + "abc" + kZero + "def", "eXIf" + tiff_block(false, 8)), "a.png");
  EXPECT_TRUE(read.pixels.equal(pixels({'c', 'f', 'b', 'e', 'a', 'd'}, {3, 2})));
  EXPECT_EQ(read.changes, std::vector<std::string>{"turned upright as its EXIF says"});
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
