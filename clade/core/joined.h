#pragma once
#include <vector>

#include "clade/core/options.h"

namespace clade {

/// The settings of several lists as one.
inline std::vector<Option> joined(const std::vector<std::vector<Option>>& lists) {
  std::vector<Option> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace clade
