#pragma once
#include <cstdint>
#include <string>

#include "clade/core/random.h"
#include "clade/data/points.h"

namespace clade {

/// n colour images of 16 x 16 pixels that can be divided in two ways, neither of which says
/// anything of the other: by the shape they show (disc, square, cross or ring) and by its colour
/// (red, green, blue, yellow or violet). Where it stands, how large and how bright it is, and what
/// grey lies behind it are drawn too, and tell nothing of either. `labels`: "shapes" or "colours".
Points draw_facets(int64_t n, const std::string& labels, Generator& generator);

}  // namespace clade
