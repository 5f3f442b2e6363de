#pragma once
#include <vector>

#include "clade/core/options.h"

namespace clade {

/// The settings of two lists as one.
inline std::vector<Option> joined(std::vector<Option> first, const std::vector<Option>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace clade
