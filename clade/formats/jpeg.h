#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>

namespace clade {

/// Whether `bytes` start as a JPEG file does.
bool is_jpeg(std::string_view bytes);

/// uint8 [H, W] or [H, W, 3]. Throws DataError for broken bytes, Error without CLADE_WITH_JPEG.
torch::Tensor decode_jpeg(std::string_view bytes, const std::string& where);

}  // namespace clade
