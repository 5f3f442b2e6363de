#include "clade/models/hvae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

TEST(Hvae, RefusesConvolutionsByName) {
  HvaeOptions options;
  options.trunk.layers = {"4c3", "8"};
  try {
    options.validate();
    ADD_FAILURE() << "a convolution was taken";
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              "model.layers: 4c3 is a convolution, which hvae and hvp do not have; use dense "
              "layers, such as model.layers=[500, 500]");
  }
}

TEST(Hvae, BoundIsTheSumWrittenByHand) {
  HvaeOptions options;
  options.latent1 = 3;
  options.latent2 = 2;
  options.trunk.layers = {"4"};
  auto generator = make_generator(1);
  Hvae model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({3, 4}, torch::kFloat64).bernoulli_(0.5, generator);

  // The same noise, in the order of q(z2|x) q(z1|x,z2).
  auto noise = make_generator(2);
  const auto e2 = draw_normals({3, 2}, x, noise);
  const auto e1 = draw_normals({3, 3}, x, noise);
  const ByHand w{model.named_parameters()};
  const auto head = [&](const std::string& at, const ByHand::Inputs& parents) {
    return w.heads(at, parents);
  };
  const auto [m2, v2] =
      head("q_z2_given_x", {{"hidden", w.gated("q_z2_given_x.trunk.layer1", {{"x", x}})}});
  const auto z2 = m2 + (v2 / 2).exp() * e2;
  const auto q_z1_given = [&](const torch::Tensor& above) {
    return head("q_z1_given_x_z2",
                {{"hidden_x", w.gated("q_z1_from_x.layer1", {{"x", x}})},
                 {"hidden_z2", w.gated("q_z1_from_z2.layer1", {{"z2", above}})}});
  };
  const auto p_z1_given = [&](const torch::Tensor& above) {
    return head("p_z1_given_z2",
                {{"hidden", w.gated("p_z1_given_z2.trunk.layer1", {{"z2", above}})}});
  };
  const auto [m1, v1] = q_z1_given(z2);
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto [pm1, pv1] = p_z1_given(z2);
  const auto logits = w.join("p_x_given_z1_z2.logits",
                             {{"hidden_z1", w.gated("p_x_from_z1.layer1", {{"z1", z1}})},
                              {"hidden_z2", w.gated("p_x_from_z2.layer1", {{"z2", z2}})}});

  auto same_noise = make_generator(2);
  const Bound bound = model.bound(x, same_noise);
  ASSERT_EQ(bound.terms.size(), 3u);
  EXPECT_EQ(bound.terms[0].name, "log p(x|z1,z2)");
  EXPECT_EQ(bound.terms[1].name, "KL(z1)");
  EXPECT_EQ(bound.terms[2].name, "KL(z2)");
  const auto by_hand = {log_bits_by_hand(x, logits), kl_by_hand(m1, v1, pm1, pv1),
                        kl_by_hand(m2, v2, torch::zeros_like(m2), torch::zeros_like(v2))};
  size_t i = 0;
  for (const auto& expected : by_hand) {
    for (int64_t b = 0; b < 3; ++b) {
      EXPECT_NEAR(bound.terms[i].value[b].item<double>(), expected[b], 1e-9) << bound.terms[i].name;
    }
    ++i;
  }

  // The layers, from the data up, at the posterior means of those above.
  const auto layers = model.encode(x, same_noise);
  ASSERT_EQ(layers.size(), 2u);
  const auto at_mean = q_z1_given(m2).first;
  const auto [prior_mean, prior_log_variance] = p_z1_given(m2);
  EXPECT_EQ(layers[0].name, "z1");
  EXPECT_TRUE(torch::allclose(layers[0].mean, at_mean));
  EXPECT_TRUE(
      torch::allclose(layers[0].shift, (at_mean - prior_mean) / (prior_log_variance / 2).exp()));
  EXPECT_EQ(layers[1].name, "z2");
  EXPECT_TRUE(torch::allclose(layers[1].mean, m2));
  EXPECT_TRUE(torch::allclose(layers[1].shift, m2));
}

}  // namespace
}  // namespace clade
