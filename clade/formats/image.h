#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace clade {

struct DecodedImage {
  torch::Tensor pixels;  // uint8 [H, W] grey or [H, W, 3] red-green-blue
  /// What of the file this leaves out: "16 bits became 8". Most files need nothing.
  std::vector<std::string> changes = {};
};

/// The pixels of a PNG or JPEG file, told apart by their first bytes. 16 bits become 8, palettes
/// and fewer bits than 8 are expanded (a palette to colours), what is transparent lies on white,
/// CMYK becomes RGB; an image is turned as its camera noted (EXIF). `where` names the file in
/// messages. Throws DataError where it is neither (many other formats by name), broken, truncated
/// or larger than 8192 pixels a side, Error where Clade was built without its library.
DecodedImage decode_image(std::string_view bytes, const std::string& where);

}  // namespace clade
