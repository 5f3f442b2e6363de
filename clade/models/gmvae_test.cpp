#include "clade/models/gmvae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr int64_t kLatent = 3, kStyle = 2, kFeatures = 4;

Gmvae small_gmvae(int64_t clusters, const std::string& bound = "published") {
  GmvaeOptions options;
  options.clusters = clusters;
  options.latent = kLatent;
  options.latent_w = kStyle;
  options.trunk = {"dense", {"5"}, "tanh", false};
  options.prior_layers = {4};
  options.bound = bound;
  auto generator = make_generator(1);
  Gmvae model(options, Parent{"x", kFeatures}, generator);
  disturb(model, generator);
  return model;
}

torch::Tensor bits_of(int64_t points) {
  auto generator = make_generator(3);
  return torch::empty({points, kFeatures}, torch::kFloat64).bernoulli_(0.5, generator);
}

double farthest(const torch::Tensor& t) {
  return t.abs().max().item<double>();
}

/// The networks of a small model, from its weights alone. Log-variances of weights so small are
/// never clamped.
class Networks {
 public:
  using Gaussian = std::pair<torch::Tensor, torch::Tensor>;  // means and log-variances

  explicit Networks(const Gmvae& model) : weights_{model.named_parameters()} {}

  Gaussian q(const std::string& latent, const torch::Tensor& x) const {  // [B, d]
    const auto h = weights_.join("hidden_given_x.layer1", {{"x", x}}).tanh();
    const std::string net = "q_" + latent + "_given_x";
    return {weights_.join(net + ".mean", {{"hidden", h}}),
            weights_.join(net + ".log_variance", {{"hidden", h}})};
  }

  /// p(z | w, y_k), the k-th stream of each of the two outputs.
  Gaussian p_z(const torch::Tensor& w, int64_t k) const {  // [B, d]
    const auto h = weights_.join("p_z_given_w.trunk.layer1", {{"w", w}}).tanh();
    const auto stream = [&](const std::string& head) {
      return weights_.join("p_z_given_w." + head, {{"hidden", h}})
          .slice(-1, k * kLatent, (k + 1) * kLatent);
    };
    return {stream("mean"), stream("log_variance")};
  }

  /// p(y_k | z, w), of densities without what they share, [B, K].
  torch::Tensor p_y(const torch::Tensor& z, const torch::Tensor& w, int64_t clusters) const {
    std::vector<torch::Tensor> p;
    for (int64_t k = 0; k < clusters; ++k) {
      const auto [mean, log_variance] = p_z(w, k);
      const auto squares = (z - mean).square() / log_variance.exp();
      p.push_back((-0.5 * (squares + log_variance).sum(-1)).exp());
    }
    const auto all = torch::stack(p, -1);
    return all / all.sum(-1, true);
  }

  std::vector<double> log_p_x(const torch::Tensor& x, const torch::Tensor& z) const {
    const auto h = weights_.join("p_x_given_z.trunk.layer1", {{"z", z}}).tanh();
    return log_bits_by_hand(x, weights_.join("p_x_given_z.logits", {{"hidden", h}}));
  }

 private:
  ByHand weights_;
};

/// w and z drawn from q, and what they are drawn from.
struct Draws {
  Networks::Gaussian q_w, q_z;
  torch::Tensor w, z;  // [B, d]
};

Draws draws_of(const Networks& nets, const torch::Tensor& x, Generator& noise) {
  Draws drawn{nets.q("w", x), nets.q("z", x), {}, {}};
  const auto of = [&](const Networks::Gaussian& q) {
    return q.first + (q.second / 2).exp() * draw_normals(q.first.sizes(), x, noise);
  };
  drawn.w = of(drawn.q_w);  // in the order of q(w|x) q(z|x)
  drawn.z = of(drawn.q_z);
  return drawn;
}

TEST(Gmvae, TermsAreThoseOfThePaperWrittenByHand) {
  constexpr int64_t K = 3, B = 2;
  Gmvae model = small_gmvae(K);
  torch::NoGradGuard no_grad;
  const auto x = bits_of(B);
  const Networks nets(model);
  // The same noise, in the order of q(w|x) q(z|x).
  auto noise = make_generator(2);
  const auto [q_w, q_z, w, z] = draws_of(nets, x, noise);
  const auto& [w_mean, w_log_variance] = q_w;
  const auto& [z_mean, z_log_variance] = q_z;

  const auto p_y = nets.p_y(z, w, K);
  const auto log_q_z = log_normal_by_hand(z, z_mean, z_log_variance);
  const auto none = torch::zeros_like(w_mean);
  const auto kl_w = kl_by_hand(w_mean, w_log_variance, none, none);
  std::vector<double> kl_y(B), kl_z(B), kl_z_of_draw(B), log_p_z(B);
  for (int64_t k = 0; k < K; ++k) {
    const auto [mean, log_variance] = nets.p_z(w, k);
    const auto closed = kl_by_hand(z_mean, z_log_variance, mean, log_variance);
    const auto log_p = log_normal_by_hand(z, mean, log_variance);
    for (size_t b = 0; b < B; ++b) {
      const double p = p_y[static_cast<int64_t>(b)][k].item<double>();
      kl_y[b] += p * std::log(p * K);
      kl_z[b] += p * closed[b];
      kl_z_of_draw[b] += p * (log_q_z[b] - log_p[b]);
      log_p_z[b] += std::exp(log_p[b]) / K;
    }
  }
  const auto log_p_x = nets.log_p_x(x, z);
  const auto bound_of = [&](bool training) {
    model.train(training);
    auto generator = make_generator(2);
    return model.bound(x, generator);
  };
  // Eq. 4 in training; the evidence lower bound elsewhere.
  expect_terms(bound_of(true),
               {{"log p(x|z)", log_p_x}, {"KL(z)", kl_z}, {"KL(y)", kl_y}, {"KL(w)", kl_w}});
  const Bound tight = bound_of(false);
  expect_terms(
      tight, {{"log p(x|z)", log_p_x}, {"KL(z)", kl_z_of_draw}, {"KL(y)", kl_y}, {"KL(w)", kl_w}});
  // KL(z) + KL(y) of a draw is log q(z|x) − log p(z|w), the cluster summed inside.
  for (size_t b = 0; b < B; ++b) {
    const double summed = log_p_x[b] - (log_q_z[b] - std::log(log_p_z[b])) - kl_w[b];
    EXPECT_NEAR(tight.elbo()[static_cast<int64_t>(b)].item<double>(), summed, 1e-9);
  }
}

TEST(Gmvae, TrainsOnTheTightBoundIfToldTo) {
  Gmvae model = small_gmvae(3, "tight");
  const auto x = bits_of(5);
  const auto bound_of = [&](bool training) {
    model.train(training);
    auto generator = make_generator(2);
    return model.bound(x, generator).elbo();
  };
  EXPECT_TRUE(torch::equal(bound_of(true), bound_of(false)));
  auto generator = make_generator(2);
  EXPECT_FALSE(torch::allclose(model.looser_bound(x, generator)->elbo(), bound_of(true)));
}

TEST(Gmvae, Equation4IsLooserByTheDivergenceBetweenClustersOfTwoDraws) {
  constexpr int64_t K = 3, kDraws = 100000;
  Gmvae model = small_gmvae(K);
  model.eval();
  torch::NoGradGuard no_grad;
  const auto x = bits_of(1), copies = x.expand({kDraws, kFeatures});
  auto a = make_generator(5), b = make_generator(5), generator = make_generator(6);
  const auto tight = model.bound(copies, a).elbo();
  const auto looser = model.looser_bound(copies, b)->elbo();
  // E_{w, z, z'} KL(p(y|z',w) ‖ p(y|z,w)), z and z' apart.
  const Networks nets(model);
  const auto draw = [&](const std::string& latent) {
    const auto [mean, log_variance] = nets.q(latent, copies);
    return mean + (log_variance / 2).exp() * torch::randn(mean.sizes(), generator, mean.options());
  };
  const auto w = draw("w");
  const auto p = nets.p_y(draw("z"), w, K), other = nets.p_y(draw("z"), w, K);
  const auto kl = (other * (other / p).log()).sum(-1);
  const double gap = kl.mean().item<double>();
  EXPECT_GT(gap, 0.1);  // else this tests nothing
  EXPECT_NEAR((tight - looser).mean().item<double>(), gap, 0.03 * gap);
}

TEST(Gmvae, OneDrawAndTenAgreeInExpectation) {
  Gmvae model = small_gmvae(3);  // on eq. 4, as it trains
  torch::NoGradGuard no_grad;
  const auto x = bits_of(3);
  auto generator = make_generator(6);
  constexpr int64_t kRounds = 2000;
  std::map<std::string, torch::Tensor> one, ten;
  for (int64_t round = 0; round < kRounds; ++round) {
    const auto add = [&](auto& sums, const Bound& bound) {
      for (const Term& term : bound.terms) {
        const auto mean = (term.value.dim() > 1 ? term.value.mean(0) : term.value) / kRounds;
        sums[term.name] = sums.count(term.name) > 0 ? sums[term.name] + mean : mean;
      }
    };
    const Bound of_ten = model.bound(x, generator, 10);
    ASSERT_EQ(of_ten.elbo().sizes(), (std::vector<int64_t>{10, 3}));
    add(ten, of_ten);
    add(one, model.bound(x, generator));
  }
  ASSERT_EQ(one.size(), 4u);
  for (const auto& [name, value] : one) {
    EXPECT_LT(farthest(value - ten[name]) / (1 + farthest(value)), 0.05) << name;
  }
}

// Whichever y is drawn from p(y|z,w), p(z|w,y) p(y) / p(y|z,w) is p(z|w): it can be trained on
// importance weights as it is.
TEST(Gmvae, AWeightAndItsGradientAreTheSameWhicheverClusterIsDrawn) {
  Gmvae model = small_gmvae(3);
  model.train();
  const auto x = bits_of(2);
  const auto gradients_of = [&](bool sum_clusters) {
    model.zero_grad();
    auto generator = make_generator(2);
    const auto log_w = model.log_weights(x, {.sum_clusters = sum_clusters})(5, generator).elbo();
    torch::logsumexp(log_w, 0).sum().backward();
    std::vector<torch::Tensor> all = {log_w.detach().flatten()};
    for (const auto& parameter : model.parameters()) all.push_back(parameter.grad().flatten());
    return torch::cat(all);
  };
  const auto drawn = gradients_of(false), summed = gradients_of(true);
  EXPECT_TRUE(drawn.allclose(summed, 1e-9, 1e-9)) << (drawn - summed).abs().max();
  EXPECT_GT(summed.abs().max().item<double>(), 0.1);
}

TEST(Gmvae, GuidedBoundIsThatOfItsResponsibilitiesWrittenByHand) {
  constexpr int64_t K = 3, B = 6;
  Gmvae model = small_gmvae(K);
  torch::NoGradGuard no_grad;
  const auto x = bits_of(B), r = soft_responsibilities(B, K);
  auto generator = make_generator(4), noise = make_generator(4);
  const Networks nets(model);
  // y is drawn first, of what it is told; then w and z.
  const auto y = draw_by_hand(r, noise);
  const auto [q_w, q_z, w, z] = draws_of(nets, x, noise);
  std::vector<torch::Tensor> mean, log_variance;  // of p(z | w, y)
  for (int64_t b = 0; b < B; ++b) {
    const auto of_y = nets.p_z(w[b], y[b].item<int64_t>());
    mean.push_back(of_y.first);
    log_variance.push_back(of_y.second);
  }
  const auto none = torch::zeros_like(w);
  expect_terms(
      model.guided_bound(x, {{"y", r}}, generator),
      {{"log p(x|z)", nets.log_p_x(x, z)},
       {"KL(z)", kl_by_hand(q_z.first, q_z.second, torch::stack(mean), torch::stack(log_variance))},
       {"KL(y)", difference(std::vector<double>(B, std::log(3.0)), cross_entropy_by_hand(r, r))},
       {"KL(w)", kl_by_hand(q_w.first, q_w.second, none, none)},
       {"hold", cross_entropy_by_hand(r, nets.p_y(z, w, K))}});
}

TEST(Gmvae, HeldBoundIsTheOneThatTrainingDescends) {
  constexpr int64_t K = 3;
  const auto x = bits_of(4);
  const auto r = torch::full({4, K}, 1.0 / K, torch::kFloat64);
  for (const char* bound : {"published", "tight"}) {
    Gmvae model = small_gmvae(K, bound);
    for (const bool training : {true, false}) {
      model.train(training);
      auto a = make_generator(5), b = make_generator(5);
      const Bound held = model.guided_bound(x, {{"y", r}}, a, /*samples=*/0, Guidance::held);
      EXPECT_TRUE(torch::equal(held.elbo(), model.bound(x, b).elbo())) << bound << training;
    }
  }
}

TEST(Gmvae, OneClusterIsAVaeWithTwoLatents) {
  constexpr int64_t B = 3;
  Gmvae model = small_gmvae(1);
  torch::NoGradGuard no_grad;
  const auto x = bits_of(B);
  const Networks nets(model);
  auto noise = make_generator(2);
  const auto [q_w, q_z, w, z] = draws_of(nets, x, noise);
  const auto& [w_mean, w_log_variance] = q_w;
  const auto& [z_mean, z_log_variance] = q_z;
  const auto [mean, log_variance] = nets.p_z(w, 0);
  const auto none = torch::zeros_like(w_mean);
  auto generator = make_generator(2);
  expect_terms(model.bound(x, generator),
               {{"log p(x|z)", nets.log_p_x(x, z)},
                {"KL(z)", kl_by_hand(z_mean, z_log_variance, mean, log_variance)},
                {"KL(y)", std::vector<double>(B)},
                {"KL(w)", kl_by_hand(w_mean, w_log_variance, none, none)}});
  // With one cluster there is no other draw for it to follow.
  model.eval();
  auto a = make_generator(8), b = make_generator(8);
  const auto many = x.repeat({100000, 1});
  EXPECT_NEAR(model.bound(many, a).elbo().mean().item<double>(),
              model.looser_bound(many, b)->elbo().mean().item<double>(), 0.02);
}

TEST(Gmvae, GeneratesOfAClusterAndAStyleWhatTheirComponentSays) {
  Gmvae model = small_gmvae(3);
  model.eval();
  torch::NoGradGuard no_grad;
  const Networks nets(model);
  const auto w = torch::tensor({{0.5, -1.0}}, torch::kFloat64);
  auto generator = make_generator(9);
  constexpr int64_t kDraws = 50000;
  const auto found =
      model.sample_means(kDraws, {{"y", torch::tensor(2)}, {"w", w}}, generator).mean(0);
  const auto [mean, log_variance] = nets.p_z(w, 2);
  const auto z =
      mean + (log_variance / 2).exp() * torch::randn({kDraws, kLatent}, generator, mean.options());
  const auto expected = model.sample_means(kDraws, {{"z", z}}, generator).mean(0);
  const auto of_another =
      model.sample_means(kDraws, {{"y", torch::tensor(0)}, {"w", w}}, generator).mean(0);
  EXPECT_LT(farthest(found - expected), 0.01);
  EXPECT_GT(farthest(found - of_another), 0.05);
}

TEST(Gmvae, StartsWithComponentsOfTheMomentsItIsGiven) {
  const auto model = std::make_shared<Gmvae>(small_gmvae(3));
  model->eval();
  torch::NoGradGuard no_grad;
  auto generator = make_generator(10);
  const auto like = torch::kFloat64;
  const auto mean = torch::randn({3, kLatent}, generator, like);
  const auto variance = torch::rand({3, kLatent}, generator, like) + 0.2;
  const Networks before(small_gmvae(3)), after(*model);
  model->start_clusters(
      "y", {torch::tensor({4.0, 0.0, 2.0}), torch::zeros({3, kFeatures}), mean, variance});
  const auto w = torch::tensor({{0.7, -0.3}}, like), zero = torch::zeros({1, kStyle}, like);
  for (const int64_t k : {0, 2}) {
    const auto [found, log_variance] = after.p_z(zero, k);
    EXPECT_LT(farthest(found - mean[k]), 1e-12);
    EXPECT_LT(farthest(log_variance.exp() - variance[k]), 1e-12);
    // What w makes of them is as it was.
    const auto moved = after.p_z(w, k).first - found;
    EXPECT_LT(farthest(moved - (before.p_z(w, k).first - before.p_z(zero, k).first)), 1e-12);
  }
  EXPECT_LT(farthest(after.p_z(w, 1).first - before.p_z(w, 1).first), 1e-12);  // held no point
}

/// The sizes of all weights of a network but its normalisations, in order.
std::vector<std::vector<int64_t>> sizes_of(const Model& model, const std::string& network) {
  std::vector<std::vector<int64_t>> sizes;
  for (const auto& item : model.named_parameters()) {
    const bool weight = item.key().find(".weight_") != std::string::npos;
    if (weight && item.key().rfind(network, 0) == 0) sizes.push_back(item.value().sizes().vec());
  }
  return sizes;
}

TEST(Gmvae, NetworksOfImagesAreThoseOfTheAppendix) {
  using Sizes = std::vector<std::vector<int64_t>>;
  GmvaeOptions options;
  options.trunk.layers = {"16c6", "32c6", "64c4s2p1", "500"};
  auto generator = make_generator(11);
  const Gmvae mnist(options, data_parent({28, 28}), generator);
  EXPECT_EQ(sizes_of(mnist, "hidden_given_x"),
            (Sizes{{16, 1, 6, 6}, {32, 16, 6, 6}, {64, 32, 4, 4}, {500, 64 * 9 * 9}}));
  EXPECT_EQ(sizes_of(mnist, "q_w_given_x"), (Sizes{{150, 500}, {150, 500}}));
  EXPECT_EQ(sizes_of(mnist, "q_z_given_x"), (Sizes{{200, 500}, {200, 500}}));
  EXPECT_EQ(sizes_of(mnist, "p_z_given_w"), (Sizes{{500, 150}, {2000, 500}, {2000, 500}}));
  // From 500 units to a map of 64 channels, and back through windows of the same sizes.
  EXPECT_EQ(sizes_of(mnist, "p_x_given_z"),
            (Sizes{{500, 200}, {64 * 9 * 9, 500}, {32, 64, 4, 4}, {16, 32, 6, 6}, {1, 16, 6, 6}}));

  options.trunk.layers = {"64c4s2p1", "128c4s2p1", "256c4s2p1", "500"};
  const Gmvae svhn(options, data_parent({32, 32, 3}), generator);
  EXPECT_EQ(sizes_of(svhn, "hidden_given_x"),
            (Sizes{{64, 3, 4, 4}, {128, 64, 4, 4}, {256, 128, 4, 4}, {500, 256 * 4 * 4}}));
  EXPECT_EQ(
      sizes_of(svhn, "p_x_given_z"),
      (Sizes{{500, 200}, {256 * 4 * 4, 500}, {128, 256, 4, 4}, {64, 128, 4, 4}, {3, 64, 4, 4}}));
}

}  // namespace
}  // namespace clade
