#pragma once
#include <torch/types.h>

namespace clade {

/// E_x KL(q(z, y | x) ‖ p(z, y)) over N points taken apart (Lavda et al. 2020, eq. 17; without y
/// Hoffman & Johnson 2016), in nats a point:
///   I_q((z, y); x) + E_{q(y)} KL(q(z | y) ‖ p(z | y)) − H(q(y)) + log K
/// where q(z, y) is the mean of q(z, y | x) over the N points.
struct Information {
  double mutual_information;  ///< I_q((z, y); x), at most log N.
  double aggregated_kl;       ///< E_{q(y)} KL(q(z | y) ‖ p(z | y)): prior and codes apart.
  double cluster_entropy;     ///< H(q(y)), at most log K.
  double log_clusters;        ///< log K.

  double total() const {
    return mutual_information + aggregated_kl - cluster_entropy + log_clusters;
  }
};

/// One draw (z_n, y_n) ~ q(z, y | x_n) for each of the N points, and its densities.
struct JointDraws {
  torch::Tensor log_q_given_own;  // [N] log q(z_n, y_n | x_n)
  torch::Tensor log_q;            // [N] log 1/N Σ_m q(z_n, y_n | x_m)
  torch::Tensor log_p_given_y;    // [N] log p(z_n | y_n)
  torch::Tensor y;                // [N] int64
  torch::Tensor q_y;              // [K] mean of q(y | x)
};

Information information(const JointDraws& draws);

}  // namespace clade
