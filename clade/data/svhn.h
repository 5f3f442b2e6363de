#pragma once
#include <filesystem>

#include "clade/data/points.h"

namespace clade {

/// Whether `folder` has one of the two files of SVHN's cropped digits.
bool holds_svhn(const std::filesystem::path& folder);

/// The cropped digits of SVHN (Netzer et al. 2011), 32x32 colours, from the file that its authors
/// publish as train_32x32.mat and test_32x32.mat: X, uint8 [32, 32, 3, N] as MATLAB shows it, and
/// y, [N, 1], in which 10 stands for the digit 0. Throws DataError for a file that is missing,
/// broken or another.
Points read_svhn(const std::filesystem::path& file);

}  // namespace clade
