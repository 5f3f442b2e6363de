#pragma once
#include <cstdint>
#include <string>

namespace clade {

inline constexpr int64_t kMostPixelsASide = 8192;

/// Throws DataError for an image that is too large to be meant.
void check_sides(int64_t height, int64_t width, const std::string& where);

}  // namespace clade
