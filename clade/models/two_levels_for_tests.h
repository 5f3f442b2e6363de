#pragma once
#include <memory>

#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// A model of bits made up for tests, with clusters on two levels and q of the second that reads
/// the first:
///   p(x, y1, y2, z) = p(y2) p(z | y2) p(y1 | z) p(x | y1, z),  p(y2) = 1/K2
///   q(y1, y2, z | x) = q(y1 | x) q(y2 | x, y1) q(z | x, y1, y2)
/// No network has hidden layers: each head is linear in its parents. q(z | …) is so narrow that z
/// is all but its mean, and whatever depends on a draw of it can be had by enumeration.
class TwoLevels : public Model {
 public:
  static constexpr int64_t K1 = 3, K2 = 4, D = 5, d = 2;

  /// `p_z`: where the log-variance of p(z | y2) is held.
  explicit TwoLevels(Generator& generator, const EstimatorOptions& estimator = {},
                     const LogVarianceRange& p_z = {-1, 1})
      : Model({{"y1", K1}, {"y2", K2}}, estimator) {
    const Parent x{"x", D}, y1{"y1", K1}, y2{"y2", K2}, z{"z", d};
    const JoinInit wide{0.8};
    const TrunkOptions linear;
    const auto gaussian = [&](const Parents& parents, const LogVarianceRange& range) {
      return GaussianConditional(parents, linear, d, range, generator, wide);
    };
    const auto categorical = [&](const Parents& parents, int64_t clusters) {
      return CategoricalConditional(parents, linear, clusters, generator, wide);
    };
    q_y1_given_x = register_module("q_y1_given_x", categorical({x}, K1));
    q_y2_given_x_y1 = register_module("q_y2_given_x_y1", categorical({x, y1}, K2));
    q_z_given_x_y1_y2 = register_module("q_z_given_x_y1_y2", gaussian({x, y1, y2}, {-30, -30}));
    p_z_given_y2 = register_module("p_z_given_y2", gaussian({y2}, p_z));
    p_y1_given_z = register_module("p_y1_given_z", categorical({z}, K1));
    p_x_given_y1_z = register_module(
        "p_x_given_y1_z",
        Likelihood("bernoulli", Parents{y1, z}, linear, Parent{"x", D}, generator, wide));
  }

  CategoricalConditional q_y1_given_x{nullptr};
  CategoricalConditional q_y2_given_x_y1{nullptr};
  GaussianConditional q_z_given_x_y1_y2{nullptr};
  GaussianConditional p_z_given_y2{nullptr};
  CategoricalConditional p_y1_given_z{nullptr};
  Likelihood p_x_given_y1_z{nullptr};

 protected:
  void infer(Trace& q, const torch::Tensor& x) override {
    const auto y1 = q.cluster("y1", q.once(q_y1_given_x, x));  // [K1, 1]
    const auto y2 = q.cluster("y2", q_y2_given_x_y1(x, y1));   // [K2, 1, 1]
    q.latent("z", q_z_given_x_y1_y2(x, y1, y2));               // [K2, K1, B, d]
  }
  void generate(Trace& p) override {
    const auto y2 = p.cluster("y2", UniformClusters{K2});
    const auto z = p.latent("z", p_z_given_y2(y2));
    const auto y1 = p.cluster("y1", p_y1_given_z(z));  // [K2, K1, B, K1]
    p.data("x|y1,z", p_x_given_y1_z(y1, z));           // [K2, K1, B, D]
  }
};

}  // namespace clade
