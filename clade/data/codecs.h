#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace clade {

// What decode_image() is made of.

inline constexpr int64_t kMostPixelsASide = 8192;

/// Throws DataError for an image that is too large to be meant.
void check_sides(int64_t height, int64_t width, const std::string& where);

/// Whether `bytes` start as such a file does.
bool is_png(std::string_view bytes);
bool is_jpeg(std::string_view bytes);

/// uint8 [H, W] or [H, W, 3]. Throws DataError for broken bytes, Error without CLADE_WITH_PNG and
/// CLADE_WITH_JPEG.
torch::Tensor decode_png(std::string_view bytes, const std::string& where);
torch::Tensor decode_jpeg(std::string_view bytes, const std::string& where);

}  // namespace clade
