#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clade/core/random.h"

namespace clade {

/// data.label_budget for every label that is known.
inline constexpr int64_t kEveryLabel = -1;

/// Which points keep their labels when only `budget` of them may: as evenly over the classes as
/// whole numbers allow, drawn from `generator`, which may be on any device. Unknown labels are
/// never drawn. labels: [N] int64, numbers of the `classes` -> [budget] ascending rows on the
/// device of `labels`. Throws ConfigError where a class has too few points or `budget` is less
/// than 1.
torch::Tensor draw_labelled(const torch::Tensor& labels, int64_t budget,
                            const std::vector<std::string>& classes, Generator& generator);

/// An order of the points in which the first n, and whatever comes after them, have their shares of
/// each label and of unknown ones, as far as whole numbers allow; every label is among the first as
/// long as there is room. Of points alike it keeps their order. labels: [N] int64 -> [N] int64.
torch::Tensor spread_over_labels(const torch::Tensor& labels);

/// How many labels there are to learn from and how many are held back, and of which classes none
/// can be, in a sentence for people. learned, all: int64 labels, numbers of the `classes`.
std::string said_of_held_back(const torch::Tensor& learned, const torch::Tensor& all,
                              const std::vector<std::string>& classes);

}  // namespace clade
