#pragma once
#include <vector>

#include "clade/models/trace.h"

namespace clade {

/// What a generated latent and the inferred one of its name say together.
struct Pair {
  const Site& p;
  const Site& q;
  /// Whether its KL may be taken in closed form: exactly if all that is generated before it is
  /// inferred before it, for only then does the draw that p is a function of leave q(latent | …) as
  /// it is; and if p is a Gaussian or categorical.
  bool closed_form;
};

/// The pairs of all latents, from the data up. p and q outlive them.
std::vector<Pair> pairs(const Trace& p, const Trace& q);

/// The site's Gaussian as a mixture of one, or its mixture.
GaussianMixture as_mixture(const Site& site);

}  // namespace clade
