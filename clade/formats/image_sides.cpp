#include "clade/formats/image_sides.h"

#include <vector>

#include "clade/core/error.h"
#include "clade/formats/numbers.h"

namespace clade {

void check_sides(int64_t height, int64_t width, const std::string& where) {
  if (height >= 1 && width >= 1 && height <= kMostPixelsASide && width <= kMostPixelsASide) return;
  throw DataError(where + " is said to have " + shape_text(std::vector<int64_t>{height, width}) +
                  " pixels; images of 1 to " + std::to_string(kMostPixelsASide) +
                  " pixels a side are read: copy it again, or shrink it");
}

}  // namespace clade
