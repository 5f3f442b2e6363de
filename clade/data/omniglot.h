#pragma once
#include <torch/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "clade/data/points.h"

namespace clade {

struct Drawings {
  Points points;       ///< 28x28 grey, ink bright; the note says which form was read.
  torch::Tensor test;  // [N] bool
};

/// OMNIGLOT (Lake, Salakhutdinov & Tenenbaum 2015) from the first form of it that lies in `folder`,
/// nothing where there is none: chardata.mat of Burda, Grosse & Salakhutdinov with its split; IDX
/// files of 28x28 images; the drawings themselves, ALPHABET/CHARACTER/NNNN_DRAWER.png at any depth.
/// Alphabets that are numbers are called by their names if alphabets.csv lies beside the IDX files.
/// The latter two keep drawers 16 to 20 for test. `labels` is "characters", "alphabets" or ""
/// (alphabets). Throws DataError where a file is broken or does not fit the others.
std::optional<Drawings> read_omniglot(const std::filesystem::path& folder,
                                      const std::string& labels);

}  // namespace clade
