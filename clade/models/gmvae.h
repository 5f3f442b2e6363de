#pragma once
#include "clade/models/one_layer.h"

namespace clade {

/// Defaults: the paper's for MNIST (Dilokthanakul et al. 2016, appendix A), but for convolutions,
/// which only images can have.
struct GmvaeOptions : OneLayerOptions {
  int64_t clusters = 10;
  int64_t latent_w = 150;
  std::vector<int64_t> prior_layers = {500};
  double prior_spread = 0.1;
  std::string bound = "published";  ///< Or "tight".
  double information_floor = 0;     ///< λ of eq. 7.

  GmvaeOptions();

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// GMVAE, the Gaussian mixture variational auto-encoder (Dilokthanakul et al. 2016), a style w that
/// shapes the clusters (the paper's y, x, z, w are x, z, y, w here):
///   p(x, w, y, z) = p(x | z) p(z | w, y) p(w) p(y),  p(w) = N(0, I), p(y) = 1/K
///   q(w, z, y | x) = q(w | x) q(z | x) p(y | z, w)
/// One network makes p(z | w) = Σ_y p(y) p(z | w, y) of w, from which p(y | z, w) follows by Bayes:
/// y costs no network and no pass of its own. KL(z) and KL(y) of a draw are log q(z | x) −
/// log p(z | w) taken apart.
///
/// Eq. 4 of the paper is a looser bound. Its KL(z), a closed form, is that of another draw of z
/// than the one y follows from: it lies below the bound by E KL(p(y | z', w) ‖ p(y | z, w)) over
/// independent z, z' ~ q(z | x). Training descends either; evaluation reports both.
class Gmvae : public Model {
 public:
  using Options = GmvaeOptions;

  Gmvae(const GmvaeOptions& options, const Parent& x, Generator& generator);

  bool clusters_follow_from_latents() const override { return true; }
  bool shares_parameters() const override { return true; }  // p(z | w, y)

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;
  std::string averaged_latent() const override { return "z"; }
  bool trains_on_looser_bound() const override { return trains_on_eq_4; }

 private:
  bool trains_on_eq_4;
  double information_floor;
  Trunk hidden_given_x{nullptr};
  GaussianConditional q_w_given_x{nullptr};
  GaussianConditional q_z_given_x{nullptr};
  StandardNormal p_w;
  MixtureConditional p_z_given_w{nullptr};
  Likelihood p_x_given_z{nullptr};
};

}  // namespace clade
