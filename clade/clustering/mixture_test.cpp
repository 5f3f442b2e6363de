#include "clade/clustering/mixture.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "clade/clustering/k_means.h"
#include "clade/core/error.h"

namespace clade {
namespace {

torch::Tensor draw(std::vector<int64_t> shape, Generator& generator) {
  return torch::empty(shape, torch::kFloat64).normal_(0, 1, generator);
}

// Two long heaps that cross and a small one, in units as unlike as 1000 and 0.01.
torch::Tensor crossing_heaps(Generator& generator) {
  const auto first = draw({3000, 2}, generator) * torch::tensor({3.0, 0.3});
  const auto second = draw({2000, 2}, generator) * torch::tensor({0.3, 3.0});
  const auto third = 0.5 * draw({500, 2}, generator) + torch::tensor({5.0, 5.0});
  return torch::cat({first, second, third}) * torch::tensor({1000.0, 0.01}, torch::kFloat64) + 50;
}

// log N(x; mean, covariance) by the definition.
torch::Tensor log_normal(const torch::Tensor& x, const torch::Tensor& mean,
                         const torch::Tensor& covariance) {
  const auto e = x - mean;
  const auto square = (torch::mm(e, torch::linalg_inv(covariance)) * e).sum(1);
  return -0.5 * (square + torch::logdet(covariance) +
                 static_cast<double>(x.size(1)) * std::log(2 * std::numbers::pi));
}

torch::Tensor log_joint_by_definition(const Mixture& mixture, const torch::Tensor& x) {
  std::vector<torch::Tensor> columns;
  for (int64_t k = 0; k < mixture.weights.size(0); ++k) {
    columns.push_back(mixture.weights[k].log() +
                      log_normal(x, mixture.means[k], mixture.covariances[k]));
  }
  return torch::stack(columns, 1);
}

TEST(Mixture, OfOneHasAClosedForm) {
  auto generator = make_generator(1);
  const auto x = crossing_heaps(generator);
  MixtureOptions options;
  options.regularisation = 0;
  const auto one = fit_mixture(x, 1, options, generator);
  EXPECT_TRUE(torch::allclose(one.means[0], x.mean(0), 1e-12));
  const auto covariance = torch::mm((x - x.mean(0)).t(), x - x.mean(0)) / x.size(0);
  EXPECT_TRUE(torch::allclose(one.covariances[0], covariance, 1e-10));
  // -½ (log|2πΣ| + D)
  const double expected =
      -0.5 * (torch::logdet(covariance).item<double>() + 2 * std::log(2 * std::numbers::pi) + 2);
  EXPECT_NEAR(one.log_likelihood, expected, 1e-10);
  EXPECT_LE(one.iterations, 2);
}

TEST(Mixture, DensitiesAreThoseOfTheDefinition) {
  auto generator = make_generator(2);
  const auto x = crossing_heaps(generator);
  const auto mixture = fit_mixture(x, 3, {}, generator);
  const auto joint = log_joint_by_definition(mixture, x);
  EXPECT_TRUE(torch::allclose(mixture.log_prob(x), joint.logsumexp(1), 1e-8, 1e-8));
  EXPECT_TRUE(torch::allclose(mixture.responsibilities(x), joint.softmax(1), 1e-8, 1e-8));
  EXPECT_NEAR(mixture.log_likelihood, joint.logsumexp(1).mean().item<double>(), 1e-8);
  EXPECT_NEAR(mixture.weights.sum().item<double>(), 1, 1e-12);
}

TEST(Mixture, FindsHeapsThatCross) {
  auto generator = make_generator(3);
  const auto x = crossing_heaps(generator);
  const auto mixture = fit_mixture(x, 3, {}, generator);
  const auto clusters = mixture.responsibilities(x).argmax(1);
  for (const auto& [begin, end] : {std::pair{0, 3000}, {3000, 5000}, {5000, 5500}}) {
    const auto heap = clusters.slice(0, begin, end);
    const auto most = std::get<0>(heap.mode());
    EXPECT_GT((heap == most).to(torch::kFloat64).mean().item<double>(), 0.85);
  }
}

// One step of EM as the textbook has it, in loops over components.
Mixture step_by_definition(const Mixture& mixture, const torch::Tensor& x, bool diagonal,
                           const torch::Tensor& floor) {
  const auto r = log_joint_by_definition(mixture, x).softmax(1);
  Mixture next;
  next.weights = r.mean(0);
  next.means = torch::mm(r.t(), x) / r.sum(0).unsqueeze(1);
  std::vector<torch::Tensor> covariances;
  for (int64_t k = 0; k < r.size(1); ++k) {
    const auto e = x - next.means[k];
    const auto full = torch::mm(e.t(), e * r.select(1, k).unsqueeze(1)) / r.select(1, k).sum();
    covariances.push_back((diagonal ? torch::diag(full.diagonal()) : full) + torch::diag(floor));
  }
  next.covariances = torch::stack(covariances);
  return next;
}

void expect_textbook_step(bool diagonal) {
  auto generator = make_generator(4);
  const auto x = crossing_heaps(generator);
  MixtureOptions options;
  options.diagonal = diagonal;
  options.iterations = 2;
  options.starts = 1;
  const auto before = fit_mixture(x, 3, options, generator);
  options.iterations = 1;
  const auto after = fit_mixture(x, before, options);
  const auto floor = 1e-6 * x.var(0, /*unbiased=*/false);
  const auto expected = step_by_definition(before, x, diagonal, floor);
  EXPECT_TRUE(torch::allclose(after.weights, expected.weights, 1e-8));
  EXPECT_TRUE(torch::allclose(after.means, expected.means, 1e-8));
  EXPECT_TRUE(torch::allclose(after.covariances, expected.covariances, 1e-7));
}

TEST(Mixture, StepsAreThoseOfTheTextbook) {
  expect_textbook_step(/*diagonal=*/false);
  expect_textbook_step(/*diagonal=*/true);
}

TEST(Mixture, LikelihoodNeverFalls) {
  auto generator = make_generator(5);
  const auto x = crossing_heaps(generator);
  MixtureOptions options;
  options.splits = false;
  options.iterations = 1;
  options.starts = 1;
  auto mixture = fit_mixture(x, 5, options, generator);
  for (int step = 0; step < 60; ++step) {
    const auto next = fit_mixture(x, mixture, options);
    EXPECT_GE(next.log_likelihood, mixture.log_likelihood - 1e-6);  // the floor's share
    mixture = next;
  }
}

TEST(Mixture, KeepsTheBestStart) {
  auto generator = make_generator(6);
  const auto x = draw({400, 2}, generator);
  MixtureOptions options;
  options.splits = false;
  options.starts = 8;
  auto one = make_generator(7);
  const auto best = fit_mixture(x, 6, options, one);
  options.starts = 1;
  auto each = make_generator(7);
  double highest = -std::numeric_limits<double>::infinity();
  for (int start = 0; start < 8; ++start) {
    highest = std::max(highest, fit_mixture(x, 6, options, each).log_likelihood);
  }
  EXPECT_EQ(best.log_likelihood, highest);
}

TEST(Mixture, SplitsAndMergersLeaveABadStart) {
  // Of ten heaps two are one component and one is two: EM alone stays there.
  auto generator = make_generator(14);
  const auto heap = torch::arange(10).repeat_interleave(200);
  const auto x = draw({2000, 4}, generator) + 20 * draw({10, 4}, generator).index_select(0, heap);
  auto given = torch::where(heap == 1, torch::zeros_like(heap), heap);
  given = torch::where((heap == 7) & (x.select(1, 0) > x.slice(0, 1400, 1600).select(1, 0).mean()),
                       torch::ones_like(heap), given);
  const auto one_hot = torch::one_hot(given, 10).to(torch::kFloat64);
  const auto stuck = fit_mixture(x, one_hot, {});
  const auto right = fit_mixture(x, torch::one_hot(heap, 10).to(torch::kFloat64), {});
  EXPECT_LT(stuck.log_likelihood, right.log_likelihood - 0.1);
  EXPECT_NEAR(split_and_merge(x, stuck, {}).log_likelihood, right.log_likelihood, 1e-3);
  EXPECT_EQ(split_and_merge(x, right, {}).log_likelihood, right.log_likelihood);
}

TEST(Mixture, ExcessKurtosisTellsTails) {
  // Of half the points at -1 and half at 1 the fourth moment is 1, a Gaussian's 3 (N - 1) / (N +
  // 1).
  const auto ends = torch::tensor({-1.0, 1.0}, torch::kFloat64).repeat({50}).unsqueeze(1);
  const Mixture one{torch::ones({1}, torch::kFloat64), torch::zeros({1, 1}, torch::kFloat64),
                    torch::ones({1, 1, 1}, torch::kFloat64)};
  EXPECT_NEAR(one.excess_kurtosis(ends), (1 - 3 * 99.0 / 101) / std::sqrt(24.0 / 100), 1e-9);

  auto generator = make_generator(15);
  const auto x = crossing_heaps(generator);
  const auto of_heaps = [](const torch::Tensor& points) {
    auto same = make_generator(16);
    return fit_mixture(points, 3, {}, same).excess_kurtosis(points);
  };
  EXPECT_LT(std::abs(of_heaps(x)), 3);
  EXPECT_NEAR(of_heaps(x * 100 - 7), of_heaps(x), 1e-3);  // whatever the units
  const auto skewed = draw({1000, 4}, generator).abs().log();
  EXPECT_GT(fit_mixture(skewed, 1, {}, generator).excess_kurtosis(skewed), 10);
  const auto box = torch::rand({1000, 4}, generator, torch::kFloat64);
  EXPECT_LT(fit_mixture(box, 1, {}, generator).excess_kurtosis(box), -5);
}

TEST(Mixture, CanBeStoppedAtEachIteration) {
  auto generator = make_generator(17);
  const auto x = crossing_heaps(generator);
  MixtureOptions options;
  options.starts = 1;
  int64_t within = 0, after = 0, last = -1;
  const auto count = [&](int64_t done, int64_t) {
    if (++(done == 0 ? within : after) == last) throw Interrupted("stopped");
  };
  const auto fit = [&] {
    within = after = 0;
    auto same = make_generator(18);
    return fit_mixture(x, 4, options, same, count);
  };
  // At each iteration of the start's k-means, at its end and at each iteration of EM.
  options.splits = false;
  const int64_t iterations = fit().iterations;
  auto same = make_generator(18);
  EXPECT_EQ(within, k_means(x, 4, {.starts = 1}, same).iterations + 1 + iterations);
  EXPECT_EQ(after, 1);
  last = within;
  EXPECT_THROW(fit(), Interrupted);
  // Among what splits and mergers try.
  options.splits = true;
  last = within + 1;
  EXPECT_THROW(fit(), Interrupted);
  EXPECT_EQ(after, last);
}

TEST(Mixture, ComponentsWithoutPointsStartAgain) {
  auto generator = make_generator(8);
  const auto x = torch::cat({draw({500, 2}, generator), draw({500, 2}, generator) + 20});
  auto responsibilities = torch::zeros({1000, 2}, torch::kFloat64);
  responsibilities.select(1, 0).fill_(1);
  const auto mixture = fit_mixture(x, responsibilities, {});
  EXPECT_TRUE(torch::allclose(mixture.weights, torch::full({2}, 0.5, torch::kFloat64), 0, 0.01));
}

TEST(Mixture, ComponentsDoNotCloseInOnAFewEqualPoints) {
  auto generator = make_generator(9);
  const auto x = torch::cat({draw({1000, 3}, generator), torch::zeros({3, 3}, torch::kFloat64)});
  const auto mixture = fit_mixture(x, 4, {}, generator);
  EXPECT_GE(mixture.weights.min().item<double>() * 1003, 4 - 1e-6);
}

TEST(Mixture, ResponsibilitiesGivenAreWhereItStarts) {
  auto generator = make_generator(10);
  const auto x = crossing_heaps(generator);
  const auto r = draw({x.size(0), 2}, generator).softmax(1);
  MixtureOptions options;
  options.iterations = 0;
  const auto start = fit_mixture(x, r, options);
  EXPECT_TRUE(torch::allclose(start.weights, r.mean(0), 1e-12));
  EXPECT_TRUE(torch::allclose(start.means, torch::mm(r.t(), x) / r.sum(0).unsqueeze(1), 1e-10));
  EXPECT_EQ(start.iterations, 0);
  EXPECT_NEAR(start.log_likelihood, start.log_prob(x).mean().item<double>(), 1e-8);
}

TEST(Mixture, SameSeedSameNumbers) {
  auto generator = make_generator(11);
  const auto x = crossing_heaps(generator).to(torch::kFloat32);
  auto one = make_generator(12), same = make_generator(12);
  EXPECT_TRUE(torch::equal(fit_mixture(x, 4, {}, one).means, fit_mixture(x, 4, {}, same).means));
}

TEST(Mixture, ConstantFeaturesAndTooFewPoints) {
  auto generator = make_generator(13);
  auto x = draw({200, 3}, generator);
  x.select(1, 1).fill_(5);
  EXPECT_TRUE(std::isfinite(fit_mixture(x, 3, {}, generator).log_likelihood));
  EXPECT_THROW(fit_mixture(x.slice(0, 0, 2), 3, {}, generator), Error);
  EXPECT_THROW(fit_mixture(torch::full_like(x, HUGE_VAL), 1, {}, generator), Error);
}

}  // namespace
}  // namespace clade
