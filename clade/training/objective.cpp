#include "clade/training/objective.h"

#include <torch/torch.h>

#include <cmath>
#include <sstream>

#include "clade/core/error.h"

namespace clade {
namespace {

double weight_of(const Term& term, const Weights& weights) {
  switch (term.role) {
    case Role::classification:
      return weights.alpha;
    case Role::agreement:
      return weights.hold;
    default:
      return term.warms_up ? weights.beta : 1.0;
  }
}

void refuse_floor(const Term& term) {
  if (term.floor <= 0) return;
  std::ostringstream message;
  message << "train.objective is \"iwae\", which has no place for the floor of " << term.floor
          << " under " << term.name << "; set that floor to 0, or train.objective to \"elbo\"";
  throw ConfigError(message.str());
}

/// log w as training weighs it, [(K…,) S, B]: Bound::elbo() with every term by its weight.
torch::Tensor log_weights(const Bound& draws, const Weights& weights) {
  Bound weighted;
  for (const Term& term : draws.terms) {
    refuse_floor(term);
    weighted.terms.push_back(term);
    weighted.terms.back().value = term.value * weight_of(term, weights);
  }
  return weighted.elbo();
}

}  // namespace

torch::Tensor cost(const Bound& bound, const Weights& weights) {
  torch::Tensor sum;
  for (const Term& term : bound.terms) {
    const auto mean = term.value.mean();
    auto charge = term.sign() > 0 ? -mean : mean;
    if (term.floor > 0) charge = charge.clamp_min(term.floor);
    charge = charge * weight_of(term, weights);
    sum = sum.defined() ? sum + charge : charge;
  }
  return sum;
}

torch::Tensor importance_weighted_cost(const Bound& draws, const Weights& weights) {
  const auto log_w = log_weights(draws, weights);
  const auto samples = static_cast<double>(log_w.size(-2));
  return -draws.mean(torch::logsumexp(log_w, -2, /*keepdim=*/true) - std::log(samples));
}

torch::Tensor doubly_reparameterised_cost(const Bound& draws, const Weights& weights,
                                          torch::Tensor path_scale) {
  const auto log_w = log_weights(draws, weights);     // [S, B]
  const auto normalised = log_w.detach().softmax(0);  // w̃
  // Of −Σ w̃ β ∂log q, the part of the gradient that is left out, the expectation is that of
  // −Σ β (w̃ − w̃²) ∂log w along the paths.
  path_scale.copy_(1 - weights.beta + weights.beta * normalised);
  return -(normalised * log_w).sum(0).mean();
}

}  // namespace clade
