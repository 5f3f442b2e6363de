#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clade/data/points.h"

namespace clade {

/// Whether `folder` has one of the two files of SVHN's cropped digits.
bool holds_svhn(const std::filesystem::path& folder);

/// Whether a .mat file is laid out as SVHN's authors have theirs: X, uint8 [32, 32, 3, N].
bool holds_svhn_images(const std::string& path);

/// The digits of SVHN's classes 1 to 10, of which 10 is the digit 0; nothing if there are others.
std::optional<std::vector<std::string>> svhn_digits(std::vector<std::string> classes);

/// The cropped digits of SVHN (Netzer et al. 2011), 32x32 colours, from the file that its authors
/// publish as train_32x32.mat and test_32x32.mat: X, uint8 [32, 32, 3, N] as MATLAB shows it, and
/// y, [N, 1] of its classes. Throws DataError for a file that is missing,
/// broken or another.
Points read_svhn(const std::filesystem::path& file);

}  // namespace clade
