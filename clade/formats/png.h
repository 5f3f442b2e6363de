#pragma once
#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "clade/formats/image.h"

namespace clade {

/// Whether `bytes` start as a PNG file does.
bool is_png(std::string_view bytes);

/// Throws DataError for broken bytes, Error without CLADE_WITH_PNG.
DecodedImage decode_png(std::string_view bytes, const std::string& where);

/// The bytes of a PNG file. `image` is uint8, [H, W] grey or [H, W, 3] red-green-blue, on any
/// device. Throws Error for any other tensor, and where Clade was built without libpng.
std::string encode_png(const torch::Tensor& image);

/// The same as a file, written completely or not at all. Throws Error naming `path` as well.
void write_png(const std::filesystem::path& path, const torch::Tensor& image);

}  // namespace clade
