#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "clade/models/model.h"

namespace clade {

/// Enough to see a way by; an odd number, so that 0 is among them.
inline constexpr int64_t kTraversalSteps = 11;

/// What a latent with the prior N(0, I) does: E[x | latents] while it moves and all else, drawn
/// once a row, stays, [rows, steps, D]. Each row has what its Given holds fixed, and the latent on
/// a straight line through 0, as far as draws lie on either side. If one row is asked for and the
/// latent has two units, they both move, the first from left to right, the second from row to row:
/// [steps, steps, D]. Throws Error for a latent that does not exist, is held fixed, or has another
/// prior.
torch::Tensor traversal(Model& model, const std::string& latent, const std::vector<Given>& rows,
                        int64_t steps, uint64_t seed);

}  // namespace clade
