#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace clade {

struct DecodedImage {
  /// [H, W] grey or [H, W, 3] red-green-blue: uint8, or of 16 bits float32, whole up to 65535.
  torch::Tensor pixels;
  /// What of the file this leaves out: "a palette became colours". Most files need nothing.
  std::vector<std::string> changes = {};
};

/// The pixels of a PNG or JPEG file, told apart by their first bytes. 16 bits are kept, palettes
/// and fewer bits than 8 are expanded (a palette to colours), what is transparent lies on white,
/// CMYK becomes RGB; an image is turned as its camera noted (EXIF). `where` names the file in
/// messages. Throws DataError where it is neither (many other formats by name), broken, truncated
/// or larger than 8192 pixels a side, Error where Clade was built without its library.
DecodedImage decode_image(std::string_view bytes, const std::string& where);

}  // namespace clade
