#include "clade/formats/exif.h"

#include <torch/torch.h>

#include <cstdint>

#include "clade/formats/bytes.h"

namespace clade {

int exif_orientation(std::string_view tiff) {
  constexpr uint16_t tag = 0x0112;
  constexpr uint16_t short_number = 3;
  constexpr size_t entry_size = 12;
  const bool big = tiff.substr(0, 2) == "MM";
  if (tiff.size() < 8 || (!big && tiff.substr(0, 2) != "II")) return 1;
  const size_t directory = load_number<uint32_t>(&tiff[4], big);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  const size_t entries = load_number<uint16_t>(&tiff[directory], big);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * entry_size;
    if (at + entry_size > tiff.size()) return 1;
    if (load_number<uint16_t>(&tiff[at], big) != tag) continue;
    const auto value = load_number<uint16_t>(&tiff[at + 8], big);
    const bool known =
        load_number<uint16_t>(&tiff[at + 2], big) == short_number && value >= 1 && value <= 8;
    return known ? value : 1;
  }
  return 1;
}

torch::Tensor upright(const torch::Tensor& image, int orientation) {
  // EXIF 2.32, 4.6.4: where row 0 and column 0 of what is stored stand in what is shown.
  switch (orientation) {
    case 2:  // top, right
      return image.flip(1);
    case 3:  // bottom, right
      return image.flip({0, 1});
    case 4:  // bottom, left
      return image.flip(0);
    case 5:  // left, top
      return image.transpose(0, 1).contiguous();
    case 6:  // right, top
      return image.transpose(0, 1).flip(1);
    case 7:  // right, bottom
      return image.transpose(0, 1).flip({0, 1});
    case 8:  // left, bottom
      return image.transpose(0, 1).flip(0);
    default:
      return image;
  }
}

}  // namespace clade
