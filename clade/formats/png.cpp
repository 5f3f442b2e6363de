#include "clade/formats/png.h"

#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/bytes.h"
#include "clade/formats/exif.h"
#include "clade/formats/image_sides.h"

#ifdef CLADE_WITH_PNG
#include <png.h>
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

/// libpng's view of an image, on its way in or out.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

constexpr int kNoRowStride = 0;

std::vector<std::string> changes_of(png_uint_32 format) {
  std::vector<std::string> changes;
  if ((format & PNG_FORMAT_FLAG_LINEAR) != 0) changes.emplace_back("16 bits became 8");
  if ((format & PNG_FORMAT_FLAG_COLORMAP) != 0) changes.emplace_back("a palette became colours");
  if ((format & PNG_FORMAT_FLAG_ALPHA) != 0) changes.emplace_back("an alpha channel lies on white");
  return changes;
}

/// The orientation in the chunk eXIf, which stands anywhere before the end.
int orientation_of_png(std::string_view bytes) {
  constexpr size_t signature = 8, frame = 12;  // of a chunk: its length, type and checksum
  for (size_t at = signature; at + frame <= bytes.size();) {
    const size_t length = load_number<uint32_t>(&bytes[at], /*big_endian=*/true);
    if (bytes.substr(at + 4, 4) == "eXIf") return exif_orientation(bytes.substr(at + 8, length));
    at += frame + length;
  }
  return 1;
}

DataError broken_png(const std::string& where, const std::string& why) {
  return DataError(where + " is a broken PNG (" + why + "); copy it again or remove it");
}

}  // namespace

DecodedImage decode_png(std::string_view bytes, const std::string& where) {
  // libpng does not look for the end once it has all pixels.
  const size_t end = bytes.rfind(kEnd);
  constexpr size_t checksum = 4;
  if (end == std::string_view::npos || end + kEnd.size() + checksum > bytes.size()) {
    throw broken_png(where, "truncated");
  }
  PngImage header;
  if (png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()) == 0) {
    throw broken_png(where, header.message);
  }
  check_sides(header.height, header.width, where);
  if (uint64_t{header.height} * header.width > kMostPixelsAByte * bytes.size()) {
    throw broken_png(where, std::to_string(header.height) + "x" + std::to_string(header.width) +
                                " pixels in " + std::to_string(bytes.size()) + " bytes");
  }
  auto changes = changes_of(header.format);
  const bool colour = (header.format & PNG_FORMAT_FLAG_COLOR) != 0;
  header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  header.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // libpng would take 16 bits for linear light
  std::vector<int64_t> shape = {header.height, header.width};
  if (colour) shape.push_back(3);
  auto pixels = torch::empty(shape, torch::kUInt8);
  constexpr png_color white = {255, 255, 255};
  if (png_image_finish_read(&header, &white, pixels.data_ptr<uint8_t>(), kNoRowStride, nullptr) ==
      0) {
    throw broken_png(where, header.message);
  }
  const int orientation = orientation_of_png(bytes);
  if (orientation != 1) changes.emplace_back(kTurned);
  return {upright(pixels, orientation), changes};
}

std::string encode_png(const torch::Tensor& image) {
  const bool colour = image.defined() && image.dim() == 3 && image.size(2) == 3;
  if (!image.defined() || image.scalar_type() != torch::kUInt8 || image.numel() == 0 ||
      !(colour || image.dim() == 2)) {
    std::ostringstream what;
    what << "a PNG is made of a uint8 image [H, W] or [H, W, 3], not of ";
    if (image.defined()) {
      what << image.scalar_type() << " " << image.sizes();
    } else {
      what << "an undefined tensor";
    }
    throw Error(what.str() + "; make_sheet turns points into such an image");
  }
  const auto pixels = image.cpu().contiguous();
  PngImage header;
  header.width = static_cast<png_uint_32>(pixels.size(1));
  header.height = static_cast<png_uint_32>(pixels.size(0));
  header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = bytes.size();
  constexpr int keep_8_bits = 0;
  if (png_image_write_to_memory(&header, bytes.data(), &size, keep_8_bits,
                                pixels.data_ptr<uint8_t>(), kNoRowStride, nullptr) == 0) {
    throw Error(std::string("libpng cannot encode an image: ") + header.message +
                "; give it fewer rows");
  }
  bytes.resize(size);
  return bytes;
}

#else

DecodedImage decode_png(std::string_view, const std::string& where) {
  throw Error(where + " is a PNG, and this clade was built without libpng; build it with " +
              "-DCLADE_WITH_PNG=ON");
}

std::string encode_png(const torch::Tensor&) {
  throw Error(
      "this clade was built without libpng and cannot draw images; build it with "
      "-DCLADE_WITH_PNG=ON");
}

#endif

void write_png(const std::filesystem::path& path, const torch::Tensor& image) {
  std::string bytes;
  try {
    bytes = encode_png(image);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  write_atomically(path, bytes);
}

}  // namespace clade
