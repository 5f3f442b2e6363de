#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <stdexcept>

#include "clade/core/error.h"
#include "clade/nets/conditional.h"
#include "clade/nets/least_deviation.h"

namespace clade {
namespace {

TEST(Join, IsOneLinearMapOfTheConcatenatedParents) {
  auto generator = make_generator(1);
  Join join(Parents{{"x", 3}, {"y", 2}}, 4, generator);
  join->to(torch::kFloat64);
  const auto x = torch::empty({5, 3}, torch::kFloat64).normal_(0, 1, generator);
  const auto y = torch::empty({7, 1, 2}, torch::kFloat64).normal_(0, 1, generator);
  const auto named = join->named_parameters();
  const auto weight = torch::cat({named["weight_x"], named["weight_y"]}, 1);
  const auto concatenated = torch::cat({x.expand({7, 5, 3}), y.expand({7, 5, 2})}, -1);
  EXPECT_TRUE(torch::allclose(join(std::vector<torch::Tensor>{x, y}),
                              torch::linear(concatenated, weight, named["bias"])));
}

TEST(Join, IsInitialisedAsGlorotSaysForAllParentsTogether) {
  auto generator = make_generator(2);
  Join join(Parents{{"x", 300}, {"y", 100}}, 200, generator);
  const double bound = std::sqrt(6.0 / (400 + 200));
  for (const char* name : {"weight_x", "weight_y"}) {
    const auto weight = join->named_parameters()[name];
    EXPECT_LE(weight.abs().max().item<double>(), bound);
    EXPECT_NEAR(weight.std().item<double>(), bound / std::sqrt(3.0), 0.02 * bound);
  }
}

TEST(Join, DoesNotDependOnASilentParentUntilItLearnsTo) {
  auto generator = make_generator(2);
  Join join(Parents{{"x", 3}, {"y", 2, /*silent_at_first=*/true}}, 4, generator);
  const auto x = torch::empty({5, 3}).normal_(0, 1, generator);
  const auto with = [&](double y) {
    return join(std::vector<torch::Tensor>{x, torch::full({5, 2}, y)});
  };
  EXPECT_TRUE(torch::equal(with(0), with(1)));
  with(1).sum().backward();
  EXPECT_GT(join->named_parameters()["weight_y"].grad().abs().min().item<double>(), 0);
}

TEST(Trunk, GatedLayerIsValueTimesSigmoidOfGate) {
  auto generator = make_generator(3);
  Trunk trunk(Parents{{"x", 3}}, TrunkOptions{"gated", {"4"}, "relu", false}, generator);
  const auto x = torch::empty({2, 3}).normal_(0, 1, generator);
  const auto named = trunk->named_parameters();
  const auto both = torch::linear(x, named["layer1.weight_x"], named["layer1.bias"]);
  const auto expected = both.slice(1, 0, 4) * both.slice(1, 4, 8).sigmoid();
  EXPECT_TRUE(torch::allclose(trunk(x), expected));
}

torch::Tensor normalised(BatchNorm& norm, const torch::Tensor& h) {
  return activate({h}, {}, Activation::identity, torch::kFloat32, norm->normalisation());
}

TEST(BatchNorm, NormalisesOverAllLeadingDimensions) {
  auto generator = make_generator(4);
  BatchNorm norm(3);
  const auto h = torch::empty({4, 50, 3}).normal_(2, 3, generator);
  const auto out = normalised(norm, h).reshape({-1, 3});
  EXPECT_LT(out.mean(0).abs().max().item<double>(), 1e-5);
  EXPECT_LT((out.var(0, false) - 1).abs().max().item<double>(), 1e-3);
}

TEST(BatchNorm, KeepsItsRunningStatisticsInAScope) {
  auto generator = make_generator(5);
  Trunk trunk(Parents{{"x", 3}}, TrunkOptions{"dense", {"4"}, "relu", true}, generator);
  const auto running = [&] { return trunk->named_buffers()["norm1.running_mean"].clone(); };
  const auto x = torch::empty({8, 3}).normal_(1, 1, generator);
  const auto before = running();
  torch::Tensor silent;
  try {
    const StatisticsScope scope(Statistics::kept);
    silent = trunk(x);
    throw std::runtime_error("the scope ends with what goes wrong in it");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(torch::equal(before, running()));
  EXPECT_TRUE(torch::equal(silent, trunk(x)));  // the output does not depend on it
  EXPECT_FALSE(torch::equal(before, running()));
}

TEST(BatchNorm, TakesASingleRowInTraining) {
  BatchNorm norm(3);
  torch::NoGradGuard no_grad;
  const auto set = [](torch::Tensor to, std::vector<float> numbers) {
    to.copy_(torch::tensor(numbers));
  };
  const auto statistics = norm->named_buffers();
  set(statistics["running_mean"], {1, 2, 3});
  set(statistics["running_variance"], {4, 9, 0.25});
  set(norm->named_parameters()["weight"], {1, -2, 1});
  set(norm->named_parameters()["bias"], {0, 0.5, 1});
  // By the running ones, which stay: (x - mean) / deviation * weight + bias.
  const auto row = torch::tensor({{7.0F, 2.0F, 2.0F}});
  EXPECT_TRUE(
      torch::allclose(normalised(norm, row), torch::tensor({{3.0F, 0.5F, -1.0F}}), 0, 1e-4));
  EXPECT_TRUE(torch::equal(statistics["running_mean"], torch::tensor({1.0F, 2.0F, 3.0F})));
  EXPECT_TRUE(torch::equal(statistics["running_variance"], torch::tensor({4.0F, 9.0F, 0.25F})));
}

TEST(GaussianPerCluster, IsLinearInAOneHotCluster) {
  auto generator = make_generator(6);
  GaussianPerCluster prior(3, 2, LogVarianceRange{}, /*spread=*/0.1, /*trainable=*/true, generator);
  const auto mean = prior->named_parameters()["mean"];
  const auto log_variance = prior->named_parameters()["log_variance"];
  torch::NoGradGuard no_grad;
  log_variance.copy_(torch::tensor({{0.5F, -1.0F}, {-9.0F, 1.0F}, {1.5F, 5.0F}}));
  const auto clamped = torch::tensor({{0.5F, -1.0F}, {-6.0F, 1.0F}, {1.5F, 2.0F}});
  const auto order = torch::tensor({2, 0, 1});
  for (const auto& y : {order, torch::eye(3).index_select(0, order)}) {
    const auto one_each = prior(y);
    EXPECT_TRUE(torch::equal(one_each.mean(), mean.index_select(0, order)));
    EXPECT_TRUE(torch::equal(one_each.log_variance(), clamped.index_select(0, order)));
  }
  // Between clusters, of means and of log-variances before their clamp.
  const auto between = prior(torch::tensor({{0.25F, 0.0F, 0.75F}}));
  EXPECT_TRUE(torch::allclose(between.mean()[0], 0.25 * mean[0] + 0.75 * mean[2]));
  EXPECT_TRUE(torch::allclose(between.log_variance()[0], torch::tensor({1.25F, 2.0F})));
  EXPECT_TRUE(torch::allclose(prior(torch::tensor({{0.8F, 0.0F, 0.2F}})).log_variance()[0],
                              torch::tensor({0.7F, 0.2F})));
  GaussianPerCluster fixed(3, 2, LogVarianceRange{}, /*spread=*/0.1, /*trainable=*/false,
                           generator);
  for (const auto& parameter : fixed->parameters()) EXPECT_FALSE(parameter.requires_grad());
}

TEST(Likelihood, GaussianHasOneVarianceAFeature) {
  auto generator = make_generator(7);
  Likelihood p("gaussian", Parents{{"z", 2}}, TrunkOptions{.layers = {"5"}}, Parent{"x", 3},
               generator);
  const auto z = torch::empty({4, 2}).normal_(0, 1, generator);
  EXPECT_EQ(p(z)->log_prob(torch::zeros({4, 3})).sizes(), (std::vector<int64_t>{4}));
  EXPECT_EQ(p->named_parameters()["log_variance"].numel(), 3);
}

/// Σ or ∫ of p(x | z) over every x of one feature.
double total(Likelihood& p, const torch::Tensor& z, const std::string& kind) {
  const bool levels = kind == "discretised_logistic";
  const auto x = levels ? torch::arange(256, torch::kFloat64) / 255
                        : torch::linspace(-30, 30, 60001, torch::kFloat64);
  const double step = levels ? 1 : 1e-3;
  return p(z.expand({x.size(0), z.size(1)}))->log_prob(x.unsqueeze(1)).exp().sum().item<double>() *
         step;
}

TEST(Likelihood, EveryKindAndScaleIsAProbability) {
  auto generator = make_generator(7);
  for (const std::string kind : {"gaussian", "laplace", "discretised_logistic"}) {
    for (const std::string scale : {"learned", "network", "fixed"}) {
      LikelihoodOptions options(kind);
      options.scale = scale;
      Likelihood p(options, Parents{{"z", 2}}, TrunkOptions{.layers = {"5"}}, Parent{"x", 1},
                   generator);
      p->to(torch::kFloat64);
      const auto z = torch::randn({1, 2}, generator, torch::kFloat64);
      EXPECT_NEAR(total(p, z, kind), 1, 1e-5) << kind << " " << scale;
      const auto parameters = p->named_parameters();
      const std::string name = kind == "gaussian" ? "log_variance" : "log_scale";
      EXPECT_EQ(parameters.contains(name), scale == "learned");
      EXPECT_EQ(parameters.contains(name + ".bias"), scale == "network");
    }
  }
  LikelihoodOptions bits;
  bits.scale = "fixed";
  EXPECT_THROW(
      Likelihood(bits, Parents{{"z", 2}}, TrunkOptions{.layers = {}}, Parent{"x", 1}, generator),
      ConfigError);
}

TEST(Likelihood, AScaleIsWhereItIsSaidToBe) {
  auto generator = make_generator(7);
  const auto z = torch::randn({2, 3}, generator, torch::kFloat32);
  const auto made = [&](const std::string& scale) {
    LikelihoodOptions options("gaussian");
    options.scale = scale;
    options.fixed_scale = 0.5;
    return Likelihood(options, Parents{{"z", 3}}, TrunkOptions{.layers = {}}, Parent{"x", 4},
                      generator);
  };
  const auto log_variance = [&](Likelihood& p) {
    return dynamic_cast<DiagonalGaussian&>(*p(z)).log_variance();
  };
  auto fixed = made("fixed"), network = made("network");
  EXPECT_TRUE(torch::allclose(log_variance(fixed), torch::full({4}, 2 * std::log(0.5))));
  fixed->limit({}, 0.05);  // a deviation that is told has no other least one
  EXPECT_TRUE(torch::allclose(log_variance(fixed), torch::full({4}, 2 * std::log(0.5))));
  EXPECT_FALSE(fixed->features_at_least_deviation());
  const auto of_points = log_variance(network);
  ASSERT_EQ(of_points.sizes(), (std::vector<int64_t>{2, 4}));
  EXPECT_GT((of_points[0] - of_points[1]).abs().min().item<double>(), 1e-4);
  // Constants are none of its features, and the others keep their least deviation.
  const double nan = std::nan("");
  network->limit(torch::tensor({7.0, nan, nan, nan}), 1.0);
  const auto x = torch::randn({2, 4}, generator, torch::kFloat32);
  const auto variance = of_points.slice(1, 1).exp() + 1;
  const auto mean = network(z)->mean().slice(1, 1);
  const auto expected =
      -0.5 * ((x.slice(1, 1) - mean).square() / variance + variance.log() + std::log(2 * M_PI));
  EXPECT_TRUE(torch::allclose(network(z)->log_prob(x), expected.sum(1), 1e-4, 1e-4));
}

/// Of likelihoods whose networks give nothing, at x = their mean, the density that the formula has.
TEST(Likelihood, AFixedScaleIsWhatWasAsked) {
  auto generator = make_generator(7);
  const auto log_prob = [&](const std::string& kind, double scale, double x) {
    LikelihoodOptions options(kind);
    options.scale = "fixed";
    options.fixed_scale = scale;
    Likelihood p(options, Parents{{"z", 1}}, TrunkOptions{.layers = {}}, Parent{"x", 1}, generator);
    return p(torch::zeros({1, 1}))->log_prob(torch::full({1, 1}, x)).item<double>();
  };
  for (const double scale : {1e-4, 1e-3, 100.0}) {
    EXPECT_NEAR(log_prob("gaussian", scale, 0), -std::log(scale * std::sqrt(2 * M_PI)), 1e-4);
    EXPECT_NEAR(log_prob("laplace", scale, 0), -std::log(2 * scale), 1e-4);
    // A level beside the mean, 1/2, which is between two of them: the mass from 0 to 1 level away.
    const double level = 1 / 255.0;
    EXPECT_NEAR(log_prob("discretised_logistic", scale, 0.5 + level / 2),
                std::log(0.5 * std::tanh(level / scale / 2)), 1e-4);
  }
  EXPECT_THROW(log_prob("negative_binomial", 1e-4, 0), ConfigError);
  // No count of mean 1: (1 + α)^(-1/α).
  EXPECT_NEAR(log_prob("negative_binomial", 900, 0), -std::log(901.0) / 900, 1e-4);
}

TEST(LeastDeviations, AreAShareOfTheFeaturesOwnOrItsRounding) {
  // Two values 3 apart; whole numbers, one of them far away; one value; ten levels of a tenth.
  std::vector<float> rows;
  for (int i = 0; i < 100; ++i) {
    rows.insert(rows.end(),
                {3.0F * static_cast<float>(i % 2), i == 0 ? 100.0F : static_cast<float>(i % 3), 5,
                 0.1F * static_cast<float>(i % 10)});
  }
  const auto x = torch::tensor(rows).view({100, 4});
  const auto least = least_deviations(x, 0.05);
  EXPECT_NEAR(least[0].item<double>(), 3 / std::sqrt(12.0), 1e-6);
  EXPECT_NEAR(least[1].item<double>(),
              std::max(1 / std::sqrt(12.0), 0.05 * x.select(1, 1).std(false).item<double>()), 1e-6);
  EXPECT_EQ(least[2].item<double>(), 0);
  EXPECT_NEAR(least[3].item<double>(), 0.1 / std::sqrt(12.0), 1e-6);
  EXPECT_NEAR(least_deviations(x, 2.0)[3].item<double>(),
              2 * x.select(1, 3).std(false).item<double>(), 1e-6);
  EXPECT_EQ(least_deviations(x.slice(0, 0, 1), 0.05).sum().item<double>(), 0) << "of one point";
}

TEST(Likelihood, AFeatureThatCanBeCopiedKeepsItsLeastDeviation) {
  auto generator = make_generator(8);
  Likelihood p("gaussian", Parents{{"z", 1}}, TrunkOptions{.layers = {}}, Parent{"x", 2},
               generator);
  EXPECT_FALSE(p->features_at_least_deviation());
  p->limit({}, 0.05);
  // Of a coin's two sides, and of numbers as fine as you like.
  const auto coin = torch::arange(1000).remainder(2).to(torch::kFloat32) * 2 - 1;
  p->start_from(torch::stack({coin, torch::linspace(-1.7, 1.7, 1000)}, 1));
  EXPECT_EQ(*p->features_at_least_deviation(), 0);
  const auto z = torch::zeros({1, 1});
  const auto at_mean = [&] { return p(z)->log_prob(p(z)->mean()).item<double>(); };
  const auto density = [](double variance) { return -0.5 * std::log(2 * M_PI * variance); };
  const double coarse = 4.0 / 12, own = torch::linspace(-1.7, 1.7, 1000).std(false).item<double>();
  const double fine = 0.0025 * own * own;
  EXPECT_NEAR(at_mean(), density(1 + coarse) + density(1 + fine), 1e-5);
  {
    torch::NoGradGuard no_grad;
    p->named_parameters()["log_variance"].fill_(-13);
  }
  EXPECT_NEAR(at_mean(), density(coarse + std::exp(-13)) + density(fine + std::exp(-13)), 1e-5);
  EXPECT_EQ(*p->features_at_least_deviation(), 2);
  // Far from the mean the density wants more, and the gradient says so.
  p(z)->log_prob(p(z)->mean().detach() + 10).sum().backward();
  EXPECT_TRUE(p->named_parameters()["log_variance"].grad().gt(0).all().item<bool>());
}

TEST(Likelihood, AConstantThatNoneSaidIsOneHasALeastDeviation) {
  auto generator = make_generator(8);
  Likelihood p("gaussian", Parents{{"z", 1}}, TrunkOptions{.layers = {}}, Parent{"x", 1},
               generator);
  p->limit({}, 0.05);
  p->start_from(torch::full({10, 1}, 3.0F));
  {
    torch::NoGradGuard no_grad;
    p->named_parameters()["log_variance"].fill_(-1000);
  }
  const auto z = torch::zeros({1, 1});
  EXPECT_NEAR(p(z)->log_prob(p(z)->mean()).item<double>(), 0.5 * (12 - std::log(2 * M_PI)), 1e-4);
}

TEST(Likelihood, ALaplaceIsLimitedAsAGaussianIs) {
  auto generator = make_generator(8);
  Likelihood p("laplace", Parents{{"z", 1}}, TrunkOptions{.layers = {}}, Parent{"x", 3}, generator);
  const auto z = torch::zeros({1, 1});
  p->limit(torch::tensor({7.0F, std::nanf(""), std::nanf("")}), 0.05);
  const auto coin = torch::arange(1000).remainder(2).to(torch::kFloat32) * 2 - 1;
  const auto fine = torch::linspace(-1.7, 1.7, 1000);
  p->start_from(torch::stack({torch::full({1000}, 7.0F), coin, fine}, 1));
  EXPECT_EQ(*p->features_at_least_deviation(), 0);
  EXPECT_EQ(p(z)->mean()[0][0].item<double>(), 7);
  {
    torch::NoGradGuard no_grad;
    p->named_parameters()["log_scale"].fill_(-6);
  }
  // Of deviation σ the scale is σ / √2, and variances, 2 b², add up.
  const auto log_density = [](double least) {
    return -std::log(2 * std::sqrt(std::exp(-12) + least * least / 2));
  };
  const double expected =
      log_density(2 / std::sqrt(12.0)) + log_density(0.05 * fine.std(false).item<double>());
  EXPECT_NEAR(p(z)->log_prob(p(z)->mean()).item<double>(), expected, 1e-4);
  EXPECT_EQ(*p->features_at_least_deviation(), 2);
}

TEST(Likelihood, AConstantHasNoPartInIt) {
  auto generator = make_generator(9);
  Likelihood p("gaussian", Parents{{"z", 1}}, TrunkOptions{.layers = {}}, Parent{"x", 3},
               generator);
  const auto z = torch::randn({4, 1}, generator), x = torch::randn({4, 3}, generator);
  const auto before = p(z)->log_prob(x);
  const auto of_one = DiagonalGaussian(p(z)->mean().slice(1, 1, 2), torch::zeros({1}));
  p->limit(torch::tensor({0.0F, std::nanf(""), 3.0F}), 0);
  EXPECT_TRUE(p(z)->log_prob(x).allclose(of_one.log_prob(x.slice(1, 1, 2))));
  EXPECT_FALSE(p(z)->log_prob(x).allclose(before));
  EXPECT_TRUE(p(z)->mean().select(1, 2).eq(3).all().item<bool>());
}

TEST(TrunkOptions, LeaveConvolutionsOut) {
  const TrunkOptions options{"dense", {"16c6", "32c4s2p1", "500", "200"}, "tanh", true};
  const TrunkOptions dense = options.without_convolutions();
  EXPECT_EQ(dense.layers, (std::vector<std::string>{"500", "200"}));
  EXPECT_EQ(dense.activation, "tanh");
  EXPECT_TRUE(dense.batch_norm);
}

TEST(TrunkOptions, SaysWhatIsWrong) {
  TrunkOptions options;
  options.layers = {"300", "0"};
  EXPECT_THROW(options.validate(), ConfigError);
  options.layers = {"500", "16c6"};
  EXPECT_THROW(options.validate(), ConfigError);
}

}  // namespace
}  // namespace clade
