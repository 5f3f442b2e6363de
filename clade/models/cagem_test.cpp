#include "clade/models/cagem.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/models/by_hand_for_tests.h"
#include "clade/models/mean_bound.h"
#include "clade/models/vae_l2.h"
#include "clade/nets/batch_norm.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

/// The networks of a model with one hidden layer of tanh units, from its weights alone.
struct Networks : ByHand {
  torch::Tensor logits_of_x(const torch::Tensor& y, const torch::Tensor& z1) const {
    return join("p_x_given_y_z1.logits", hidden("p_x_given_y_z1", {{"y", y}, {"z1", z1}}));
  }
};

/// y = k, one-hot, for each of the leading sizes: [..., K].
torch::Tensor all_in(int64_t k, std::vector<int64_t> sizes, int64_t K) {
  return torch::one_hot(torch::full(sizes, k, torch::kInt64), K).to(torch::kFloat64);
}

CagemOptions small(int64_t clusters, int64_t latent1, int64_t latent2) {
  CagemOptions options;
  options.clusters = clusters;
  options.latent1 = latent1;
  options.latent2 = latent2;
  options.trunk = {"dense", {"4"}, "tanh", false};
  return options;
}

/// A model in evaluation mode and float64 whose factors all matter.
std::shared_ptr<Cagem> disturbed(const CagemOptions& options) {
  auto generator = make_generator(1);
  auto model = std::make_shared<Cagem>(options, Parent{"x", 4}, generator);
  disturb(*model, generator);
  model->eval();
  return model;
}

torch::Tensor points_of_bits(int64_t n) {  // [n, 4]
  auto generator = make_generator(4);
  return torch::empty({n, 4}, torch::kFloat64).bernoulli_(0.5, generator);
}

class WithOrWithoutSkip : public testing::TestWithParam<bool> {};

TEST_P(WithOrWithoutSkip, BoundIsTheSumOverClustersWrittenByHand) {
  constexpr int64_t K = 3, B = 2;
  CagemOptions options = small(K, 3, 2);
  options.skip = GetParam();
  const auto model = disturbed(options);
  const std::string q_z2 = GetParam() ? "q_z2_given_x_y_z1" : "q_z2_given_y_z1";
  torch::NoGradGuard no_grad;
  const auto x = points_of_bits(B);
  const auto parents_of_z2 = [&](const torch::Tensor& y, const torch::Tensor& z1) {
    ByHand::Inputs parents = {{"y", y}, {"z1", z1}};
    if (GetParam()) parents.emplace_back("x", x);
    return parents;
  };

  // The same noise, in the order of q(z1|x) q(y|z1,x) q(z2|x,y,z1).
  auto noise = make_generator(2);
  const auto e1 = draw_normals({B, 3}, x, noise);
  const auto e2 = draw_normals({K, B, 2}, x, noise);
  const Networks by_hand{{model->named_parameters()}};

  const auto [m1, v1] = by_hand.gaussian("q_z1_given_x", {{"x", x}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto q_y = by_hand.probabilities("q_y_given_z1_x", {{"z1", z1}, {"x", x}});
  std::vector<double> log_p_x(B), kl_z1 = log_normal_by_hand(z1, m1, v1), kl_y(B), kl_z2(B);
  for (int64_t k = 0; k < K; ++k) {
    const auto y = all_in(k, {B}, K);
    const auto [m2, v2] = by_hand.gaussian(q_z2, parents_of_z2(y, z1));
    const auto z2 = m2 + (v2 / 2).exp() * e2[k];
    const auto p_y = by_hand.probabilities("p_y_given_z2", {{"z2", z2}});
    const auto [pm1, pv1] = by_hand.gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", z2}});
    const auto log_p_bits = log_bits_by_hand(x, by_hand.logits_of_x(y, z1));
    const auto log_p_z1 = log_normal_by_hand(z1, pm1, pv1);
    const auto divergence = kl_by_hand(m2, v2, torch::zeros_like(m2), torch::zeros_like(v2));
    for (int64_t b = 0; b < B; ++b) {
      const double q = q_y[b][k].item<double>();
      log_p_x[b] += q * log_p_bits[b];
      kl_z1[b] -= q * log_p_z1[b];
      kl_y[b] += q * std::log(q / p_y[b][k].item<double>());
      kl_z2[b] += q * divergence[b];
    }
  }

  auto same_noise = make_generator(2);
  const Bound bound = model->bound(x, same_noise);
  const std::vector<std::pair<std::string, std::vector<double>>> expected = {
      {"log p(x|y,z1)", log_p_x}, {"KL(z1)", kl_z1}, {"KL(y)", kl_y}, {"KL(z2)", kl_z2}};
  ASSERT_EQ(bound.terms.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(bound.terms[i].name, expected[i].first);
    for (int64_t b = 0; b < B; ++b) {
      EXPECT_NEAR(bound.terms[i].value[b].item<double>(), expected[i].second[b], 1e-9)
          << expected[i].first;
    }
  }

  // The layers, from the data up, at the posterior means of those they are given; z2 in the most
  // probable cluster, distances from p over all of them.
  const auto q_y_at_mean = by_hand.probabilities("q_y_given_z1_x", {{"z1", m1}, {"x", x}});
  const auto likeliest = q_y_at_mean.argmax(1);
  auto z1_shift = torch::zeros_like(m1), z2_shift = torch::zeros({B, 2}, torch::kFloat64);
  auto z2_mean = torch::empty({B, 2}, torch::kFloat64);
  for (int64_t k = 0; k < K; ++k) {
    const auto y = all_in(k, {B}, K);
    const auto m2 = by_hand.gaussian(q_z2, parents_of_z2(y, m1)).first;
    const auto [pm1, pv1] = by_hand.gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", m2}});
    const auto q = q_y_at_mean.slice(1, k, k + 1);
    z1_shift += q * (m1 - pm1) / (pv1 / 2).exp();
    z2_shift += q * m2;
    z2_mean = torch::where(likeliest.eq(k).unsqueeze(1), m2, z2_mean);
  }
  const auto layers = model->encode(x, same_noise);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].name, "z1");
  EXPECT_TRUE(torch::allclose(layers[0].mean, m1));
  EXPECT_TRUE(torch::allclose(layers[0].shift, z1_shift));
  EXPECT_EQ(layers[1].name, "z2");
  EXPECT_TRUE(torch::allclose(layers[1].mean, z2_mean));
  EXPECT_TRUE(torch::allclose(layers[1].shift, z2_shift));
}

INSTANTIATE_TEST_SUITE_P(Cagem, WithOrWithoutSkip, testing::Bool(),
                         [](const auto& skip) { return skip.param ? "Skip" : "NoSkip"; });

// KL(y) is to the p(y | z2) of a draw.
TEST(Cagem, GuidedBoundIsThatOfItsResponsibilitiesWrittenByHand) {
  constexpr int64_t K = 3, B = 6;
  const auto model = disturbed(small(K, 3, 2));
  torch::NoGradGuard no_grad;
  const auto x = points_of_bits(B);
  const auto r = soft_responsibilities(B, K);
  const Networks by_hand{{model->named_parameters()}};
  // y is drawn first, of what it is told; then z1 and z2.
  auto noise = make_generator(2), same_noise = make_generator(2);
  const auto y = torch::one_hot(draw_by_hand(r, noise), K).to(torch::kFloat64);
  const auto e1 = draw_normals({B, 3}, x, noise), e2 = draw_normals({B, 2}, x, noise);
  const auto [m1, v1] = by_hand.gaussian("q_z1_given_x", {{"x", x}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto [m2, v2] = by_hand.gaussian("q_z2_given_x_y_z1", {{"x", x}, {"y", y}, {"z1", z1}});
  const auto z2 = m2 + (v2 / 2).exp() * e2;
  const auto [pm1, pv1] = by_hand.gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", z2}});
  const auto p_y = by_hand.probabilities("p_y_given_z2", {{"z2", z2}});
  const auto q_y = by_hand.probabilities("q_y_given_z1_x", {{"z1", z1}, {"x", x}});
  expect_terms(
      model->guided_bound(x, {{"y", r}}, same_noise),
      {{"log p(x|y,z1)", log_bits_by_hand(x, by_hand.logits_of_x(y, z1))},
       {"KL(z1)", difference(log_normal_by_hand(z1, m1, v1), log_normal_by_hand(z1, pm1, pv1))},
       {"KL(y)", difference(cross_entropy_by_hand(y, p_y), cross_entropy_by_hand(r, r))},
       {"KL(z2)", kl_by_hand(m2, v2, torch::zeros_like(m2), torch::zeros_like(m2))},
       {"hold", cross_entropy_by_hand(r, q_y)}});
}

TEST(Cagem, OfOneClusterIsTheVaeOfTwoLayers) {
  CagemOptions options = small(1, 3, 2);
  options.skip = false;
  options.trunk.batch_norm = true;
  VaeL2Options plain;
  plain.latent1 = 3;
  plain.latent2 = 2;
  plain.trunk = options.trunk;
  plain.upper_layers = options.trunk.layers;
  auto generator = make_generator(1);
  VaeL2 vae(plain, Parent{"x", 4}, generator);
  disturb(vae, generator);
  const auto model = disturbed(options);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({7, 4}, torch::kFloat64).bernoulli_(0.5, generator);
  auto weights = model->named_parameters();
  for (auto& item : weights) {  // y is 1 for every point
    if (item.key().ends_with("weight_y")) item.value().zero_();
  }
  for (const auto& item : vae.named_parameters()) {
    std::string name = item.key();
    const auto swap = [&](const std::string& from, const std::string& to) {
      if (name.rfind(from, 0) == 0) name.replace(0, from.size(), to);
    };
    swap("q_z2_given_z1.", "q_z2_given_y_z1.");
    swap("p_z1_given_z2.", "p_z1_given_y_z2.");
    swap("p_x_given_z1.", "p_x_given_y_z1.");
    weights[name].copy_(item.value());
  }
  for (const bool training : {true, false}) {
    model->train(training);
    vae.train(training);
    auto a = make_generator(2), b = make_generator(2);
    const Bound found = model->bound(x, a), expected = vae.bound(x, b);
    ASSERT_EQ(found.terms.size(), 4u);  // KL(y) is the third
    EXPECT_EQ(found.terms[2].value.abs().max().item<double>(), 0);
    for (const auto& [ours, theirs] : {std::pair(0, 0), {1, 1}, {3, 2}}) {
      EXPECT_TRUE(
          torch::allclose(found.terms[ours].value, expected.terms[theirs].value, 1e-12, 1e-12))
          << found.terms[ours].name;
    }
    const auto weighed = model->log_weights(x, {.sum_clusters = true})(4, a);
    EXPECT_TRUE(torch::allclose(weighed.elbo(), vae.log_weights(x)(4, b).elbo(), 1e-12, 1e-12));
  }
}

/// One unit in each of z1 and z2, which are integrated out on a grid of them.
class CagemOfTwoUnits : public testing::Test {
 protected:
  static constexpr int64_t K = 3, B = 16, G = 161;

  static constexpr double kStep = 0.1;

  static torch::Tensor log_normal(const torch::Tensor& z, const torch::Tensor& mean,
                                  const torch::Tensor& log_variance) {
    return -0.5 * (std::log(2 * M_PI) + log_variance + (z - mean).square() / log_variance.exp());
  }

  void SetUp() override {
    const Networks by_hand{{model->named_parameters()}};
    const auto grid = (torch::arange(G, torch::kFloat64) - G / 2) * kStep;
    const auto z1 = grid.view({G, 1}), z2 = grid.view({1, G});
    const auto [m1, v1] = by_hand.gaussian("q_z1_given_x", {{"x", x}});  // [B, 1]
    const auto log_q_z1 = log_normal(z1, m1.view({B, 1, 1}), v1.view({B, 1, 1}));
    const auto x_of_z1 = x.unsqueeze(1);  // [B, 1, 4], beside z1 [G, 1]
    const auto q_y = by_hand.probabilities("q_y_given_z1_x", {{"z1", z1}, {"x", x_of_z1}});
    const auto p_y = by_hand.probabilities("p_y_given_z2", {{"z2", grid.view({G, 1})}});  // [G, K]
    q_y_given_x = (log_q_z1.exp() * q_y).sum(1) * kStep;
    p_y_given_x = torch::zeros({B, K}, torch::kFloat64);
    elbo = torch::zeros({B}, torch::kFloat64);
    auto p_x = torch::zeros({B}, torch::kFloat64);
    for (int64_t k = 0; k < K; ++k) {
      const auto y = all_in(k, {1}, K);
      const auto [m2, v2] =
          by_hand.gaussian("q_z2_given_x_y_z1", {{"x", x_of_z1}, {"y", y}, {"z1", z1}});
      const auto log_q_z2 = log_normal(z2, m2, v2);               // [B, G, G]
      const auto log_q_y = q_y.select(2, k).log().unsqueeze(-1);  // [B, G, 1]
      const auto [pm1, pv1] =
          by_hand.gaussian("p_z1_given_y_z2", {{"y", y}, {"z2", grid.view({G, 1})}});
      const auto log_p_z1 = log_normal(z1, pm1.t(), pv1.t());  // [G, G]
      const auto logits = by_hand.logits_of_x(y, z1);          // [G, 4]
      const auto log_p_x =
          (x_of_z1 * logits - torch::log1p(logits.exp())).sum(-1).unsqueeze(-1);  // [B, G, 1]
      const auto log_p_z2 = log_normal(z2, torch::zeros({1}), torch::zeros({1}));
      const auto log_joint =
          log_p_z2 + p_y.select(1, k).log().unsqueeze(0) + log_p_z1 + log_p_x;  // [B, G, G]
      const auto log_q = log_q_z1 + log_q_y + log_q_z2;
      const double area = kStep * kStep;
      elbo += (log_q.exp() * (log_joint - log_q)).sum({1, 2}) * area;
      p_x += log_joint.exp().sum({1, 2}) * area;
      p_y_given_x += (log_q.exp().sum(1).unsqueeze(-1) * p_y).sum(1) * area;
    }
    log_p = p_x.log();
  }

  /// F_S of every x, averaged over `repeats` independent estimates.
  torch::Tensor importance_bound(int64_t samples, int64_t repeats) {  // [B]
    auto generator = make_generator(7);
    const auto log_w = model->log_weights(x)(samples * repeats, generator).elbo();
    return torch::logsumexp(log_w.view({repeats, samples, B}), 1).mean(0) -
           std::log(static_cast<double>(samples));
  }

  const torch::NoGradGuard no_grad;
  std::shared_ptr<Cagem> model = disturbed(small(K, 1, 1));
  torch::Tensor x = torch::arange(B)
                        .unsqueeze(1)
                        .bitwise_right_shift(torch::arange(4))
                        .bitwise_and(1)
                        .to(torch::kFloat64);  // every one there is
  torch::Tensor elbo, log_p;                   // [B]
  torch::Tensor q_y_given_x, p_y_given_x;      // [B, K]
};

TEST_F(CagemOfTwoUnits, BoundIsItsIntegral) {
  EXPECT_NEAR(log_p.exp().sum().item<double>(), 1, 1e-6);  // or the grid is no good
  auto generator = make_generator(5);
  const auto found = model->bound(x, generator, 40000).elbo().mean(0);
  EXPECT_LT((found - elbo).abs().max().item<double>(), 0.03) << found << elbo;
  EXPECT_TRUE(elbo.lt(log_p).all().item<bool>());
}

TEST_F(CagemOfTwoUnits, ImportanceWeightedBoundsRiseToTheLogLikelihood) {
  const auto f1 = importance_bound(1, 20000), f10 = importance_bound(10, 2000);
  const auto most = importance_bound(20000, 10);
  EXPECT_LT((f1 - elbo).abs().mean().item<double>(), 0.03);
  EXPECT_LT(f1.mean().item<double>(), f10.mean().item<double>());
  EXPECT_LT(f10.mean().item<double>(), most.mean().item<double>());
  EXPECT_LT((most - log_p).abs().mean().item<double>(), 0.01) << most << log_p;
  EXPECT_GT((log_p - elbo).mean().item<double>(), 0.1);  // else there is no rise to see
}

TEST_F(CagemOfTwoUnits, ClassifiersAreTheirIntegrals) {
  constexpr int64_t kCopies = 300;
  auto generator = make_generator(6);
  const auto found = model->classifiers(x.repeat({kCopies, 1}), generator);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "q(y|x)");
  EXPECT_EQ(found[1].name, "p(y|x)");
  const auto mean = [](const Classifier& one) {
    return one.probabilities.view({kCopies, B, K}).mean(0);
  };
  EXPECT_LT((mean(found[0]) - q_y_given_x).abs().max().item<double>(), 0.01);
  EXPECT_LT((mean(found[1]) - p_y_given_x).abs().max().item<double>(), 0.01);
  EXPECT_GT((q_y_given_x - p_y_given_x).abs().max().item<double>(), 0.1);  // they are two
}

TEST(Cagem, LossesOnLabelsAreWrittenByHand) {
  constexpr int64_t K = 3, B = 5;
  const auto model = disturbed(small(K, 3, 2));
  torch::NoGradGuard no_grad;
  const auto x = points_of_bits(B);
  const auto labels = torch::tensor({2, 0, 1, 1, 2});
  auto noise = make_generator(2);
  const auto e1 = draw_normals({B, 3}, x, noise);
  const auto e2 = draw_normals({K, B, 2}, x, noise);
  const Networks by_hand{{model->named_parameters()}};
  const auto [m1, v1] = by_hand.gaussian("q_z1_given_x", {{"x", x}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto q_y = by_hand.probabilities("q_y_given_z1_x", {{"z1", z1}, {"x", x}});
  auto p_y = torch::zeros({B, K}, torch::kFloat64);
  for (int64_t k = 0; k < K; ++k) {
    const auto [m2, v2] =
        by_hand.gaussian("q_z2_given_x_y_z1", {{"x", x}, {"y", all_in(k, {B}, K)}, {"z1", z1}});
    const auto z2 = m2 + (v2 / 2).exp() * e2[k];
    p_y += q_y.slice(1, k, k + 1) * by_hand.probabilities("p_y_given_z2", {{"z2", z2}});
  }

  auto same_noise = make_generator(2);
  const Bound losses = model->labelled_bound(x, labels, same_noise);
  ASSERT_EQ(losses.terms.size(), 2u);
  EXPECT_FALSE(losses.elbo().defined());  // the labelled points have no bound of their own
  for (size_t i = 0; i < 2; ++i) {
    const auto& probabilities = i == 0 ? q_y : p_y;
    EXPECT_EQ(losses.terms[i].name, i == 0 ? "H(q(y|x))" : "H(p(y|x))");
    EXPECT_EQ(losses.terms[i].role, Role::classification);
    for (int64_t b = 0; b < B; ++b) {
      const double p = probabilities[b][labels[b].item<int64_t>()].item<double>();
      EXPECT_NEAR(losses.terms[i].value[b].item<double>(), -std::log(p), 1e-9);
    }
  }
}

/// Every point is surely in cluster 0, so that pairs with the others do not count.
TEST(Cagem, BatchNormsWeighPairsOnLabelsAsInTheBound) {
  constexpr int64_t K = 3, B = 7;
  CagemOptions options = small(K, 3, 2);
  options.trunk.batch_norm = true;
  options.estimator.weigh_statistics = true;
  const auto model = disturbed(options);
  model->train();
  const torch::NoGradGuard no_grad;
  const auto weights = model->named_parameters();
  weights["q_y_given_z1_x.logits.bias"].copy_(torch::tensor({200.0, 0.0, 0.0}));
  auto generator = make_generator(3);
  const auto x = torch::empty({B, 4}, torch::kFloat64).bernoulli_(0.5, generator);
  const auto labels = torch::arange(B) % K;

  auto noise = make_generator(2);
  const Bound losses = model->labelled_bound(x, labels, noise);

  const ByHand by_hand{weights};
  // One hidden layer, normalised by the moments of the rows it reads.
  const auto hidden = [&](const std::string& net, const ByHand::Inputs& parents) {
    const auto h = by_hand.join(net + ".trunk.layer1", parents);
    const auto deviation = (h.var(0, /*unbiased=*/false) + 1e-5).sqrt();
    const auto norm = net + ".trunk.norm1.";
    return ByHand::Inputs{
        {"hidden",
         ((h - h.mean(0)) / deviation * weights[norm + "weight"] + weights[norm + "bias"]).tanh()}};
  };
  auto same_noise = make_generator(2);
  const auto e1 = draw_normals({B, 3}, x, same_noise);
  const auto [m1, v1] = by_hand.heads("q_z1_given_x", hidden("q_z1_given_x", {{"x", x}}), -12, 6);
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto e2 = draw_normals({K, B, 2}, x, same_noise)[0];
  const auto [m2, v2] = by_hand.heads(
      "q_z2_given_x_y_z1",
      hidden("q_z2_given_x_y_z1", {{"x", x}, {"y", all_in(0, {B}, K)}, {"z1", z1}}), -12, 6);
  const auto z2 = m2 + (v2 / 2).exp() * e2;
  const auto p_y = by_hand.join("p_y_given_z2.logits", hidden("p_y_given_z2", {{"z2", z2}}))
                       .softmax(1)
                       .gather(1, labels.unsqueeze(1))
                       .squeeze(1);
  const auto found = losses.terms.at(1).value;
  EXPECT_LT((found + p_y.log()).abs().max().item<double>(), 1e-6) << found << -p_y.log();
}

TEST(Cagem, LabelsReachTheNetworksOfTheClusterAlone) {
  CagemOptions options = small(3, 3, 2);
  options.trunk.batch_norm = true;
  const auto model = disturbed(options);
  model->train();
  std::map<std::string, torch::Tensor> statistics;
  for (const auto& buffer : model->named_buffers()) {
    statistics[buffer.key()] = buffer.value().clone();
  }
  auto generator = make_generator(3);
  const auto x = torch::empty({9, 4}, torch::kFloat64).bernoulli_(0.5, generator);
  const StatisticsScope scope(Statistics::kept);
  const Bound losses = model->labelled_bound(x, torch::arange(9) % 3, generator);
  for (const Term& term : losses.terms) {
    model->zero_grad();
    term.value.mean().backward({}, /*retain_graph=*/true);
    for (const auto& parameter : model->named_parameters()) {
      const auto of = [&](const char* net) { return parameter.key().rfind(net, 0) == 0; };
      // −log Σ_ỹ q(ỹ|x) p(y|z2) depends on both networks, −log q(y|x) on one.
      const bool learns =
          of("q_y_given_z1_x.") || (term.name == "H(p(y|x))" && of("p_y_given_z2."));
      const auto& gradient = parameter.value().grad();
      const double largest = gradient.defined() ? gradient.abs().max().item<double>() : 0;
      // A bias before batch norm moves nothing.
      const bool shift = parameter.key().find("layer1.bias") != std::string::npos;
      if (!learns) {
        EXPECT_EQ(largest, 0) << term.name << " " << parameter.key();
      } else if (!shift) {
        EXPECT_GT(largest, 0) << term.name << " " << parameter.key();
      }
    }
  }
  for (const auto& buffer : model->named_buffers()) {
    EXPECT_TRUE(torch::equal(buffer.value(), statistics.at(buffer.key()))) << buffer.key();
  }
}

}  // namespace
}  // namespace clade
