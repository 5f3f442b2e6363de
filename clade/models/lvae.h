#pragma once
#include <vector>

#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// Defaults: the paper's five layers (Sønderby et al. 2016, section 3).
struct LvaeOptions : ModelOptions {
  std::vector<int64_t> latents = {64, 32, 16, 8, 4};
  std::vector<int64_t> widths = {512, 256, 128, 64, 64};
  int64_t depth = 2;
  TrunkOptions trunk{"dense", {}, "leaky_relu", true};  ///< But for its layers.

  std::vector<Option> options() override;
  void validate_together() const override;

  /// The hidden layers of level l, from 0: `depth` times its width.
  TrunkOptions trunk_of(size_t level) const;
};

/// The ladder VAE (Sønderby et al. 2016). Both directions share the way down: what the data say of
/// a layer is merged, by precision, with what the layer above says of it in p.
///   p(x, z) = p(x | z_1) Π_l p(z_l | z_{l+1}) p(z_L),  p(z_L) = N(0, I)
///   q(z | x) = q(z_L | x) Π_l q(z_l | z_{l+1}, x),  q(z_L | x) = N(μ̂_L, σ̂_L)
///
///   q(z_l | z_{l+1}, x) ∝ N(μ̂_l, σ̂_l) p(z_l | z_{l+1})
///
///   μ̂_l, σ̂_l from d_l,  d_l = h_l(d_{l−1}),  d_0 = x
///
/// Every KL has its closed form. One layer is the VAE.
class Lvae : public Model {
 public:
  using Options = LvaeOptions;

  Lvae(const LvaeOptions& options, const Parent& x, Generator& generator);

  bool shares_parameters() const override { return true; }  // p(z_l | z_{l+1})

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  // By level, from the data up.
  std::vector<Trunk> q_d;                        // d_l of d_{l−1}
  std::vector<GaussianConditional> q_z_given_d;  // N(μ̂_l, σ̂_l)
  std::vector<GaussianConditional> p_z_given_z;  // p(z_l | z_{l+1}); of all but the last
  StandardNormal p_z_L;
  Likelihood p_x_given_z1{nullptr};
};

}  // namespace clade
