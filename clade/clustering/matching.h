#pragma once
#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace clade {

/// For each row of `gains`, [K, C] int64 on the CPU, its column: of all ways in which no two share
/// one, one of the largest sum. -1 for the rows left over, where K > C.
std::vector<int64_t> best_matching(const torch::Tensor& gains);

}  // namespace clade
