#pragma once
#include <torch/types.h>

#include <string_view>

namespace clade {

/// How a camera was held, as it notes in a TIFF block ("II*\0…" or "MM\0*…") of its images: EXIF's
/// orientation, 1 to 8; 1, upright, if there is no such note or the block is broken.
int exif_orientation(std::string_view tiff);

/// The image, [H, W] or [H, W, 3], as every viewer shows it; orientations 5 to 8 turn it to [W, H].
torch::Tensor upright(const torch::Tensor& image, int orientation);

/// What upright() changed, for DecodedImage::changes.
inline constexpr const char* kTurned = "turned upright as its EXIF says";

}  // namespace clade
