#include "clade/report/png.h"

#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"

#ifdef CLADE_WITH_PNG
#include <png.h>
#endif

namespace clade {

#ifdef CLADE_WITH_PNG

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
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(pixels.size(1));
  header.height = static_cast<png_uint_32>(pixels.size(0));
  header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = bytes.size();
  constexpr int no_row_stride = 0, keep_8_bits = 0;
  if (png_image_write_to_memory(&header, bytes.data(), &size, keep_8_bits,
                                pixels.data_ptr<uint8_t>(), no_row_stride, nullptr) == 0) {
    throw Error(std::string("libpng cannot encode an image: ") + header.message +
                "; give it fewer rows");
  }
  bytes.resize(size);
  return bytes;
}

#else

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
