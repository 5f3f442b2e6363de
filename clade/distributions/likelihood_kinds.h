#pragma once
#include <string>
#include <vector>

namespace clade {

/// The words that model.likelihood may be.
const std::vector<std::string>& likelihoods();

/// Whether x lies in [0, 1] under the likelihood called `kind`.
bool is_bounded(const std::string& kind);

/// Whether log p(x) is the logarithm of a density under it, which has a unit, and of no
/// probability.
bool is_density(const std::string& kind);

/// Whether x is counts, from 0 on, of which networks read log(1 + x).
bool is_of_counts(const std::string& kind);

}  // namespace clade
