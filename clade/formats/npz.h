#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

/// The array called `entry` of NumPy's .npz, stored or deflated. It is unpacked as far as its own
/// header announces.
Array parse_npz(std::string_view bytes, const std::string& entry, const std::string& where);

/// The names of the arrays in a .npz. Throws DataError if there are none: many formats are zip
/// files, and the message says which this is.
std::vector<std::string> npz_names(std::string_view bytes, const std::string& where);

/// What the arrays are: {"x_train (60000x28x28)", "y_train (60000)"}.
std::vector<std::string> npz_contents(std::string_view bytes, const std::string& where);

}  // namespace clade
