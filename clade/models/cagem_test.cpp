#include "clade/models/cagem.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

TEST(Cagem, BoundIsTheSumOverClustersWrittenByHand) {
  constexpr int64_t K = 3, B = 2;
  CagemOptions options;
  options.clusters = K;
  options.latent1 = 3;
  options.latent2 = 2;
  options.trunk = {"dense", {"4"}, "tanh", false};
  auto generator = make_generator(1);
  Cagem model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({B, 4}, torch::kFloat64).bernoulli_(0.5, generator);

  // The same noise, in the order of q(z1|x) q(y|z1,x) q(z2|x,y,z1).
  auto noise = make_generator(2);
  const auto e1 = draw_normals({B, 3}, x, noise);
  const auto e2 = draw_normals({K, B, 2}, x, noise);
  const ByHand w{model.named_parameters()};
  const auto hidden = [&](const std::string& net, const ByHand::Inputs& parents) {
    return ByHand::Inputs{{"hidden", w.join(net + ".trunk.layer1", parents).tanh()}};
  };
  const auto gaussian = [&](const std::string& net, const ByHand::Inputs& parents) {
    const auto h = hidden(net, parents);
    return std::pair(w.join(net + ".mean", h), w.join(net + ".log_variance", h).clamp(-12, 6));
  };
  const auto probabilities = [&](const std::string& net, const ByHand::Inputs& parents) {
    const auto e = w.join(net + ".logits", hidden(net, parents)).exp();
    return e / e.sum(-1, true);
  };

  const auto [m1, v1] = gaussian("q_z1_given_x", {{"x", x}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto q_y = probabilities("q_y_given_z1_x", {{"z1", z1}, {"x", x}});
  std::vector<double> log_p_x(B), kl_z1 = log_normal_by_hand(z1, m1, v1), kl_y(B), kl_z2(B);
  for (int64_t k = 0; k < K; ++k) {
    const auto y = torch::zeros({B, K}, torch::kFloat64);
    y.select(1, k).fill_(1);
    const auto [m2, v2] = gaussian("q_z2_given_x_y_z1", {{"x", x}, {"y", y}, {"z1", z1}});
    const auto z2 = m2 + (v2 / 2).exp() * e2[k];
    const auto p_y = probabilities("p_y_given_z2", {{"z2", z2}});
    const auto [pm1, pv1] = gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", z2}});
    const auto h = hidden("p_x_given_y_z1", {{"y", y}, {"z1", z1}});
    const auto bits = log_bits_by_hand(x, w.join("p_x_given_y_z1.logits", h));
    const auto log_p_z1 = log_normal_by_hand(z1, pm1, pv1);
    const auto divergence = kl_by_hand(m2, v2, torch::zeros_like(m2), torch::zeros_like(v2));
    for (int64_t b = 0; b < B; ++b) {
      const double q = q_y[b][k].item<double>();
      log_p_x[b] += q * bits[b];
      kl_z1[b] -= q * log_p_z1[b];
      kl_y[b] += q * std::log(q / p_y[b][k].item<double>());
      kl_z2[b] += q * divergence[b];
    }
  }

  model.eval();
  auto same_noise = make_generator(2);
  const Bound bound = model.bound(x, same_noise);
  const std::vector<std::pair<std::string, std::vector<double>>> by_hand = {
      {"log p(x|y,z1)", log_p_x}, {"KL(z1)", kl_z1}, {"KL(y)", kl_y}, {"KL(z2)", kl_z2}};
  ASSERT_EQ(bound.terms.size(), by_hand.size());
  for (size_t i = 0; i < by_hand.size(); ++i) {
    EXPECT_EQ(bound.terms[i].name, by_hand[i].first);
    for (int64_t b = 0; b < B; ++b) {
      EXPECT_NEAR(bound.terms[i].value[b].item<double>(), by_hand[i].second[b], 1e-9)
          << by_hand[i].first;
    }
  }

  // The layers, from the data up, at the posterior means of those they are given; z2 in the most
  // probable cluster, distances from p over all of them.
  const auto q_y_at_mean = probabilities("q_y_given_z1_x", {{"z1", m1}, {"x", x}});  // [B, K]
  const auto likeliest = q_y_at_mean.argmax(1);
  auto z1_shift = torch::zeros_like(m1), z2_shift = torch::zeros({B, 2}, torch::kFloat64);
  auto z2_mean = torch::empty({B, 2}, torch::kFloat64);
  for (int64_t k = 0; k < K; ++k) {
    const auto y = torch::one_hot(torch::full({B}, k), K).to(torch::kFloat64);
    const auto m2 = gaussian("q_z2_given_x_y_z1", {{"x", x}, {"y", y}, {"z1", m1}}).first;
    const auto [pm1, pv1] = gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", m2}});
    const auto q = q_y_at_mean.slice(1, k, k + 1);
    z1_shift += q * (m1 - pm1) / (pv1 / 2).exp();
    z2_shift += q * m2;
    z2_mean = torch::where(likeliest.eq(k).unsqueeze(1), m2, z2_mean);
  }
  const auto layers = model.encode(x, same_noise);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].name, "z1");
  EXPECT_TRUE(torch::allclose(layers[0].mean, m1));
  EXPECT_TRUE(torch::allclose(layers[0].shift, z1_shift));
  EXPECT_EQ(layers[1].name, "z2");
  EXPECT_TRUE(torch::allclose(layers[1].mean, z2_mean));
  EXPECT_TRUE(torch::allclose(layers[1].shift, z2_shift));
}

}  // namespace
}  // namespace clade
