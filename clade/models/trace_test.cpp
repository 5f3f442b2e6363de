// What Model derives from two programs, on programs small enough to check by integration.
#include "clade/models/trace.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/models/model.h"
#include "clade/nets/batch_norm.h"

namespace clade {
namespace {

DiagonalGaussian gaussian(const torch::Tensor& mean, double variance) {
  return {mean, torch::full({1}, std::log(variance))};
}

/// p(b) p(a | b) p(x | a, b), with q(a) q(b) inferred in either order.
class TwoLayers : public Model {
 public:
  explicit TwoLayers(bool a_first) : a_first_(a_first) {}

 protected:
  void infer(Trace& q, const torch::Tensor& x) override {
    const auto a = [&] { q.latent("a", gaussian(0.5 * x, 0.4)); };
    if (a_first_) a();
    q.latent("b", gaussian(x - 0.2, 0.3));
    if (!a_first_) a();
  }
  void generate(Trace& p) override {
    const auto b = p.latent("b", StandardNormal{1});
    const auto a = p.latent("a", gaussian(b, 0.7));
    p.data("x|a,b", std::make_unique<DiagonalGaussian>(gaussian(a + b, 1)));
  }

 private:
  bool a_first_;
};

const torch::Tensor kX = torch::tensor({{0.4f}, {-1.0f}});

double kl_by_formula(double m, double v, double pm, double pv) {
  return 0.5 * (std::log(pv / v) + (v + (m - pm) * (m - pm)) / pv - 1);
}

TEST(Posterior, WeighsTheStatisticsOfBatchNormsByItsClusters) {
  constexpr int64_t K = 3, B = 5;
  auto generator = make_generator(1);
  const Categorical q_y(torch::empty({B, K}).normal_(0, 2, generator));
  const auto rows = torch::empty({K, B, 2}).normal_(1, 2, generator);
  const auto weights = q_y.probs().t().unsqueeze(2);  // [K, B, 1]
  const auto weighed = (weights * rows).flatten(0, 1).sum(0) / B;
  const auto alike = rows.flatten(0, 1).mean(0);
  BatchNorm norm(2);
  const auto mean = [&] {  // of a batch's own statistics, what the running ones move to
    norm->named_buffers()["running_mean"].zero_();
    activate({rows}, {}, Activation::identity, torch::kFloat32, norm->normalisation());
    return norm->named_buffers()["running_mean"] / 0.1;
  };
  for (const bool weigh : {true, false}) {
    EstimatorOptions options;
    options.weigh_statistics = weigh;
    const Estimator estimator(options);
    Posterior q(Clusters::estimated, estimator, 0, generator, torch::kFloat32);
    EXPECT_TRUE(torch::allclose(mean(), alike, 1e-4, 1e-5));  // no cluster is stated yet
    q.cluster("y", q_y);
    EXPECT_TRUE(torch::allclose(mean(), weigh ? weighed : alike, 1e-4, 1e-5));
  }
  EXPECT_TRUE(torch::allclose(mean(), alike, 1e-4, 1e-5));  // and nothing is left behind
  EXPECT_FALSE(torch::allclose(weighed, alike, 1e-2, 1e-2));
}

TEST(Posterior, WeighsThemByTheProductOfClustersWithinClusters) {
  constexpr int64_t K1 = 3, K2 = 2, B = 5;
  auto generator = make_generator(2);
  const Categorical q_y1(torch::empty({B, K1}).normal_(0, 2, generator));
  const Categorical q_y2(torch::empty({K1, B, K2}).normal_(0, 2, generator));  // of each y1
  const auto rows = torch::empty({K2, K1, B, 2}).normal_(1, 2, generator);
  const auto weights = q_y2.probs().permute({2, 0, 1}) * q_y1.probs().t();  // [K2, K1, B]
  const auto weighed = (weights.unsqueeze(3) * rows).flatten(0, 2).sum(0) / B;
  EstimatorOptions options;
  options.weigh_statistics = true;
  const Estimator estimator(options);
  Posterior q(Clusters::estimated, estimator, 0, generator, torch::kFloat32);
  q.cluster("y1", q_y1);
  q.cluster("y2", q_y2);
  BatchNorm norm(2);
  activate({rows}, {}, Activation::identity, torch::kFloat32, norm->normalisation());
  const auto mean = norm->named_buffers()["running_mean"] / 0.1;
  EXPECT_TRUE(torch::allclose(mean, weighed, 1e-4, 1e-5)) << mean << weighed;
}

TEST(ClosedForm, IsTakenIfAllThatIsGeneratedBeforeWasInferredBefore) {
  // q(a) knows nothing of b, so the term KL(a) has the same mean in either order: an integral over
  // b of the closed form, E_b KL(q(a) ‖ p(a | b)).
  for (const bool a_first : {false, true}) {
    TwoLayers model(a_first);
    auto generator = make_generator(1);
    const Bound one = model.bound(kX, generator);
    const Bound other = model.bound(kX, generator);
    ASSERT_EQ(one.terms[1].name, "KL(a)");
    ASSERT_EQ(one.terms[2].name, "KL(b)");
    // Nothing is generated before b: closed, and no draw has a part in it.
    EXPECT_TRUE(torch::equal(one.terms[2].value, other.terms[2].value));
    EXPECT_NEAR(one.terms[2].value[0].item<double>(), kl_by_formula(0.2, 0.3, 0, 1), 1e-6);

    const auto many = model.bound(kX, generator, 400000).terms[1].value;  // [M, B]
    const double expected = kl_by_formula(0.2, 0.4, 0.2, 0.7) + 0.5 * 0.3 / 0.7;
    EXPECT_NEAR(many.select(1, 0).mean().item<double>(), expected, 0.01);
    // The closed form is a square in b alone, Var = ½ (0.3 / 0.7)²; a draw of a adds its own.
    const double spread = many.select(1, 0).var().item<double>();
    if (a_first) {
      EXPECT_GT(spread, 0.2);
    } else {
      EXPECT_NEAR(spread, 0.5 * (0.3 / 0.7) * (0.3 / 0.7), 0.01);
    }
  }
}

TEST(Generations, HoldALatentAndDrawTheOthersGivenIt) {
  TwoLayers model(true);
  auto generator = make_generator(2);
  const auto at = [&](const Given& given) {
    return model.sample_means(200000, given, generator).squeeze(1);  // a + b
  };
  const auto b_held = at({{"b", torch::tensor(2.0)}});
  EXPECT_NEAR(b_held.mean().item<double>(), 4, 0.02);  // a ~ N(2, 0.7)
  EXPECT_NEAR(b_held.var().item<double>(), 0.7, 0.02);
  const auto grid = model.sample_means(
      3, {{"a", torch::zeros({1})}, {"b", torch::tensor({{1.0}, {2.0}, {3.0}})}}, generator);
  EXPECT_TRUE(torch::equal(grid, torch::tensor({{1.0f}, {2.0f}, {3.0f}})));
  EXPECT_THROW(at({{"c", torch::tensor(0.0)}}), Error);
}

/// p(z) p(y | z) p(x | z): a cluster below a continuous latent.
class ClusterBelow : public Model {
 public:
  ClusterBelow() : Model({{"y", 2}}) {}

 protected:
  void infer(Trace& q, const torch::Tensor& x) override {
    const auto z = q.latent("z", gaussian(x, 0.5));
    q.cluster("y", Categorical(torch::cat(std::vector<torch::Tensor>{-z, z}, -1)));
  }
  void generate(Trace& p) override {
    const auto z = p.latent("z", StandardNormal{1});
    p.cluster("y", Categorical(torch::cat(std::vector<torch::Tensor>{-2 * z, 2 * z}, -1)));
    p.data("x|z", std::make_unique<DiagonalGaussian>(gaussian(z, 1)));
  }
};

TEST(Generations, AreConditionedOnAClusterThatIsGeneratedLater) {
  ClusterBelow model;
  auto generator = make_generator(3);
  double expected = 0, mass = 0;  // E[z | y = 1] by integration
  for (double z = -8; z < 8; z += 0.01) {
    const double joint = std::exp(-z * z / 2) / (1 + std::exp(-4 * z));
    expected += z * joint;
    mass += joint;
  }
  const auto z = model.sample_means(20000, model.given_cluster(1), generator);
  EXPECT_NEAR(z.mean().item<double>(), expected / mass, 0.03);
  EXPECT_NEAR(model.cluster_weights(0, generator)[1].item<double>(), 0.5, 0.02);
  EXPECT_THROW(model.sample_means(3, model.given_cluster(2), generator), Error);
}

/// A model of clusters alone, p(y3) p(y2 | y3) p(y1 | y2, y3) p(x | y3): x shows y3.
class Chain : public Model {
 public:
  Chain() : Model({{"y1", 2}, {"y2", 2}, {"y3", 2}}) {}

 protected:
  void infer(Trace& q, const torch::Tensor& x) override {
    const auto y1 = q.cluster("y1", Categorical(torch::cat({x, -x}, 1)));
    const auto y2 = q.cluster("y2", Categorical(torch::cat({x, 2 * x}, 1) * y1.unsqueeze(-1)));
    q.cluster("y3", Categorical(torch::cat({-x, x}, 1) * (y2 - y1).unsqueeze(-1)));
  }
  void generate(Trace& p) override {
    const auto y3 = p.cluster("y3", Categorical(p_y3.log()));
    const auto y2 = p.cluster("y2", Categorical(p_y2.log().index({y3})));
    p.cluster("y1", Categorical(p_y1.log().index({y3, y2})));
    const auto mean = y3.to(torch::kFloat32).unsqueeze(-1);
    p.data("x|y3", std::make_unique<DiagonalGaussian>(mean, torch::zeros_like(mean)));
  }

 private:
  const torch::Tensor p_y3 = torch::tensor({0.6f, 0.4f});
  const torch::Tensor p_y2 = torch::tensor({0.9f, 0.1f, 0.3f, 0.7f}).view({2, 2});  // [y3, y2]
  const torch::Tensor p_y1 =                                                        // [y3, y2, y1]
      torch::tensor({0.8f, 0.2f, 0.9f, 0.1f, 0.1f, 0.9f, 0.2f, 0.8f}).view({2, 2, 2});
};

TEST(SummedClusters, GiveTheLikelihoodOfAModelOfClustersAlone) {
  Chain model;
  model.eval();
  const auto x = torch::tensor({-1.0f, 0.3f, 2.0f}).unsqueeze(1);
  auto generator = make_generator(9);
  const auto found = model.log_weights(x, {.sum_clusters = true})(2, generator).elbo();  // [2, 3]
  const auto density = [&](double mean) {
    return ((x - mean).square() / -2).exp().squeeze(1) / std::sqrt(2 * M_PI);
  };
  const auto expected = (0.6 * density(0) + 0.4 * density(1)).log();
  ASSERT_EQ(found.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(torch::allclose(found, expected.expand({2, 3}), 1e-5, 1e-5)) << found << expected;
}

TEST(Generations, AreConditionedOnAllClustersHeld) {
  Chain model;
  auto generator = make_generator(10);
  const Given given = {{"y2", torch::tensor(1)}, {"y1", torch::tensor(0)}};
  const double found = model.sample_means(20000, given, generator).mean().item<double>();
  const double first = 0.6 * 0.1 * 0.9, second = 0.4 * 0.7 * 0.2;
  EXPECT_NEAR(found, second / (first + second), 0.015);
}

TEST(ClusterProbabilities, AreAveragesOverWhatIsInferredBefore) {
  ClusterBelow model;
  auto generator = make_generator(4);
  const auto x = torch::full({4000, 1}, 0.3);
  const auto q_y = model.cluster_probabilities(x, generator).front();  // [B, 2], 100 draws each
  double expected = 0, mass = 0;  // E_z σ(2z), z ~ N(0.3, 0.5)
  for (double z = -6; z < 6; z += 0.01) {
    const double density = std::exp(-(z - 0.3) * (z - 0.3));
    expected += density / (1 + std::exp(-2 * z));
    mass += density;
  }
  EXPECT_NEAR(q_y.select(1, 1).mean().item<double>(), expected / mass, 0.003);
}

TEST(Latents, AreListedFromTheTop) {
  ClusterBelow model;
  const auto& latents = model.latents();
  ASSERT_EQ(latents.size(), 2u);
  EXPECT_EQ(latents[0].name, "z");
  EXPECT_FALSE(latents[0].is_cluster);
  EXPECT_EQ(latents[0].size, 1);
  EXPECT_EQ(latents[1].name, "y");
  EXPECT_TRUE(latents[1].is_cluster);
  EXPECT_EQ(latents[1].size, 2);
}

struct Half : torch::nn::Module {
  DiagonalGaussian given(const std::vector<torch::Tensor>& parents) {
    return gaussian(parents.front(), 0.5);
  }
};

TEST(Once, ComputesWhatDependsOnXAloneAtTheFirstDraw) {
  struct CountingImpl : torch::nn::Module {
    int calls = 0;
    DiagonalGaussian given(const std::vector<torch::Tensor>& parents) {
      ++calls;
      return gaussian(parents.front(), 0.5);
    }
  };
  struct Counted : Model {
    Net<CountingImpl> q_z_given_x{std::make_shared<CountingImpl>()};
    void infer(Trace& q, const torch::Tensor& x) override { q.latent("z", q.once(q_z_given_x, x)); }
    void generate(Trace& p) override {
      const auto z = p.latent("z", StandardNormal{1});
      p.data("x|z", std::make_unique<DiagonalGaussian>(gaussian(z, 1)));
    }
  };
  Counted model;
  auto generator = make_generator(5);
  const auto draws = model.log_weights(kX);
  for (int chunk = 0; chunk < 3; ++chunk) {
    EXPECT_EQ(draws(4, generator).elbo().sizes(), (std::vector<int64_t>{4, 2}));
  }
  EXPECT_EQ(model.q_z_given_x->calls, 1);
  model.bound(kX, generator);
  EXPECT_EQ(model.q_z_given_x->calls, 2);
}

TEST(Once, RefusesASecondInput) {
  struct Halves : Model {
    Net<Half> net{std::make_shared<Half>()};
    void infer(Trace& q, const torch::Tensor& x) override {
      q.latent("a", q.once(net, x));
      q.latent("b", q.once(net, x + 1));
    }
    void generate(Trace& p) override {
      p.latent("b", StandardNormal{1});
      const auto a = p.latent("a", StandardNormal{1});
      p.data("x|a", std::make_unique<DiagonalGaussian>(gaussian(a, 1)));
    }
  };
  Halves model;
  auto generator = make_generator(7);
  EXPECT_THROW(model.log_weights(kX)(2, generator), Error);
}

TEST(Latents, MustBeThoseTheModelIsMadeWith) {
  struct Renamed : Model {
    Renamed() : Model({{"c", 2}}) {}
    void infer(Trace&, const torch::Tensor&) override {}
    void generate(Trace& p) override { p.cluster("y", UniformClusters{2}); }
  };
  Renamed model;
  EXPECT_THROW(model.latents(), Error);
}

TEST(Replay, SaysWhichLatentOneProgramForgot) {
  struct Forgetful : Model {
    void infer(Trace&, const torch::Tensor&) override {}
    void generate(Trace& p) override { p.latent("z", StandardNormal{1}); }
  };
  Forgetful model;
  auto generator = make_generator(6);
  EXPECT_THROW(model.bound(kX, generator), Error);
}

}  // namespace
}  // namespace clade
