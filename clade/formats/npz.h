#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

/// The array called `entry` of NumPy's .npz, stored or deflated.
Array parse_npz(std::string_view bytes, const std::string& entry, const std::string& where);

/// The names of the arrays in a .npz.
std::vector<std::string> npz_names(std::string_view bytes, const std::string& where);

}  // namespace clade
