#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>

#include "clade/data/dataset.h"
#include "clade/training/start.h"

namespace clade {

/// What a user's own file says of the training points, in their order.
struct StartFile {
  torch::Tensor codes;             // [N, d] float32; or undefined
  torch::Tensor responsibilities;  // [N, K] float32; or undefined
};

/// Reads `path`, .npy or .csv, a row for each point that `data` was split from, in the file's
/// order: responsibilities if it has columns of shares, none negative, that sum to one; labels, one
/// column of whole numbers or words, of which there are `clusters` or fewer; else codes. Of what
/// `clade cluster` or `clade embed` wrote only these columns count. Throws DataError, in a line,
/// for another count of rows, of clusters, or what read_points() refuses.
StartFile read_start_file(const std::string& path, const Splits& data, int64_t clusters);

/// The start that a user's file gives: codes are clustered as those of every other start.
Start start_from_file(const std::string& path, const Splits& data, int64_t clusters, uint64_t seed,
                      const StartProgress& progress = {});

}  // namespace clade
