#include "clade/models/adgm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr int64_t K = 3, B = 4;

/// A small model and its networks from its weights alone.
struct Small {
  std::shared_ptr<Adgm> model;
  torch::Tensor x;  // [B, D]
  ByHand w;

  explicit Small(int64_t clusters = K) {
    AdgmOptions options;
    options.clusters = clusters;
    options.latent = 2;
    options.auxiliary = 3;
    options.trunk = {"dense", {"4"}, "tanh", false};
    auto generator = make_generator(1);
    model = std::make_shared<Adgm>(options, Parent{"x", 4}, generator);
    disturb(*model, generator);
    x = torch::empty({B, 4}, torch::kFloat64).bernoulli_(0.5, generator);
    w.weights = model->named_parameters();
  }

  torch::Tensor q_y(const torch::Tensor& a) const {  // [B, K]
    return w.probabilities("q_y_given_a_x", {{"a", a}, {"x", x.expand({a.size(0), 4})}});
  }

  /// The terms of the bound given draws of a and y, one-hot [B, K] or none; e: noise of z.
  struct Terms {
    std::vector<double> log_p_x, kl_a, kl_z;
  };
  Terms terms(const torch::Tensor& a, const torch::Tensor& y, const torch::Tensor& e) const {
    const auto with_y = [&](ByHand::Inputs parents) {
      if (y.defined()) parents.emplace_back("y", y);
      return parents;
    };
    const auto [m, v] = w.gaussian("q_z_given_a_x_y", with_y({{"a", a}, {"x", x}}));
    const auto z = m + (v / 2).exp() * e;
    const auto h = w.hidden("p_x_given_y_z", with_y({{"z", z}}));
    const auto [qm, qv] = w.gaussian("q_a_given_x", {{"x", x}});
    const auto [pm, pv] = w.gaussian("p_a_given_x_y_z", with_y({{"x", x}, {"z", z}}));
    return {log_bits_by_hand(x, w.join("p_x_given_y_z.logits", h)),
            difference(log_normal_by_hand(a, qm, qv), log_normal_by_hand(a, pm, pv)),
            kl_by_hand(m, v, torch::zeros_like(m), torch::zeros_like(m))};
  }
  torch::Tensor draw_a(Generator& noise) const {  // [B, d_a]
    const auto [m, v] = w.gaussian("q_a_given_x", {{"x", x}});
    return m + (v / 2).exp() * draw_normals({B, 3}, x, noise);
  }
};

TEST(Adgm, BoundIsTheSumOverClustersWrittenByHand) {
  Small small;
  torch::NoGradGuard no_grad;
  // The same noise, in the order of q(a|x) q(y|a,x) q(z|a,x,y).
  auto noise = make_generator(2), same_noise = make_generator(2);
  const auto a = small.draw_a(noise);
  const auto e = draw_normals({K, B, 2}, small.x, noise);
  const auto q_y = small.q_y(a);
  std::vector<double> log_p_x(B), kl_a(B), kl_z(B), kl_y(B);
  for (int64_t k = 0; k < K; ++k) {
    const auto y = torch::one_hot(torch::full({B}, k), K).to(torch::kFloat64);
    const auto terms = small.terms(a, y, e[k]);
    for (int64_t b = 0; b < B; ++b) {
      const double q = q_y[b][k].item<double>();
      log_p_x[b] += q * terms.log_p_x[b];
      kl_a[b] += q * terms.kl_a[b];
      kl_z[b] += q * terms.kl_z[b];
      kl_y[b] += q * std::log(static_cast<double>(K) * q);
    }
  }
  small.model->eval();
  expect_terms(small.model->bound(small.x, same_noise),
               {{"log p(x|y,z)", log_p_x}, {"KL(a)", kl_a}, {"KL(z)", kl_z}, {"KL(y)", kl_y}});
}

TEST(Adgm, LabelledPointsHaveTheBoundOfTheirOwnClusterByHand) {
  Small small;
  torch::NoGradGuard no_grad;
  const auto labels = torch::tensor({2, 0, 1, 1});
  auto noise = make_generator(3), same_noise = make_generator(3);
  const auto a = small.draw_a(noise);
  const auto e = draw_normals({B, 2}, small.x, noise);
  const auto y = torch::one_hot(labels, K).to(torch::kFloat64);
  const auto terms = small.terms(a, y, e);
  const auto q_y = small.q_y(a);
  ASSERT_TRUE(small.model->takes_labels());
  expect_terms(small.model->labelled_bound(small.x, labels, same_noise),
               {{"log p(x|y,z)", terms.log_p_x},
                {"KL(a)", terms.kl_a},
                {"KL(z)", terms.kl_z},
                {"KL(y)", std::vector<double>(B, std::log(3.0))},  // −log p(y)
                {"H(q(y|x))", cross_entropy_by_hand(y, q_y)}});
}

TEST(Adgm, GuidedBoundIsThatOfItsResponsibilitiesWrittenByHand) {
  Small small;
  torch::NoGradGuard no_grad;
  const auto r = soft_responsibilities(B, K);
  // y is drawn first, of what it is told; then a and z.
  auto noise = make_generator(3), same_noise = make_generator(3);
  const auto y = torch::one_hot(draw_by_hand(r, noise), K).to(torch::kFloat64);
  const auto a = small.draw_a(noise);
  const auto terms = small.terms(a, y, draw_normals({B, 2}, small.x, noise));
  expect_terms(
      small.model->guided_bound(small.x, {{"y", r}}, same_noise),
      {{"log p(x|y,z)", terms.log_p_x},
       {"KL(a)", terms.kl_a},
       {"KL(z)", terms.kl_z},
       {"KL(y)", difference(std::vector<double>(B, std::log(3.0)), cross_entropy_by_hand(r, r))},
       {"hold", cross_entropy_by_hand(r, small.q_y(a))}});
}

TEST(Adgm, OfOneClusterIsTheAuxiliaryVaeWrittenByHand) {
  Small small(1);
  torch::NoGradGuard no_grad;
  for (auto& item : small.model->named_parameters()) {
    if (item.key().ends_with("weight_y")) item.value().zero_();
  }
  auto noise = make_generator(2), same_noise = make_generator(2);
  const auto a = small.draw_a(noise);
  const auto terms = small.terms(a, /*y=*/{}, draw_normals({B, 2}, small.x, noise));
  expect_terms(small.model->bound(small.x, same_noise), {{"log p(x|y,z)", terms.log_p_x},
                                                         {"KL(a)", terms.kl_a},
                                                         {"KL(z)", terms.kl_z},
                                                         {"KL(y)", std::vector<double>(B)}});
}

TEST(Adgm, ClusterProbabilitiesAreAveragesOverTheAuxiliary) {
  Small small;
  torch::NoGradGuard no_grad;
  for (const char* net : {"weight_a", "weight_hidden"}) {  // so that a matters
    for (auto& item : small.model->named_parameters()) {
      if (item.key().rfind("q_y_given_a_x", 0) != 0) continue;
      if (item.key().find(net) != std::string::npos) item.value().mul_(4);
    }
  }
  const auto [m, v] = small.w.gaussian("q_a_given_x", {{"x", small.x}});
  auto generator = make_generator(4);
  constexpr int64_t kDraws = 20000;
  const auto one = small.x.slice(0, 0, 1);
  small.x = one;
  const auto a =
      m[0] + (v[0] / 2).exp() * draw_normals({kDraws, 3}, one, generator);  // [draws, d_a]
  const auto expected = small.q_y(a).mean(0);                               // [K]
  const auto at_mean = small.q_y(m.slice(0, 0, 1))[0];
  const auto found =
      small.model->cluster_probabilities(one.expand({200, 4}), generator).front().mean(0);
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.015) << found << expected;
  EXPECT_GT((at_mean - expected).abs().max().item<double>(), 0.05);  // else this shows nothing
}

TEST(Adgm, ItsAuxiliaryHasNoPartInGeneration) {
  Small small;
  torch::NoGradGuard no_grad;
  std::vector<std::string> names;
  for (const LatentInfo& latent : small.model->latents()) names.push_back(latent.name);
  EXPECT_EQ(names, (std::vector<std::string>{"y", "z"}));
  const Given given = {{"a", torch::zeros({})}};
  EXPECT_THROW(small.model->check(given), Error);

  const auto means = [&] {
    auto generator = make_generator(5);
    return small.model->sample_means(6, {}, generator);
  };
  const auto before = means();
  for (auto& item : small.model->named_parameters()) {
    if (item.key().rfind("p_a_given_x_y_z", 0) == 0) item.value().add_(1);
  }
  EXPECT_TRUE(torch::equal(before, means()));

  // It is a layer of the posterior all the same.
  auto generator = make_generator(6);
  EXPECT_FALSE(small.model->information(small.x, generator));
  const auto layers = small.model->encode(small.x, generator);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].name, "a");
  EXPECT_EQ(layers[1].name, "z");
  EXPECT_TRUE(
      torch::allclose(layers[0].mean, small.w.gaussian("q_a_given_x", {{"x", small.x}}).first));
}

}  // namespace
}  // namespace clade
