#pragma once
#include <torch/types.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "clade/data/dataset.h"

namespace clade {

/// White of fractions, and of 8, 10, 12, 14 and 16 bits.
inline constexpr std::array kAgreedWhites = {1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0};

/// A decoded image with the channels, the bits and the size that `reading` asks for: grey is the
/// luma of ITU-R BT.601, sizes change by anti-aliased bilinear interpolation, white, reading.white
/// if of 16 bits, stays white.
torch::Tensor conform(const torch::Tensor& decoded, const ImageReading& reading);

struct ImageFolder {
  torch::Tensor values;              // [N, H, W] or [N, H, W, 3], as DecodedImage::pixels
  int64_t bits = 8;                  ///< Of a channel.
  std::vector<std::string> files;    ///< [N] relative to the folder.
  std::vector<std::string> classes;  ///< [N] names of subfolders; empty where there are none.
  std::vector<Part> parts;  ///< [N] if the folder is divided into train/ and others; else empty.
  /// What is left out of the folder and of its files: "2 files left out: 2 .webp; 16 bits became 8
  /// (3 images)"; may be empty.
  std::string note;
};

/// The images of a folder in the order of find_images(). A folder train/ (training/) beside test/
/// (testing/) or val/ (valid/, validation/) divides them into these parts. Where images stand in
/// subfolders, of the parts if there are any, the first one's name on the way to an image is its
/// class. All must have one shape after conform(): `expected`, a trained model's, or the first
/// image's where that is no image's. White of 16 bits beside 8 is reading.white; if that is 0 the
/// next of kAgreedWhites that holds what the files do. Throws DataError naming the first file that
/// has another shape, or the first few of those that are broken, and what to do; also if memory
/// does not hold them all.
ImageFolder read_image_folder(const std::filesystem::path& folder, ImageReading reading,
                              const std::vector<int64_t>& expected);

}  // namespace clade
