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
  if ((format & PNG_FORMAT_FLAG_COLORMAP) != 0) changes.emplace_back("a palette became colours");
  if ((format & PNG_FORMAT_FLAG_ALPHA) != 0) changes.emplace_back("an alpha channel lies on white");
  return changes;
}

constexpr size_t kSignature = 8;
constexpr size_t kFrame = 12;  // of a chunk: its length and type before it, its checksum behind

/// The chunks of a file, frames included.
std::vector<std::string_view> chunks_of(std::string_view bytes) {
  std::vector<std::string_view> chunks;
  for (size_t at = kSignature; at + kFrame <= bytes.size();) {
    const size_t length = load_number<uint32_t>(&bytes[at], /*big_endian=*/true);
    chunks.push_back(bytes.substr(at, kFrame + length));
    at += kFrame + length;
  }
  return chunks;
}

std::string_view type_of(std::string_view chunk) {
  return chunk.substr(4, 4);
}

/// The orientation in the chunk eXIf, which stands anywhere before the end.
int orientation_of_png(std::string_view bytes) {
  for (const std::string_view chunk : chunks_of(bytes)) {
    if (type_of(chunk) == "eXIf") return exif_orientation(chunk.substr(8, chunk.size() - kFrame));
  }
  return 1;
}

bool has_16_bits(std::string_view bytes) {
  constexpr size_t at = kSignature + 8 + 8;  // behind width and height
  return bytes.size() > at && bytes[at] == 16;
}

/// The file without what it says of its colours (gAMA, sRGB and the like): libpng would give back
/// other numbers than there are.
std::string without_colour_space(std::string_view bytes) {
  std::string plain(bytes.substr(0, kSignature));
  for (const std::string_view chunk : chunks_of(bytes)) {
    const bool critical = (chunk[4] & 0x20) == 0;
    if (critical || type_of(chunk) == "tRNS") plain += chunk;
  }
  return plain;
}

DataError broken_png(const std::string& where, const std::string& why) {
  return DataError(where + " is a broken PNG (" + why + "); copy it again or remove it");
}

/// Reads what `image` is of into [H, W] or [H, W, 3], transparent pixels on white as viewers lay
/// them: libpng would mix light, not numbers.
torch::Tensor read_8_bits(PngImage& image, bool colour, const std::string& where) {
  const bool alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.format = (colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY) | (alpha ? PNG_FORMAT_FLAG_ALPHA : 0);
  const int64_t channels = colour ? 3 : 1;
  auto bytes = torch::empty({image.height, image.width, channels + (alpha ? 1 : 0)}, torch::kUInt8);
  if (png_image_finish_read(&image, nullptr, bytes.data_ptr<uint8_t>(), kNoRowStride, nullptr) ==
      0) {
    throw broken_png(where, image.message);
  }
  auto pixels = bytes.narrow(2, 0, channels);
  if (alpha) {
    constexpr int64_t white = 255;
    const auto cover = bytes.narrow(2, channels, 1).to(torch::kFloat32).div(white);
    pixels = pixels.to(torch::kFloat32).sub(white).mul(cover).add(white).round().to(torch::kUInt8);
  }
  return colour ? pixels : pixels.squeeze(2);
}

/// The same of 16 bits, float32. libpng would lay what is transparent on black.
torch::Tensor read_16_bits(PngImage& image, bool colour, const std::string& where) {
  image.format = colour ? PNG_FORMAT_LINEAR_RGB_ALPHA : PNG_FORMAT_LINEAR_Y_ALPHA;
  const int64_t channels = colour ? 3 : 1;
  auto words = torch::empty({image.height, image.width, channels + 1}, torch::kInt16);
  if (png_image_finish_read(&image, nullptr, words.data_ptr<int16_t>(), kNoRowStride, nullptr) ==
      0) {
    throw broken_png(where, image.message);
  }
  constexpr int64_t white = 0xffff;
  const auto numbers = words.to(torch::kInt32).bitwise_and(white);
  // Already multiplied by the share that covers what is below.
  const auto uncovered = white - numbers.narrow(2, channels, 1);
  const auto pixels = (numbers.narrow(2, 0, channels) + uncovered).to(torch::kFloat32);
  return colour ? pixels : pixels.squeeze(2);
}

}  // namespace

DecodedImage decode_png(std::string_view bytes, const std::string& where) {
  // libpng does not look for the end once it has all pixels.
  const size_t end = bytes.rfind(kEnd);
  constexpr size_t checksum = 4;
  if (end == std::string_view::npos || end + kEnd.size() + checksum > bytes.size()) {
    throw broken_png(where, "truncated");
  }
  const std::string plain = without_colour_space(bytes);
  PngImage header;
  if (png_image_begin_read_from_memory(&header, plain.data(), plain.size()) == 0) {
    throw broken_png(where, header.message);
  }
  check_sides(header.height, header.width, where);
  if (uint64_t{header.height} * header.width > kMostPixelsAByte * bytes.size()) {
    throw broken_png(where, std::to_string(header.height) + "x" + std::to_string(header.width) +
                                " pixels in " + std::to_string(bytes.size()) + " bytes");
  }
  auto changes = changes_of(header.format);
  const bool colour = (header.format & PNG_FORMAT_FLAG_COLOR) != 0;
  const auto pixels =
      has_16_bits(bytes) ? read_16_bits(header, colour, where) : read_8_bits(header, colour, where);
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
