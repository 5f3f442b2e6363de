#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

namespace clade {

/// What a term is to the objective.
enum class Role {
  likelihood,      ///< Raises the bound: log p(x | latents).
  divergence,      ///< Lowers it, stored positive: what KL warm-up and floors weigh.
  classification,  ///< No part of the bound: a loss on labels, stored positive, weighed by α.
  agreement,       ///< No part of it either: what a clustering held on to costs (guided_bound()).
};

/// One named part of a bound, per data point, in nats.
struct Term {
  std::string name;
  torch::Tensor value;  // [B], or [S, B] for S draws of the latents
  Role role = Role::likelihood;
  bool warms_up = role == Role::divergence;  ///< Whether KL warm-up weighs it.
  double floor = 0;  ///< Training charges at least this for its mean (Dilokthanakul et al. 2016).

  /// Whether it is a summand of the bound, and not a loss that stands beside it.
  bool is_in_bound() const { return role == Role::likelihood || role == Role::divergence; }

  /// With which sign it stands in the bound, or in an objective beside it.
  double sign() const { return role == Role::likelihood ? 1 : -1; }
};

/// The name of a latent's divergence in a bound: "KL(z)".
std::string divergence_of(const std::string& latent);

/// The evidence lower bound of each data point, split into named terms.
struct Bound {
  std::vector<Term> terms;

  /// Of importance weights that tell clusters apart (see Model::log_weights), [K…, 1, B]: q(y | x)
  /// of each, whose terms broadcast to [K…, S, B]. Undefined for all else.
  torch::Tensor share = {};

  /// The mean of a term, or of what is made of terms, over points and draws; over clusters that
  /// are told apart by their share.
  torch::Tensor mean(const torch::Tensor& of) const;  // []

  /// Σ likelihoods − Σ divergences = log p(x, latents) − log q(latents | x), in expectation or a
  /// draw: the honest bound, without floors, weights, labels or a clustering held on to.
  torch::Tensor elbo() const;  // [B], [S, B] or [K…, S, B]
};

}  // namespace clade
