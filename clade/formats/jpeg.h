#pragma once
#include <string>
#include <string_view>

#include "clade/formats/image.h"

namespace clade {

/// Whether `bytes` start as a JPEG file does.
bool is_jpeg(std::string_view bytes);

/// Throws DataError for broken bytes and more than a hundred scans, Error without CLADE_WITH_JPEG.
DecodedImage decode_jpeg(std::string_view bytes, const std::string& where);

}  // namespace clade
