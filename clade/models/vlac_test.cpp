#include "clade/models/vlac.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/by_hand_for_tests.h"
#include "clade/models/clustered_vae.h"
#include "clade/models/registry.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr int64_t kFeatures = 4;

/// Whose programs a test may run over values of its own.
struct OpenVlac : Vlac {
  using Vlac::generate;
  using Vlac::infer;
  using Vlac::Vlac;
};

VlacOptions options_of(const std::vector<int64_t>& clusters,
                       const std::vector<std::string>& layers) {
  VlacOptions options;
  options.clusters = clusters;
  options.latents.assign(clusters.size(), 2);
  options.trunk.layers = layers;
  options.validate();
  return options;
}

/// Two levels of gated layers without batch norms, which ByHand knows.
VlacOptions gated_options(const std::vector<int64_t>& clusters) {
  auto options = options_of(clusters, {"4", "5"});
  options.trunk.kind = "gated";
  options.trunk.batch_norm = false;
  return options;
}

/// In float64 and evaluation mode, with weights that make every factor matter.
template <class M>
std::shared_ptr<M> made(const typename M::Options& options, const Parent& x) {
  auto generator = make_generator(1);
  auto model = std::make_shared<M>(options, x, generator);
  disturb(*model, generator);
  model->eval();
  return model;
}

torch::Tensor bits(int64_t n, int64_t features) {
  auto generator = make_generator(2);
  return torch::empty({n, features}, torch::kFloat64).bernoulli_(0.5, generator);
}

torch::Tensor leaf(torch::IntArrayRef sizes, uint64_t seed) {
  auto generator = make_generator(seed);
  return torch::empty(sizes, torch::kFloat64).normal_(0, 1, generator).requires_grad_();
}

/// Mean and log-variance of p(z_l | y_l = k), [B, 2] each.
ByHand::Gaussian component(const ByHand& w, const std::string& l, int64_t k, int64_t B) {
  const auto of = [&](const char* which) {
    return w.weights["p_z" + l + "_given_y" + l + which][k].expand({B, 2});
  };
  return {of(".mean"), of(".log_variance").clamp(-6, 2)};
}

/// y = k, one-hot, of B points, [B, K].
torch::Tensor all_in(int64_t k, int64_t K, int64_t B) {
  return torch::one_hot(torch::full({B}, k, torch::kInt64), K).to(torch::kFloat64);
}

/// How much of `of` depends on `on`: 0 if nothing does.
double influence(const torch::Tensor& of, const torch::Tensor& on) {
  const auto gradient = torch::autograd::grad({of.sum()}, {on}, {}, /*retain_graph=*/true,
                                              /*create_graph=*/false, /*allow_unused=*/true)[0];
  return gradient.defined() ? gradient.abs().max().item<double>() : 0;
}

/// Those of vlae beside a vlac of as many levels.
VlacOptions without_clusters(const VlacOptions& clustered) {
  auto plain = *std::dynamic_pointer_cast<VlacOptions>(find_model("vlae").options());
  plain.latents = clustered.latents;
  plain.trunk = clustered.trunk;
  return plain;
}

// Equations 1 to 5, with the KL of each level to N(0, I).
TEST(Vlae, BoundIsWrittenByHand) {
  constexpr int64_t B = 3, d = 2;
  auto options = options_of({1, 1}, {"4", "5"});
  options.trunk.activation = "tanh";
  options.trunk.batch_norm = false;
  const auto model = made<Vlac>(without_clusters(options), {"x", kFeatures});
  torch::NoGradGuard no_grad;
  const auto x = bits(B, kFeatures);
  // The same noise, from the top down.
  auto noise = make_generator(4), same_noise = make_generator(4);
  const auto e2 = draw_normals({B, d}, x, noise), e1 = draw_normals({B, d}, x, noise);
  const ByHand w{model->named_parameters()};
  const auto h1 = w.join("q_h1.layer1", {{"x", x}}).tanh();
  const auto h2 = w.join("q_h2.layer1", {{"h1", h1}}).tanh();
  const auto [m1, v1] = w.heads("q_z1_given_h1", {{"h1", h1}});
  const auto [m2, v2] = w.heads("q_z2_given_h2", {{"h2", h2}});
  const auto z1 = m1 + (v1 / 2).exp() * e1, z2 = m2 + (v2 / 2).exp() * e2;
  const auto f2 = w.join("f2.layer1", {{"z2", z2}}).tanh();
  const auto f1 = w.join("p_x_given_z.trunk.layer1", {{"z1", z1}, {"f2", f2}}).tanh();
  const auto none = torch::zeros({B, d}, torch::kFloat64);
  expect_terms(model->bound(x, same_noise),
               {{"log p(x|z)", log_bits_by_hand(x, w.join("p_x_given_z.logits", {{"hidden", f1}}))},
                {"KL(z1)", kl_by_hand(m1, v1, none, none)},
                {"KL(z2)", kl_by_hand(m2, v2, none, none)}});
}

TEST(Vlac, MeansItsTopLevelIfLevelsHaveAsManyClusters) {
  const auto main_of = [](const std::vector<int64_t>& clusters) {
    const auto model = made<Vlac>(gated_options(clusters), Parent{"x", 3});
    return model->discrete()[model->main_discrete()].name;
  };
  EXPECT_EQ(main_of({3, 3}), "y2");
  EXPECT_EQ(main_of({3, 2}), "y1");
}

TEST(Vlac, WithOneClusterALevelIsVlaeBitForBit) {
  const auto expect_same = [](const VlacOptions& clustered, const Parent& x) {
    const auto vlac = made<Vlac>(clustered, x), vlae = made<Vlac>(without_clusters(clustered), x);
    auto a = make_generator(3), b = make_generator(3);
    const auto points = bits(5, x.width);
    const Bound of_vlac = vlac->bound(points, a), of_vlae = vlae->bound(points, b);
    ASSERT_EQ(of_vlac.terms.size(), 4u);  // no cluster has one
    ASSERT_EQ(of_vlae.terms.size(), 4u);
    for (size_t t = 0; t < 4; ++t) {
      EXPECT_EQ(of_vlac.terms[t].name, of_vlae.terms[t].name);
      EXPECT_TRUE(torch::equal(of_vlac.terms[t].value, of_vlae.terms[t].value));
    }
    EXPECT_TRUE(torch::equal(vlac->sample_means(9, {}, a), vlae->sample_means(9, {}, b)));
    EXPECT_TRUE(torch::equal(vlac->generations(9, {}, a)->sample(a),
                             vlae->generations(9, {}, b)->sample(b)));
  };
  expect_same(options_of({1, 1, 1}, {"5", "6", "7"}), {"x", kFeatures});
  expect_same(options_of({1, 1, 1}, {"3c4s2p1 3c4same", "4c4s2p1", "7"}), data_parent({8, 8}));
}

/// Of one level, beside gm_dgm made from the same draws.
void expect_gm_dgm(const Parent& x, const std::string& layers,
                   const std::vector<std::string>& same_layers) {
  const auto options = options_of({3}, {layers});
  auto gm_dgm = *std::dynamic_pointer_cast<ClusteredVaeOptions>(find_model("gm_dgm").options());
  gm_dgm.clusters = 3;
  gm_dgm.latent = 2;
  gm_dgm.trunk = options.trunk;
  gm_dgm.trunk.layers = same_layers;
  const auto ladder = made<Vlac>(options, x);
  const auto flat = made<ClusteredVae>(gm_dgm, x);
  auto a = make_generator(3), b = make_generator(3);
  const Bound found = ladder->bound(bits(5, x.width), a);
  const Bound expected = flat->bound(bits(5, x.width), b);
  ASSERT_EQ(found.terms.size(), 3u);
  const char* names[] = {"log p(x|z)", "KL(z1)", "KL(y1)"};
  for (size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(found.terms[t].name, names[t]);
    EXPECT_TRUE(torch::equal(found.terms[t].value, expected.terms[t].value)) << names[t];
  }
}

TEST(Vlac, OfOneLevelIsGmDgm) {
  expect_gm_dgm({"x", kFeatures}, "5 6", {"5", "6"});
  const Parent image{"x", 16, false, {1, 4, 4}};
  expect_gm_dgm(image, "2c2s2 3c1", {"2c2s2", "3c1"});
  expect_gm_dgm(image, "2c2s2 7", {"2c2s2", "7"});
}

TEST(Vlac, BoundIsEquation9SummedOverAllClusters) {
  constexpr int64_t K1 = 2, K2 = 3, B = 3, d = 2;
  const auto options = gated_options({K1, K2});
  const auto model = made<Vlac>(options, Parent{"x", kFeatures});
  torch::NoGradGuard no_grad;
  const auto x = bits(B, kFeatures);

  // The same noise, in the order of q.
  auto noise = make_generator(4), same_noise = make_generator(4);
  const auto e2 = draw_normals({K2, K1, B, d}, x, noise);
  const auto e1 = draw_normals({K1, B, d}, x, noise);
  const ByHand w{model->named_parameters()};
  std::vector<std::vector<double>> terms(5, std::vector<double>(B, 0));
  const auto add = [&](size_t term, const torch::Tensor& weight, const std::vector<double>& of) {
    for (int64_t b = 0; b < B; ++b) terms[term][b] += weight[b].item<double>() * of[b];
  };
  const auto numbers = [](const torch::Tensor& t) {  // [B]
    return std::vector<double>(t.data_ptr<double>(), t.data_ptr<double>() + t.numel());
  };
  const auto h1 = w.gated("q_h1.layer1", {{"x", x}});
  const auto q_y1 = w.join("q_y1_given_h1.logits", {{"h1", h1}}).softmax(-1);
  for (int64_t i = 0; i < K1; ++i) {
    const auto y1 = all_in(i, K1, B);
    const auto h2 = w.gated("q_h2.layer1", {{"h1", h1}, {"y1", y1}});
    const auto q_y2 = w.join("q_y2_given_h2.logits", {{"h2", h2}}).softmax(-1);
    const auto [m1, v1] = w.heads("q_z1_given_h1_y1", {{"h1", h1}, {"y1", y1}});
    const auto [pm1, pv1] = component(w, "1", i, B);
    const auto z1 = m1 + (v1 / 2).exp() * e1[i];
    const auto first = q_y1.select(1, i).contiguous();
    add(1, first, kl_by_hand(m1, v1, pm1, pv1));
    add(4, first, numbers((q_y1.select(1, i) * K1).log().contiguous()));
    for (int64_t j = 0; j < K2; ++j) {
      const auto y2 = all_in(j, K2, B);
      const auto [m2, v2] = w.heads("q_z2_given_h2_y2", {{"h2", h2}, {"y2", y2}});
      const auto [pm2, pv2] = component(w, "2", j, B);
      const auto z2 = m2 + (v2 / 2).exp() * e2[j][i];
      const auto f2 = w.gated("f2.layer1", {{"z2", z2}});
      const auto f1 = w.gated("p_x_given_z.trunk.layer1", {{"z1", z1}, {"f2", f2}});
      const auto both = first * q_y2.select(1, j);
      add(0, both, log_bits_by_hand(x, w.join("p_x_given_z.logits", {{"hidden", f1}})));
      add(2, both, kl_by_hand(m2, v2, pm2, pv2));
      add(3, both, numbers((q_y2.select(1, j) * K2).log().contiguous()));
    }
  }

  expect_terms(model->bound(x, same_noise), {{"log p(x|z)", terms[0]},
                                             {"KL(z1)", terms[1]},
                                             {"KL(z2)", terms[2]},
                                             {"KL(y2)", terms[3]},
                                             {"KL(y1)", terms[4]}});
}

/// log p(z_l | y_l) at a draw, by cluster. z: [B, 2] -> [K][B].
std::vector<std::vector<double>> log_components(const ByHand& w, const std::string& l, int64_t K,
                                                const torch::Tensor& z) {
  std::vector<std::vector<double>> log_p;
  for (int64_t k = 0; k < K; ++k) {
    const auto [mean, log_variance] = component(w, l, k, z.size(0));
    log_p.push_back(log_normal_by_hand(z, mean, log_variance));
  }
  return log_p;
}

/// E_q(y|x) of log p(z | y) and KL(y) of a point b, and q(y | x) = p(y | z), of densities that
/// log_components() has.
struct InClosedForm {
  std::vector<double> q_y;  // [K]
  double log_p_z = 0, kl_y = 0;

  InClosedForm(const std::vector<std::vector<double>>& log_p, size_t b) {
    double sum = 0;
    for (const auto& of_cluster : log_p) sum += std::exp(of_cluster[b]);
    for (const auto& of_cluster : log_p) {
      const double q = std::exp(of_cluster[b]) / sum;
      q_y.push_back(q);
      log_p_z += q * of_cluster[b];
      kl_y += q * std::log(q * static_cast<double>(log_p.size()));
    }
  }
};

// With q(y | x) = p(y | z) at the same draw, Σ_y q(y) log p(z, y) / q(y) is log p(z): the bound is
// that of a ladder with mixtures as p(z_l), whose clusters nothing infers.
TEST(Vlac, InClosedFormIsTheBoundOfAMixture) {
  constexpr int64_t B = 4, d = 2;
  auto options = gated_options({1, 3});
  options.posterior = "closed_form";
  const auto model = made<Vlac>(options, Parent{"x", kFeatures});
  torch::NoGradGuard no_grad;
  const auto x = bits(B, kFeatures);
  auto noise = make_generator(4), same_noise = make_generator(4);
  const auto e2 = draw_normals({B, d}, x, noise), e1 = draw_normals({B, d}, x, noise);
  const ByHand w{model->named_parameters()};
  const auto h1 = w.gated("q_h1.layer1", {{"x", x}});
  const auto h2 = w.gated("q_h2.layer1", {{"h1", h1}});
  const auto [m1, v1] = w.heads("q_z1_given_h1", {{"h1", h1}});
  const auto [m2, v2] = w.heads("q_z2_given_h2", {{"h2", h2}});
  const auto z1 = m1 + (v1 / 2).exp() * e1, z2 = m2 + (v2 / 2).exp() * e2;
  const auto f2 = w.gated("f2.layer1", {{"z2", z2}});
  const auto f1 = w.gated("p_x_given_z.trunk.layer1", {{"z1", z1}, {"f2", f2}});
  const auto log_p_x = log_bits_by_hand(x, w.join("p_x_given_z.logits", {{"hidden", f1}}));
  const auto none = torch::zeros({B, d}, torch::kFloat64);
  const auto kl_z1 = kl_by_hand(m1, v1, none, none);
  const auto log_q_z2 = log_normal_by_hand(z2, m2, v2);
  const auto log_p_z2 = log_components(w, "2", 3, z2);
  const auto elbo = model->bound(x, same_noise).elbo();
  for (size_t b = 0; b < B; ++b) {
    const double p_z2 =
        (std::exp(log_p_z2[0][b]) + std::exp(log_p_z2[1][b]) + std::exp(log_p_z2[2][b])) / 3;
    const double expected = log_p_x[b] - kl_z1[b] - log_q_z2[b] + std::log(p_z2);
    EXPECT_NEAR(elbo[static_cast<int64_t>(b)].item<double>(), expected, 1e-9);
  }
  EXPECT_FALSE(model->named_parameters().contains("q_y2_given_h2.logits.bias"));
}

// z2, and so q(y2 | x), is another for each y1.
TEST(Vlac, InClosedFormIsANestedSumOverTheClustersOfTwoLevels) {
  constexpr int64_t K1 = 2, K2 = 3, B = 3, d = 2;
  auto options = gated_options({K1, K2});
  options.posterior = "closed_form";
  const auto model = made<Vlac>(options, Parent{"x", kFeatures});
  torch::NoGradGuard no_grad;
  const auto x = bits(B, kFeatures);
  // The same noise, in the order of q.
  auto noise = make_generator(4), same_noise = make_generator(4);
  const auto e1 = draw_normals({B, d}, x, noise), e2 = draw_normals({K1, B, d}, x, noise);
  const ByHand w{model->named_parameters()};
  const auto h1 = w.gated("q_h1.layer1", {{"x", x}});
  const auto [m1, v1] = w.heads("q_z1_given_h1", {{"h1", h1}});
  const auto z1 = m1 + (v1 / 2).exp() * e1;
  const auto log_p_z1 = log_components(w, "1", K1, z1);
  std::vector<double> log_p_x(B), kl_z1 = log_normal_by_hand(z1, m1, v1), kl_z2(B), kl_y2(B),
                                  kl_y1(B);
  for (int64_t i = 0; i < K1; ++i) {
    const auto h2 = w.gated("q_h2.layer1", {{"h1", h1}, {"y1", all_in(i, K1, B)}});
    const auto [m2, v2] = w.heads("q_z2_given_h2", {{"h2", h2}});
    const auto z2 = m2 + (v2 / 2).exp() * e2[i];
    const auto log_q_z2 = log_normal_by_hand(z2, m2, v2);
    const auto log_p_z2 = log_components(w, "2", K2, z2);
    const auto f2 = w.gated("f2.layer1", {{"z2", z2}});
    const auto f1 = w.gated("p_x_given_z.trunk.layer1", {{"z1", z1}, {"f2", f2}});
    const auto log_bits = log_bits_by_hand(x, w.join("p_x_given_z.logits", {{"hidden", f1}}));
    for (size_t b = 0; b < B; ++b) {
      const InClosedForm first(log_p_z1, b), second(log_p_z2, b);
      const double q = first.q_y[static_cast<size_t>(i)];
      log_p_x[b] += q * log_bits[b];
      kl_z2[b] += q * (log_q_z2[b] - second.log_p_z);
      kl_y2[b] += q * second.kl_y;
      if (i > 0) continue;
      kl_z1[b] -= first.log_p_z;
      kl_y1[b] = first.kl_y;
    }
  }
  expect_terms(model->bound(x, same_noise), {{"log p(x|z)", log_p_x},
                                             {"KL(z1)", kl_z1},
                                             {"KL(z2)", kl_z2},
                                             {"KL(y2)", kl_y2},
                                             {"KL(y1)", kl_y1}});
}

TEST(Vlac, ClustersAreKnownOnTheLevelsAboveAndCodesAreNot) {
  const auto model = made<OpenVlac>(options_of({3, 3, 3}, {"5", "6", "7"}), {"x", kFeatures});
  const auto y1 = leaf({1, 5, 3}, 1), y2 = leaf({1, 5, 3}, 2), y3 = leaf({1, 5, 3}, 3);
  const auto z1 = leaf({5, 2}, 4), z2 = leaf({5, 2}, 5), z3 = leaf({5, 2}, 6);
  Replay q({{"y1", y1}, {"y2", y2}, {"y3", y3}, {"z1", z1}, {"z2", z2}, {"z3", z3}},
           torch::kFloat64);
  model->infer(q, bits(5, kFeatures));
  const auto mean = [&](const char* name) {
    return std::get<DiagonalGaussian>(q.at(name).distribution).mean();
  };
  // h_2 = g_2(h_1, y_1): whatever is read off h_2 depends on y_1.
  EXPECT_GT(influence(q.at("y2").clusters().log_probs().select(-1, 0), y1), 1e-3);
  EXPECT_GT(influence(mean("z2"), y1), 1e-3);
  EXPECT_GT(influence(mean("z3"), y1), 1e-4);  // through h_3 = g_3(h_2, y_2)
  EXPECT_GT(influence(mean("z2"), y2), 1e-3);
  EXPECT_GT(influence(mean("z3"), y2), 1e-3);
  // z_l knows the clusters i <= l, and no level another's code.
  EXPECT_EQ(influence(mean("z1"), y2), 0);
  EXPECT_EQ(influence(mean("z2"), y3), 0);
  for (const char* name : {"z1", "z2", "z3"}) {
    for (const auto& z : {z1, z2, z3}) EXPECT_EQ(influence(mean(name), z), 0) << name;
  }
}

TEST(Vlac, CodesReachTheDataFromLevelToLevel) {
  const auto model = made<OpenVlac>(options_of({1, 1, 1}, {"5", "6", "7"}), {"x", kFeatures});
  const auto z1 = leaf({5, 2}, 4), z2 = leaf({5, 2}, 5), z3 = leaf({5, 2}, 6);
  const auto generated = [&] {
    Replay p({{"x", bits(5, kFeatures)}, {"z1", z1}, {"z2", z2}, {"z3", z3}}, torch::kFloat64);
    model->generate(p);
    return p.p_x().mean();
  };
  for (const auto& z : {z1, z2, z3}) EXPECT_GT(influence(generated(), z), 1e-4);
  const auto cut = [&](const std::string& weight) {
    torch::NoGradGuard no_grad;
    model->named_parameters()[weight].zero_();
  };
  cut("f2.layer1.weight_f3");  // z̃_3 in z̃_2
  EXPECT_EQ(influence(generated(), z3), 0);
  EXPECT_GT(influence(generated(), z2), 1e-4);
  cut("p_x_given_z.trunk.layer1.weight_f2");  // z̃_2 in z̃_1
  EXPECT_EQ(influence(generated(), z2), 0);
  EXPECT_GT(influence(generated(), z1), 1e-4);
}

TEST(Vlac, MapsAreConvolvedOnTheWayThereAndBack) {
  auto options = options_of({1, 3, 2}, {"4c4s2p1 5c3p1", "6c2s2", "9 8"});
  options.likelihood = "discretised_logistic";
  options.estimator.kind = "gumbel";
  auto generator = make_generator(5);
  Vlac model(options, Parent{"x", 3 * 8 * 8, false, {3, 8, 8}}, generator);
  const auto weights = model.named_parameters();
  const auto sizes = [&](const char* name) { return weights[name].sizes().vec(); };
  using Sizes = std::vector<int64_t>;
  EXPECT_EQ(sizes("q_h2.layer1.weight_h1"), (Sizes{6, 5, 2, 2}));
  EXPECT_EQ(sizes("q_h3.layer1.weight_h2"), (Sizes{9, 24}));
  EXPECT_EQ(sizes("q_h3.layer1.weight_y2"), (Sizes{9, 3}));
  // z_2 and z̃_3 are maps as h_2 is, z_1 and z̃_2 as h_1.
  EXPECT_EQ(sizes("map_of_z2.layer1.weight_z2"), (Sizes{24, 2}));
  EXPECT_EQ(sizes("f3.layer3.weight_hidden"), (Sizes{24, 8}));
  EXPECT_EQ(sizes("f2.layer1.weight_z2"), (Sizes{5, 6, 2, 2}));
  EXPECT_EQ(sizes("f2.layer1.weight_f3"), (Sizes{5, 6, 2, 2}));
  EXPECT_EQ(sizes("p_x_given_z.trunk.layer1.weight_f2"), (Sizes{4, 5, 3, 3}));
  EXPECT_EQ(sizes("p_x_given_z.logits.weight_hidden"), (Sizes{3, 4, 4, 4}));

  const auto x = torch::rand({6, 192}, generator, torch::kFloat32).mul(255).round_().div_(255);
  const auto elbo = model.bound(x, generator).elbo();
  ASSERT_EQ(elbo.sizes(), (Sizes{6}));
  elbo.sum().backward();
  for (const auto& item : weights) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(torch::isfinite(item.value().grad()).all().item<bool>()) << item.key();
  }
  EXPECT_EQ(model.sample_means(4, {{"y2", torch::tensor(1)}}, generator).sizes(), (Sizes{4, 192}));
}

TEST(Vlac, LevelsFadeInFromTheTopDown) {
  auto options = options_of({1, 2, 1}, {"5", "6", "7"});
  options.fade_in = 2;
  const auto model = made<OpenVlac>(options, {"x", kFeatures});
  const auto z = [](uint64_t seed) { return leaf({1, 2}, seed); };
  const auto share_of = [&](int64_t epoch) {  // of z1, z2, z3, in x
    model->begin_epoch(epoch);
    std::vector<double> shares;
    const Replay::Values values = {{"y2", torch::tensor({0})},
                                   {"z1", z(1)},
                                   {"z2", z(2)},
                                   {"z3", z(3)},
                                   {"x", bits(1, kFeatures)}};
    Replay p(values, torch::kFloat64);
    model->generate(p);
    for (const char* name : {"z1", "z2", "z3"}) {
      shares.push_back(influence(p.p_x().mean(), values.at(name)));
    }
    return shares;
  };
  for (const int64_t epoch : {0, 1, 2, 3, 4, 5, 6}) {
    const auto shares = share_of(epoch);
    EXPECT_EQ(shares[0] > 0, epoch >= 4) << epoch;
    EXPECT_EQ(shares[1] > 0, epoch >= 2) << epoch;
    EXPECT_GT(shares[2], 0) << epoch;
  }
  const auto presence = [&](int64_t epoch) {
    model->begin_epoch(epoch);
    return model->named_buffers()["presence"].clone();
  };
  EXPECT_TRUE(presence(2).equal(torch::tensor({0.0, 0.5, 1.0}, torch::kFloat64)));
  EXPECT_TRUE(presence(4).equal(torch::tensor({0.5, 1.0, 1.0}, torch::kFloat64)));
  EXPECT_TRUE(presence(9).equal(torch::ones({3}, torch::kFloat64)));
}

TEST(Vlac, IsStartedOnTheLevelOfItsClusters) {
  const auto model = made<Vlac>(options_of({3, 4, 3}, {"5", "6", "7"}), {"x", kFeatures});
  const auto weights = model->named_parameters();
  const auto before = weights["p_z1_given_y1.mean"].clone();
  const auto mean = torch::arange(8, torch::kFloat64).view({4, 2});
  model->start_clusters("y2", {torch::ones({4}), {}, mean, torch::ones({4, 2}, torch::kFloat64)});
  EXPECT_TRUE(torch::equal(weights["p_z2_given_y2.mean"], mean));
  EXPECT_TRUE(torch::equal(weights["p_z1_given_y1.mean"], before));
  auto generator = make_generator(1);
  const auto x = bits(5, kFeatures);
  const auto y = torch::tensor({0, 1, 2, 3, 0});
  // q(z2 | x, y2), which is not q(z1 | x).
  auto again = make_generator(1);
  const auto mean_at = [&](const torch::Tensor& y2, Generator& noise) {
    return model->layer_posterior("y2", x, {{"y2", y2}}, noise).mean();
  };
  EXPECT_GT((mean_at(y, generator) - mean_at((y + 1) % 4, again)).abs().min().item<double>(), 1e-6);
}

TEST(Vlac, OfAClusterVariesItsLevelAloneIfTheOthersAreAtOneDraw) {
  const auto model = made<OpenVlac>(options_of({3, 1, 4}, {"5", "6", "7"}), {"x", kFeatures});
  torch::NoGradGuard no_grad;
  auto generator = make_generator(6);
  const Given third = {{"y3", torch::tensor(2)}};
  Given given = model->others_at_one_draw(third, generator);
  std::vector<std::string> names;
  for (const auto& [name, value] : given) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"y1", "z1", "z2"}));
  given.insert(third.begin(), third.end());
  const auto spread = [](const torch::Tensor& means) { return means.std(0).max().item<double>(); };
  EXPECT_GT(spread(model->sample_means(50, given, generator)), 1e-3);
  given["z3"] = torch::zeros({1}, torch::kFloat64);
  EXPECT_LT(spread(model->sample_means(50, given, generator)), 1e-12);
}

TEST(Vlac, SaysWhichListIsOfAnotherLength) {
  const auto refused = [](const std::function<void(VlacOptions&)>& change) {
    VlacOptions options;
    change(options);
    try {
      options.validate();
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(refused([](auto& options) {
              options.clusters = {1, 5, 1};
            }),
            "model.clusters is of 3 levels and model.latents of 2; give one for each level");
  EXPECT_EQ(refused([](auto& options) { options.trunk.layers = {"500"}; }),
            "model.layers is of 1 levels and model.latents of 2; give one for each level");
  EXPECT_NE(refused([](auto& options) {
              options.trunk.layers = {"500", " "};
            }).find("layers"),
            std::string::npos);
  EXPECT_NE(refused([](auto& options) {
              options.trunk.layers = {"8", "9 4c3"};
            }).find("4c3"),
            std::string::npos);
  EXPECT_NE(refused([](auto& options) {
              options.clusters = {1, 0};
            }).find("clusters has 0; each must be at least 1"),
            std::string::npos);
}

}  // namespace
}  // namespace clade
