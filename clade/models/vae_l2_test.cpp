#include "clade/models/vae_l2.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

TEST(VaeL2, BoundIsTheSumWrittenByHand) {
  VaeL2Options options;
  options.latent1 = 3;
  options.latent2 = 2;
  options.trunk = {"dense", {"5"}, "tanh", false};
  options.upper_layers = {"4"};
  auto generator = make_generator(1);
  VaeL2 model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({3, 4}, torch::kFloat64).bernoulli_(0.5, generator);

  // The same noise, in the order of q(z1|x) q(z2|z1).
  auto noise = make_generator(2), same_noise = make_generator(2);
  const auto e1 = draw_normals({3, 3}, x, noise);
  const auto e2 = draw_normals({3, 2}, x, noise);
  const ByHand w{model.named_parameters()};
  const auto [m1, v1] = w.gaussian("q_z1_given_x", {{"x", x}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto [m2, v2] = w.gaussian("q_z2_given_z1", {{"z1", z1}});
  const auto z2 = m2 + (v2 / 2).exp() * e2;
  const auto [pm1, pv1] = w.gaussian("p_z1_given_z2", {{"z2", z2}});
  const auto log_p_x =
      log_bits_by_hand(x, w.join("p_x_given_z1.logits", w.hidden("p_x_given_z1", {{"z1", z1}})));
  const auto log_q_z1 = log_normal_by_hand(z1, m1, v1);
  const auto log_p_z1 = log_normal_by_hand(z1, pm1, pv1);
  const auto kl_z2 = kl_by_hand(m2, v2, torch::zeros_like(m2), torch::zeros_like(m2));

  const Bound bound = model.bound(x, same_noise);
  ASSERT_EQ(bound.terms.size(), 3u);
  EXPECT_EQ(bound.terms[0].name, "log p(x|z1)");
  EXPECT_EQ(bound.terms[1].name, "KL(z1)");
  EXPECT_EQ(bound.terms[2].name, "KL(z2)");
  for (int64_t b = 0; b < 3; ++b) {
    const auto i = static_cast<size_t>(b);
    EXPECT_NEAR(bound.terms[0].value[b].item<double>(), log_p_x[i], 1e-9);
    EXPECT_NEAR(bound.terms[1].value[b].item<double>(), log_q_z1[i] - log_p_z1[i], 1e-9);
    EXPECT_NEAR(bound.terms[2].value[b].item<double>(), kl_z2[i], 1e-9);
  }
}

TEST(VaeL2, RefusesConvolutionsBetweenItsLatents) {
  VaeL2Options options;
  options.upper_layers = {"4c3", "8"};
  try {
    options.validate();
    ADD_FAILURE() << "a convolution was taken";
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              "model.upper_layers: 4c3 is a convolution, and z1 is no image; use dense layers, "
              "such as model.upper_layers=[500, 500]");
  }
}

}  // namespace
}  // namespace clade
