#include "clade/formats/png.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <iterator>
#include <string>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/test_files.h"

#ifdef CLADE_WITH_PNG
#include <png.h>
#endif

namespace clade {
namespace {

#ifdef CLADE_WITH_PNG

torch::Tensor decoded(const std::string& bytes) {  // -> [H, W] or [H, W, 3] uint8
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()), 0)
      << header.message;
  const bool colour = (header.format & PNG_FORMAT_FLAG_COLOR) != 0;
  header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  auto image = torch::zeros({header.height, header.width, colour ? 3 : 1}, torch::kUInt8);
  EXPECT_NE(png_image_finish_read(&header, nullptr, image.data_ptr<uint8_t>(), 0, nullptr), 0);
  return colour ? image : image.squeeze(2);
}

TEST(Png, GivesBackEveryGreyLevel) {
  const auto image = torch::arange(256).to(torch::kUInt8).reshape({8, 32});
  EXPECT_TRUE(torch::equal(decoded(encode_png(image)), image));
}

TEST(Png, GivesBackColoursInTheirOrder) {
  const auto image = torch::arange(5 * 7 * 3).to(torch::kUInt8).reshape({5, 7, 3});
  EXPECT_TRUE(torch::equal(decoded(encode_png(image)), image));
}

TEST(Png, ReadsStridedImages) {
  const auto image = torch::arange(12).to(torch::kUInt8).reshape({3, 4});
  EXPECT_TRUE(torch::equal(decoded(encode_png(image.t())), image.t()));
}

TEST(Png, WritesTheFileAndNothingElse) {
  const testing::TestFolder folder;
  const auto image = torch::full({2, 3}, 9, torch::kUInt8);
  write_png(folder.path("a.png"), image);
  EXPECT_TRUE(torch::equal(decoded(read_file(folder.path("a.png"))), image));
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(Png, RefusesWhatIsNoImage) {
  EXPECT_THROW(encode_png({}), Error);
  EXPECT_THROW(encode_png(torch::zeros({4, 4})), Error);
  EXPECT_THROW(encode_png(torch::zeros({4, 4, 2}, torch::kUInt8)), Error);
  EXPECT_THROW(encode_png(torch::zeros({0, 4}, torch::kUInt8)), Error);
  try {
    write_png("pictures/a.png", torch::zeros({4}, torch::kUInt8));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("pictures/a.png: ", 0), 0u) << error.what();
  }
}

#else

TEST(Png, SaysThatItWasLeftOut) {
  EXPECT_THROW(encode_png(torch::zeros({4, 4}, torch::kUInt8)), Error);
}

#endif

}  // namespace
}  // namespace clade
