// Closed forms against numerical integration, enumeration and Monte Carlo.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/distributions/bernoulli.h"
#include "clade/distributions/categorical.h"
#include "clade/distributions/counts.h"
#include "clade/distributions/discretised_logistic.h"
#include "clade/distributions/gaussian.h"
#include "clade/distributions/laplace.h"
#include "clade/distributions/partial_density.h"

namespace clade {
namespace {

const auto kDouble = torch::TensorOptions().dtype(torch::kFloat64);

double value(const torch::Tensor& tensor) {
  return tensor.item<double>();
}

DiagonalGaussian gaussian(double mean, double log_variance) {
  return {torch::full({1}, mean, kDouble), torch::full({1}, log_variance, kDouble)};
}

// ∫ f over a grid wide and fine enough for the densities used here; f: [n, 1] -> [n].
template <class F>
double integral(F f) {
  const auto z = torch::linspace(-20, 20, 400001, kDouble).unsqueeze(1);
  return value(f(z).sum()) * 40.0 / 400000;
}

TEST(DiagonalGaussian, DensityIntegratesToOneWithTheRightMoments) {
  const auto p = gaussian(0.7, std::log(0.3));
  EXPECT_NEAR(integral([&](const auto& z) { return p.log_prob(z).exp(); }), 1, 1e-9);
  EXPECT_NEAR(integral([&](const auto& z) { return p.log_prob(z).exp() * z.squeeze(1); }), 0.7,
              1e-9);
  EXPECT_NEAR(
      integral([&](const auto& z) { return p.log_prob(z).exp() * (z.squeeze(1) - 0.7).square(); }),
      0.3, 1e-9);
}

TEST(Laplace, DensityIntegratesToOneWithTheRightMoments) {
  const Laplace p(torch::full({1}, 0.7, kDouble), torch::full({1}, std::log(0.3), kDouble));
  EXPECT_NEAR(integral([&](const auto& x) { return p.log_prob(x).exp(); }), 1, 1e-6);
  EXPECT_NEAR(integral([&](const auto& x) { return p.log_prob(x).exp() * x.squeeze(1); }), 0.7,
              1e-6);
  EXPECT_NEAR(
      integral([&](const auto& x) { return p.log_prob(x).exp() * (x.squeeze(1) - 0.7).square(); }),
      2 * 0.3 * 0.3, 1e-6);
  auto generator = make_generator(1);
  const auto draws =
      Laplace(torch::full({200000, 1}, 0.7, kDouble), torch::full({1}, std::log(0.3), kDouble))
          .sample(generator);
  EXPECT_NEAR(value(draws.mean()), 0.7, 0.005);
  EXPECT_NEAR(value((draws - 0.7).abs().mean()), 0.3, 0.005);
  EXPECT_NEAR(value((draws > 0.7).to(kDouble).mean()), 0.5, 0.005);
}

TEST(PartialDensity, IsOfTheFeaturesThatVary) {
  const auto mean = torch::tensor({{0.5, -1.0}, {2.0, 0.0}}, torch::kFloat64);  // [2, 2]
  const DiagonalGaussian of_two(mean, torch::zeros({2}, torch::kFloat64));
  const double nan = std::nan("");
  const PartialDensity p(std::make_unique<DiagonalGaussian>(of_two), torch::tensor({0, 2}),
                         torch::tensor({nan, 7.0, nan}, torch::kFloat64));
  const auto x = torch::tensor({{0.0, 7.0, 1.0}, {0.0, 1e6, 1.0}}, torch::kFloat64);
  const auto of_them = x.index_select(1, torch::tensor({0, 2}));
  EXPECT_TRUE(p.log_prob(x).equal(of_two.log_prob(of_them)));
  EXPECT_TRUE(p.mean().equal(torch::tensor({{0.5, 7.0, -1.0}, {2.0, 7.0, 0.0}}, torch::kFloat64)));
  auto generator = make_generator(1), same = make_generator(1);
  const auto draw = p.sample(generator);
  EXPECT_TRUE(draw.index_select(1, torch::tensor({0, 2})).equal(of_two.sample(same)));
  EXPECT_TRUE(draw.select(1, 1).eq(7).all().item<bool>());
}

TEST(DiagonalGaussian, KlIsItsIntegral) {
  const auto q = gaussian(0.4, std::log(0.2));
  const auto p = gaussian(-0.9, std::log(1.7));
  const auto expectation = [&](auto f) {
    return integral([&](const auto& z) { return q.log_prob(z).exp() * f(z); });
  };
  EXPECT_NEAR(value(kl(q, p)),
              expectation([&](const auto& z) { return q.log_prob(z) - p.log_prob(z); }), 1e-8);
  const auto standard = StandardNormal{1}.on(kDouble);
  EXPECT_NEAR(value(kl(q, standard)), expectation([&](const auto& z) {
                return q.log_prob(z) + 0.5 * (z.square() + std::log(2 * M_PI)).sum(-1);
              }),
              1e-8);
  EXPECT_GT(std::abs(value(kl(q, p)) - value(kl(p, q))), 0.1);  // the order matters
  EXPECT_NEAR(value(kl(q, q)), 0, 1e-12);
}

TEST(DiagonalGaussian, MergedIsTheNormalisedProductOfDensities) {
  const auto a = gaussian(1.3, std::log(0.4)), b = gaussian(-0.7, std::log(1.9));
  const auto z = torch::linspace(-9, 9, 20001, kDouble).unsqueeze(1);  // [n, 1]
  const auto product = (a.log_prob(z) + b.log_prob(z)).exp();
  const auto normalised = product / (product.sum() * 18 / 20000);  // [n]
  EXPECT_LT(value((merged(a, b).log_prob(z).exp() - normalised).abs().max()), 1e-9);
  EXPECT_LT(value((merged(b, a).log_prob(z).exp() - normalised).abs().max()), 1e-9);
}

TEST(DiagonalGaussian, MergedStandsVariancesBeyondTheRangeOfExp) {
  const auto single = [](float mean, float log_variance) {
    return DiagonalGaussian(torch::full({1}, mean), torch::full({1}, log_variance));
  };
  // All but certain beside all but unknown: the certain one, in float32.
  const auto sharp = merged(single(2, -200), single(-5, 200));
  EXPECT_EQ(value(sharp.mean()), 2);
  EXPECT_EQ(value(sharp.log_variance()), -200);
  // Two that are equally certain: their mean, at half the variance.
  const auto equal = merged(single(2, -200), single(-5, -200));
  EXPECT_EQ(value(equal.mean()), -1.5);
  EXPECT_NEAR(value(equal.log_variance()), -200 - std::log(2), 1e-4);
}

TEST(DiagonalGaussian, SumsOverTheLastDimensionAndBroadcastsBeforeIt) {
  auto generator = make_generator(1);
  const auto mean = torch::empty({3, 1, 4}, kDouble).normal_(0, 1, generator);
  const auto log_variance = torch::empty({5, 4}, kDouble).normal_(0, 1, generator);
  const DiagonalGaussian p(mean, log_variance);
  const auto z = p.rsample(generator, {2, 1, 1});
  ASSERT_EQ(z.sizes(), (std::vector<int64_t>{2, 3, 5, 4}));
  double by_hand = 0;
  for (int64_t d = 0; d < 4; ++d) {
    const double s2 = std::exp(value(log_variance[3][d]));
    const double e = value(z[1][2][3][d]) - value(mean[2][0][d]);
    by_hand += -0.5 * (std::log(2 * M_PI * s2) + e * e / s2);
  }
  EXPECT_NEAR(value(p.log_prob(z)[1][2][3]), by_hand, 1e-12);
}

TEST(DiagonalGaussian, RsampleHasTheMomentsAndPassesGradients) {
  auto generator = make_generator(2);
  auto mean = torch::full({1}, 1.5, kDouble).requires_grad_();
  auto log_variance = torch::full({1}, std::log(0.25), kDouble).requires_grad_();
  const auto z = DiagonalGaussian(mean, log_variance).rsample(generator, {200000});
  EXPECT_NEAR(value(z.mean()), 1.5, 0.005);
  EXPECT_NEAR(value(z.var()), 0.25, 0.005);
  // d E[z²] / d mean = 2 mean, d E[z²] / d log σ² = σ².
  z.square().mean().backward();
  EXPECT_NEAR(value(mean.grad()), 3, 0.02);
  EXPECT_NEAR(value(log_variance.grad()), 0.25, 0.01);
}

TEST(Bernoulli, ProbabilitiesOfAllOutcomesSumToOne) {
  const auto p = Bernoulli(torch::tensor({-1.2, 0.3, 2.0}, kDouble));
  double total = 0;
  for (int code = 0; code < 8; ++code) {
    const auto x = torch::tensor({code & 1, code >> 1 & 1, code >> 2}, kDouble);
    total += std::exp(value(p.log_prob(x)));
  }
  EXPECT_NEAR(total, 1, 1e-12);
  const double p1 = 1 / (1 + std::exp(1.2));
  EXPECT_NEAR(value(Bernoulli(torch::tensor({-1.2}, kDouble)).log_prob(torch::ones({1}, kDouble))),
              std::log(p1), 1e-12);
}

TEST(Bernoulli, IsFiniteForExtremeLogits) {
  const auto p = Bernoulli(torch::tensor({200.0, -200.0}, kDouble));
  EXPECT_NEAR(value(p.log_prob(torch::tensor({0.0, 1.0}, kDouble))), -400, 1e-9);
  EXPECT_NEAR(value(p.log_prob(torch::tensor({1.0, 0.0}, kDouble))), 0, 1e-9);
}

const auto kLevels = torch::arange(256, kDouble) / 255;

// Scales from far less than a level to wider than all, locations at both ends and between levels.
constexpr double kLocations[] = {0, 0.4321, 100.0 / 255, 1};
constexpr double kLogScales[] = {-8, -4, -1.5, 0.5};

DiscretisedLogistic logistic(double location, double log_scale) {
  return {torch::full({256, 1}, location, kDouble), torch::full({1}, log_scale, kDouble)};
}

TEST(DiscretisedLogistic, ProbabilitiesOfAllLevelsSumToOneAndGiveTheMean) {
  for (const double location : kLocations) {
    for (const double log_scale : kLogScales) {
      const auto p = logistic(location, log_scale);
      const auto probs = p.log_prob(kLevels.unsqueeze(1)).exp();  // [256]
      EXPECT_NEAR(value(probs.sum()), 1, 1e-10);
      EXPECT_NEAR(value((probs * kLevels).sum()), value(p.mean()[0]), 1e-10);
    }
  }
}

TEST(DiscretisedLogistic, HasTheMeanOfEachOfManyRows) {
  auto generator = make_generator(8);
  const auto location = torch::rand({2, 20000, 1}, generator, kDouble);  // more than a block
  const auto log_scale = torch::empty({20000, 1}, kDouble).uniform_(-6, 0, generator);
  const DiscretisedLogistic p(location, log_scale);
  auto mean = torch::zeros({2, 20000}, kDouble);
  for (int64_t k = 1; k < 256; ++k) mean += p.log_prob(kLevels.slice(0, k, k + 1)).exp() * k / 255;
  EXPECT_LT(value((p.mean().squeeze(2) - mean).abs().max()), 1e-10);
}

TEST(DiscretisedLogistic, IsTheMassOfALogisticAboutEachLevel) {
  const auto p = logistic(0.3, -2);
  const auto log_probs = p.log_prob(kLevels.unsqueeze(1));
  const auto below = [](double x) { return 1 / (1 + std::exp(-(x - 0.3) / std::exp(-2.0))); };
  for (const int k : {1, 76, 254}) {
    EXPECT_NEAR(value(log_probs[k]), std::log(below((k + 0.5) / 255) - below((k - 0.5) / 255)),
                1e-10);
  }
  EXPECT_NEAR(value(log_probs[0]), std::log(below(0.5 / 255)), 1e-12);
  EXPECT_NEAR(value(log_probs[255]), std::log(1 - below(254.5 / 255)), 1e-12);
}

TEST(DiscretisedLogistic, IsFiniteAndHasTheGradientsOfItsDifferences) {
  for (const double location : kLocations) {
    for (const double log_scale : kLogScales) {
      auto mean = torch::full({1}, location, kDouble).requires_grad_();
      auto scale = torch::full({1}, log_scale, kDouble).requires_grad_();
      for (const int k : {0, 1, 100, 254, 255}) {
        const auto log_prob = [&](double by_mean, double by_scale) {
          return DiscretisedLogistic(mean + by_mean, scale + by_scale)
              .log_prob(kLevels.slice(0, k, k + 1));
        };
        const auto gradients = torch::autograd::grad({log_prob(0, 0)}, {mean, scale});
        const double h = 1e-7;
        const double by_mean = (value(log_prob(h, 0)) - value(log_prob(-h, 0))) / (2 * h);
        const double by_scale = (value(log_prob(0, h)) - value(log_prob(0, -h))) / (2 * h);
        EXPECT_NEAR(value(gradients[0]), by_mean, 1e-5 * std::abs(by_mean) + 1e-4);
        EXPECT_NEAR(value(gradients[1]), by_scale, 1e-5 * std::abs(by_scale) + 1e-4);
      }
      const DiscretisedLogistic narrow(torch::full({1}, location), torch::full({1}, log_scale));
      for (const double x : {0.0, 1.0}) {
        EXPECT_TRUE(std::isfinite(narrow.log_prob(torch::full({1}, x)).item<float>()));
      }
    }
  }
}

TEST(DiscretisedLogistic, DrawsLevelsWithTheirProbabilities) {
  const DiscretisedLogistic p(torch::full({200000, 1}, 0.1, kDouble),
                              torch::full({1}, -2.5, kDouble));
  auto generator = make_generator(6);
  const auto levels = (p.sample(generator) * 255).squeeze(1);
  EXPECT_LT(value((levels - levels.round()).abs().max()), 1e-9);
  const auto share = levels.round().to(torch::kInt64).bincount({}, 256).to(kDouble) / 200000;
  const auto probs = logistic(0.1, -2.5).log_prob(kLevels.unsqueeze(1)).exp();
  EXPECT_GT(value(probs[0]), 0.2);  // all below the first level are drawn as it
  EXPECT_LT(value((share - probs).abs().max()), 0.005);
}

// Every count that matters of the ones below, as networks read them.
const auto kCounts = torch::arange(2000, kDouble).log1p().unsqueeze(1);  // [2000, 1]

TEST(Counts, ProbabilitiesSumToOneAndHaveTheMomentsTheyAreOf) {
  const auto n = kCounts.expm1().squeeze(1);
  for (const double mean : {0.01, 1.0, 30.0}) {
    const auto log_mean = torch::full({2000, 1}, std::log(mean), kDouble);
    const auto expect_moments = [&](const Distribution& p, double variance) {
      const auto probs = p.log_prob(kCounts).exp();  // [2000]
      EXPECT_NEAR(value(probs.sum()), 1, 1e-6);
      EXPECT_NEAR(value((probs * n).sum()), mean, 1e-4 * mean);
      EXPECT_NEAR(value((probs * (n - mean).square()).sum()), variance, 1e-3 * variance);
      EXPECT_NEAR(value(p.mean()[0].expm1()), mean, 1e-9);
    };
    expect_moments(Poisson(log_mean), mean);
    for (const double alpha : {0.001, 0.3, 2.0}) {
      const auto log_scale = torch::full({1}, std::log(alpha), kDouble);
      expect_moments(NegativeBinomial(log_mean, log_scale), mean + alpha * mean * mean);
    }
  }
}

TEST(Counts, ANegativeBinomialWithoutSpreadIsPoisson) {
  const auto log_mean = torch::full({20, 1}, 1.1, kDouble), few = kCounts.slice(0, 0, 20);
  const auto narrow = NegativeBinomial(log_mean, torch::full({1}, std::log(1e-7), kDouble));
  EXPECT_TRUE(torch::allclose(narrow.log_prob(few), Poisson(log_mean).log_prob(few), 1e-5, 1e-5));
  // n successes of a fair coin before the first failure, α = 1 and μ = 1: 1/2, 1/4, 1/8, …
  const auto fair = NegativeBinomial(torch::zeros({20, 1}, kDouble), torch::zeros({1}, kDouble));
  const auto halves = -(torch::arange(20, kDouble) + 1) * std::log(2.0);
  EXPECT_TRUE(torch::allclose(fair.log_prob(few), halves));
}

TEST(Counts, HaveTheGradientsOfTheirDifferences) {
  auto mean = torch::full({1}, 0.7, kDouble).requires_grad_();
  auto scale = torch::full({1}, -0.4, kDouble).requires_grad_();
  for (const double n : {0.0, 1.0, 17.0}) {
    const auto x = torch::full({1}, std::log1p(n), kDouble);
    const auto log_prob = [&](double by_mean, double by_scale) {
      return NegativeBinomial(mean + by_mean, scale + by_scale).log_prob(x) +
             Poisson(mean + by_mean).log_prob(x);
    };
    const auto gradients = torch::autograd::grad({log_prob(0, 0)}, {mean, scale});
    const double h = 1e-6;
    EXPECT_NEAR(value(gradients[0]), (value(log_prob(h, 0)) - value(log_prob(-h, 0))) / (2 * h),
                1e-6);
    EXPECT_NEAR(value(gradients[1]), (value(log_prob(0, h)) - value(log_prob(0, -h))) / (2 * h),
                1e-6);
  }
}

TEST(Counts, DrawsHaveTheirProbabilities) {
  auto generator = make_generator(6);
  const auto log_mean = torch::full({200000, 1}, std::log(2.0)), log_scale = torch::zeros({1});
  const auto expect_shares = [&](const Distribution& p) {
    const auto x = p.sample(generator);
    const auto n = x.expm1().squeeze(1);
    EXPECT_LT((n - n.round()).abs().max().item<double>(), 1e-4);
    const auto share = n.round().to(torch::kInt64).bincount({}, 2000).to(kDouble) / 200000;
    const auto few = kCounts.slice(0, 0, 2000).to(torch::kFloat32).repeat({100, 1});
    const auto probs = p.log_prob(few).slice(0, 0, 2000).exp();
    EXPECT_LT((share.slice(0, 0, 2000) - probs).abs().max().item<double>(), 0.004);
  };
  expect_shares(Poisson(log_mean));
  expect_shares(NegativeBinomial(log_mean, log_scale));
}

TEST(Counts, Float32TellsThemApartUpToAHundredThousand) {
  const auto n = torch::arange(100001, torch::kFloat32);
  EXPECT_TRUE(torch::equal(n.log1p().expm1().round(), n));
}

TEST(Categorical, EntropyKlAndSamplesMatchTheProbabilities) {
  const auto logits = torch::tensor({0.2, -1.0, 1.3, 0.0}, kDouble);
  const Categorical q(logits), p(torch::tensor({1.0, 0.5, -0.4, 0.1}, kDouble));
  double entropy = 0, divergence = 0;
  for (int64_t k = 0; k < 4; ++k) {
    const double a = value(q.probs()[k]), b = value(p.probs()[k]);
    entropy -= a * std::log(a);
    divergence += a * std::log(a / b);
  }
  EXPECT_NEAR(value(q.entropy()), entropy, 1e-12);
  EXPECT_NEAR(value(kl(q, p)), divergence, 1e-12);
  EXPECT_NEAR(value(kl_to_uniform(q)), std::log(4.0) - entropy, 1e-12);
  auto generator = make_generator(3);
  const auto draws = q.sample(generator, 100000);
  const auto share = draws.bincount({}, 4).to(kDouble) / 100000;
  EXPECT_LT(value((share - q.probs()).abs().max()), 0.01);
  const auto one_hot = torch::one_hot(draws, 4).to(kDouble);
  EXPECT_TRUE(torch::equal(q.log_prob(draws), q.log_prob(one_hot)));
}

TEST(Categorical, BroadcastsOutcomesAndNeverDrawsTheImpossible) {
  auto generator = make_generator(5);
  const auto impossible = -std::numeric_limits<double>::infinity();
  const Categorical q(torch::tensor({{0.0, impossible, 1.0}, {impossible, 0.5, impossible}}));
  const auto draws = q.sample(generator, 20000);  // [S, 2]
  EXPECT_EQ(draws.sizes(), (std::vector<int64_t>{20000, 2}));
  EXPECT_EQ(draws.select(1, 0).eq(1).sum().item<int64_t>(), 0);
  EXPECT_TRUE(draws.select(1, 1).eq(1).all().item<bool>());
  const auto all = q.log_prob(torch::arange(3).unsqueeze(1));  // [3, 2]
  EXPECT_TRUE(torch::equal(all, q.log_probs().t()));
}

TEST(RelaxedCategorical, TendsToTheCategoricalAsTheTemperatureFalls) {
  const Categorical base(torch::tensor({0.2, -1.0, 1.3}, kDouble).expand({100000, 3}));
  auto generator = make_generator(4);
  const auto cold = RelaxedCategorical(base, 0.01).rsample(generator);
  EXPECT_LT(value((cold.sum(-1) - 1).abs().max()), 1e-9);
  EXPECT_GT(value(std::get<0>(cold.max(-1)).mean()), 0.98);
  EXPECT_LT(value((cold.mean(0) - base.probs()[0]).abs().max()), 0.01);
  const auto warm = RelaxedCategorical(base, 5).rsample(generator);
  EXPECT_LT(value(std::get<0>(warm.max(-1)).mean()), 0.6);
}

TEST(RelaxedCategorical, StraightThroughIsOneHotWithTheRelaxedGradient) {
  auto logits = torch::tensor({{0.2, -1.0, 1.3}}, kDouble).requires_grad_();
  const auto weights = torch::tensor({1.0, 2.0, 5.0}, kDouble);
  const auto gradient = [&](bool straight_through) {
    auto generator = make_generator(5);
    const auto y =
        RelaxedCategorical(Categorical(logits), 0.7).rsample(generator, straight_through);
    if (straight_through) {
      EXPECT_EQ(value(y.max()), 1);
    }
    return torch::autograd::grad({(y * weights).sum()}, {logits})[0];
  };
  EXPECT_TRUE(torch::allclose(gradient(true), gradient(false)));
  // Exactly, and in float32.
  auto generator = make_generator(6);
  const auto many = torch::empty({500, 5}).normal_(0, 1, generator);
  const auto y = RelaxedCategorical(Categorical(many), 0.7).rsample(generator, true);
  EXPECT_TRUE(torch::equal(y, torch::one_hot(y.argmax(-1), 5).to(torch::kFloat32)));
}

}  // namespace
}  // namespace clade
