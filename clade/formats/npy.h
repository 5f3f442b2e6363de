#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "clade/formats/array.h"

namespace clade {

/// NumPy's .npy, versions 1 to 3: floating 2, 4 and 8 bytes, whole numbers and bool, either byte
/// order, C and Fortran order; words ('U', and 'S' in UTF-8 or Windows-1252); and records of
/// numbers (a structured dtype), [N], whose fields become columns.
Array parse_npy(std::string_view bytes, const std::string& where);

/// Writes a tensor of any shape as .npy, all or nothing: float64 as that, other types as float32.
void write_npy(const std::filesystem::path& path, const torch::Tensor& values);

}  // namespace clade
