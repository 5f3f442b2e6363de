#include "clade/core/error.h"
#include "clade/data/codecs.h"

#ifdef CLADE_WITH_PNG
#include <png.h>

#include <memory>
#endif

namespace clade {

bool is_png(std::string_view bytes) {
  return bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n";
}

#ifdef CLADE_WITH_PNG

namespace {

// Deflate cannot pack 8 pixels of one bit into less than 1/1032 of a byte.
constexpr uint64_t kMostPixelsAByte = uint64_t{8} * 1032;
constexpr std::string_view kEnd("\0\0\0\0IEND", 8);

DataError broken(const std::string& where, const std::string& why) {
  return DataError(where + " is a broken PNG (" + why + "); copy it again or remove it");
}

}  // namespace

torch::Tensor decode_png(std::string_view bytes, const std::string& where) {
  // libpng does not look for the end once it has all pixels.
  const size_t end = bytes.rfind(kEnd);
  constexpr size_t checksum = 4;
  if (end == std::string_view::npos || end + kEnd.size() + checksum > bytes.size()) {
    throw broken(where, "truncated");
  }
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> owner(&header, png_image_free);
  if (png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()) == 0) {
    throw broken(where, header.message);
  }
  check_sides(header.height, header.width, where);
  if (uint64_t{header.height} * header.width > kMostPixelsAByte * bytes.size()) {
    throw broken(where, std::to_string(header.height) + "x" + std::to_string(header.width) +
                            " pixels in " + std::to_string(bytes.size()) + " bytes");
  }
  const bool colour = (header.format & PNG_FORMAT_FLAG_COLOR) != 0;
  header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  header.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // libpng would take 16 bits for linear light
  std::vector<int64_t> shape = {header.height, header.width};
  if (colour) shape.push_back(3);
  auto pixels = torch::empty(shape, torch::kUInt8);
  constexpr png_color white = {255, 255, 255};
  constexpr int no_row_stride = 0;
  if (png_image_finish_read(&header, &white, pixels.data_ptr<uint8_t>(), no_row_stride, nullptr) ==
      0) {
    throw broken(where, header.message);
  }
  return pixels;
}

#else

torch::Tensor decode_png(std::string_view, const std::string& where) {
  throw Error(where + " is a PNG, and this clade was built without libpng; build it with " +
              "-DCLADE_WITH_PNG=ON");
}

#endif

}  // namespace clade
