#pragma once
#include "clade/models/one_layer.h"
#include "clade/nets/prior.h"

namespace clade {

struct VaeOptions : OneLayerOptions {
  PriorOptions prior;

  std::vector<Option> options() override;
};

/// The variational auto-encoder (Kingma & Welling 2014; Rezende et al. 2014):
///   p(x, z) = p(x | z) p(z),  q(z | x).
/// p(z) is N(0, I), a learned mixture, or a VampPrior (Tomczak & Welling 2018). The components of a
/// mixture count as clusters.
class Vae : public Model {
 public:
  using Options = VaeOptions;

  Vae(const VaeOptions& options, const Parent& x, Generator& generator);

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  GaussianConditional q_z_given_x{nullptr};
  Prior p_z{nullptr};
  Likelihood p_x_given_z{nullptr};
};

}  // namespace clade
