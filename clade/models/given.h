#pragma once
#include <string>
#include <vector>

#include "clade/models/model.h"

namespace clade {

/// Latents held fixed as people write them, NAME=VALUE: a cluster's number, "y=3"; one number for
/// all units of a continuous latent, "z=0"; or one for each, "z=0.5,-1". Throws Error in one line
/// for a latent, cluster or number that does not exist, and for a latent given twice.
Given parse_given(const std::vector<std::string>& words, Model& model);

}  // namespace clade
