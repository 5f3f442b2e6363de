#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clade/core/random.h"

namespace clade {

/// Which points keep their labels when only `budget` of them may: as evenly over the classes as
/// whole numbers allow, drawn from `generator`, which may be on any device. Unknown labels are
/// never drawn. labels: [N] int64, numbers of the `classes` -> [budget] ascending rows on the
/// device of `labels`. Throws ConfigError where a class has too few points or `budget` is less
/// than 1.
torch::Tensor draw_labelled(const torch::Tensor& labels, int64_t budget,
                            const std::vector<std::string>& classes, Generator& generator);

}  // namespace clade
