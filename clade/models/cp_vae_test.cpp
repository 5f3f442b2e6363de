// CP-VAE's divergences against a loop over the clusters, from the weights alone.
#include "clade/models/cp_vae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

TEST(CpVae, DivergencesAreTheSumOverClustersByHand) {
  CpVaeOptions options;
  options.clusters = 3;
  options.latent = 2;
  options.trunk.hidden = {5};
  auto generator = make_generator(1);
  CpVae model(options, 4, generator);
  model.to(torch::kFloat64);
  model.eval();
  const auto x = torch::empty({6, 4}, torch::kFloat64).bernoulli_(0.5, generator);
  const Bound bound = model.bound(x, generator);

  auto w = model.named_parameters();
  const auto both =
      torch::linear(x, w["hidden_given_x.layer1.weight_x"], w["hidden_given_x.layer1.bias"]);
  const auto h = both.slice(1, 0, 5) * both.slice(1, 5, 10).sigmoid();
  const auto logits =
      torch::linear(h, w["q_y_given_x.logits.weight_hidden"], w["q_y_given_x.logits.bias"]);
  const auto number = [](const torch::Tensor& t) { return t.item<double>(); };
  for (int64_t b = 0; b < 6; ++b) {
    double kl_y = 0, kl_z = 0, normaliser = 0;
    for (int64_t k = 0; k < 3; ++k) normaliser += std::exp(number(logits[b][k]));
    for (int64_t k = 0; k < 3; ++k) {
      const double q = std::exp(number(logits[b][k])) / normaliser;
      kl_y += q * std::log(3 * q);
      for (int64_t d = 0; d < 2; ++d) {
        const auto head = [&](const std::string& name) {
          const std::string at = "q_z_given_x_y." + name + ".";
          return number(w[at + "weight_hidden"][d].dot(h[b]) + w[at + "weight_y"][d][k] +
                        w[at + "bias"][d]);
        };
        const double m = head("mean"), v = std::exp(std::clamp(head("log_variance"), -6.0, 2.0));
        const double pm = number(w["p_z_given_y.mean"][k][d]);
        const double pv = std::exp(number(w["p_z_given_y.log_variance"][k][d]));
        kl_z += q * 0.5 * (std::log(pv / v) + (v + (m - pm) * (m - pm)) / pv - 1);
      }
    }
    EXPECT_NEAR(number(bound.terms[1].value[b]), kl_z, 1e-10);
    EXPECT_NEAR(number(bound.terms[2].value[b]), kl_y, 1e-10);
  }
}

}  // namespace
}  // namespace clade
