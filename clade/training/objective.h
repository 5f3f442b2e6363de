#pragma once
#include "clade/models/bound.h"

namespace clade {

/// What a training step descends, made of a bound's named terms: arithmetic, and nothing else. Who
/// draws the latents and who takes the gradient do not matter here.

/// What the parts of a bound weigh in training; at 1 the cost is minus the bound.
struct Weights {
  double beta = 1;   ///< Of every term that warms up.
  double alpha = 1;  ///< Of every classification loss.
  double hold = 0;   ///< λ of agreement with a clustering (see Model::guided_bound).
};

/// Minus the bound as training weighs it, in nats per data point:
///   Σ_terms weight · max(floor, mean over draws and batch of what the term costs),
/// where a likelihood costs −value and the others their value. Below its floor a term has no
/// gradient (Dilokthanakul et al. 2016, eq. 7); a term without one may be negative, as an estimated
/// KL sometimes is.
torch::Tensor cost(const Bound& bound, const Weights& weights);  // []

/// Minus the importance-weighted bound (Burda et al. 2016), in nats per data point:
///   −mean_B log 1/S Σ_s w_s,   log w = Σ_terms ± weight · value,
/// and E over clusters that are told apart, outside the logarithm.
/// draws: S draws of the summands of log w, each [S, B] (see Model::log_weights). With one draw
/// this is cost(), at β = 1 minus F_S. Throws ConfigError for a term with a floor: inside the
/// logarithm there is no mean to compare it with.
torch::Tensor importance_weighted_cost(const Bound& draws, const Weights& weights);  // []

/// A cost whose gradient is that of importance_weighted_cost() in expectation, with less variance
/// in what reaches the parameters of q (Tucker et al. 2019); its value is not that of the other.
/// draws: as above, drawn with this `path_scale`, [S, B] (see WeightOptions), which is filled in.
/// With w̃ the normalised weights, p at given latents weighs w̃, the paths through the latents
/// (1 − β) w̃ + β w̃², at β = 1 the paper's w̃². Right if q is reparameterised and every divergence
/// warms up, also if p and q share parameters; less variance only if they do not.
torch::Tensor doubly_reparameterised_cost(const Bound& draws, const Weights& weights,
                                          torch::Tensor path_scale);  // []

}  // namespace clade
