#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>

namespace clade {

/// The pixels of a PNG or JPEG file, told apart by their first bytes: uint8 [H, W] grey or
/// [H, W, 3] red-green-blue. 16 bits become 8, palettes and fewer bits than 8 are expanded (a
/// palette to colours), what is transparent lies on white; a rotation that a camera noted (EXIF) is
/// not applied. `where` names the file in messages. Throws DataError where it is neither, broken,
/// truncated or larger than 8192 pixels a side, Error where Clade was built without its library.
torch::Tensor decode_image(std::string_view bytes, const std::string& where);

}  // namespace clade
