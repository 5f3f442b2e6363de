#include "clade/clustering/bernoulli_mixture.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/core/error.h"

namespace clade {
namespace {

const auto kDouble = torch::kFloat64;

/// All of D bits, [2^D, D].
torch::Tensor every_row(int64_t D) {
  const auto numbers = torch::arange(int64_t{1} << D).unsqueeze(1);
  return torch::bitwise_and(numbers, torch::tensor({1, 2, 4, 8, 16}).slice(0, 0, D))
      .gt(0)
      .to(kDouble);
}

/// N rows, the classes 0 to K - 1 in turn, of bits with these probabilities, [K, D].
torch::Tensor rows_of(const torch::Tensor& p, int64_t N, Generator& generator) {
  const auto classes = torch::arange(N).remainder(p.size(0));
  return torch::bernoulli(p.index_select(0, classes), generator);
}

TEST(BernoulliMixture, IsAProbabilityAndBayesRule) {
  const BernoulliMixture mixture{torch::tensor({0.3, 0.7}, kDouble),
                                 torch::tensor({{0.9, 0.2, 0.5}, {0.1, 0.6, 0.4}}, kDouble)};
  const auto x = every_row(3);
  EXPECT_NEAR(mixture.log_prob(x).exp().sum().item<double>(), 1, 1e-12);
  // Of 1, 0, 1 by hand.
  const double one = 0.3 * 0.9 * 0.8 * 0.5, two = 0.7 * 0.1 * 0.4 * 0.4;
  const auto row = torch::tensor({{1.0, 0.0, 1.0}}, kDouble);
  EXPECT_NEAR(mixture.log_prob(row).item<double>(), std::log(one + two), 1e-12);
  EXPECT_NEAR(mixture.responsibilities(row)[0][0].item<double>(), one / (one + two), 1e-12);
}

TEST(BernoulliMixture, OfOneComponentIsTheSharesOfOnes) {
  auto generator = make_generator(1);
  const auto x = rows_of(torch::tensor({{0.2, 0.9}}, kDouble), 99, generator);
  const auto mixture = fit_bernoulli_mixture(x, 1, /*starts=*/1, generator);
  EXPECT_TRUE(mixture.means.allclose(((x.sum(0) + 0.5) / 100).unsqueeze(0)));
  EXPECT_NEAR(mixture.log_likelihood, mixture.log_prob(x).mean().item<double>(), 1e-12);
}

TEST(BernoulliMixture, FindsTheClassesThatBitsAreDrawnFrom) {
  auto generator = make_generator(2);
  const auto p = torch::where(torch::rand({4, 12}, generator) < 0.5, 0.85, 0.15).to(kDouble);
  const auto x = rows_of(p, 2000, generator);
  const auto classes = torch::arange(2000).remainder(4);
  const auto mixture = fit_bernoulli_mixture(x, 4, /*starts=*/5, generator);
  const auto found = mixture.responsibilities(x).argmax(1);
  EXPECT_GT(adjusted_rand_index(found, classes), 0.8);
  // EM ends where a step changes nothing: counts by responsibilities are the means.
  const auto r = mixture.responsibilities(x);
  const auto again = (r.t().matmul(x) + 0.5) / (r.sum(0) + 1).unsqueeze(1);
  EXPECT_LT((again - mixture.means).abs().max().item<double>(), 0.01);
  // More likely than the truth, which was not fitted.
  const BernoulliMixture truth{torch::full({4}, 0.25, kDouble), p};
  EXPECT_GT(mixture.log_likelihood, truth.log_prob(x).mean().item<double>());
}

// Of more rows than a block has, by two starts.
TEST(BernoulliMixture, IsOfAllBlocksAndSaysHowFarItIs) {
  auto generator = make_generator(4);
  const auto p = torch::tensor({{0.9, 0.9, 0.9, 0.1, 0.1}, {0.2, 0.1, 0.1, 0.9, 0.9}}, kDouble);
  const auto x = rows_of(p, 100000, generator);
  std::vector<int64_t> counts;
  const auto progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 2);
    counts.push_back(done);
  };
  const auto mixture = fit_bernoulli_mixture(x, 2, /*starts=*/2, generator, progress);
  EXPECT_NEAR(mixture.log_likelihood, mixture.log_prob(x).mean().item<double>(), 1e-10);
  EXPECT_LT(
      (std::get<0>(mixture.means.sort(0)) - std::get<0>(p.sort(0))).abs().max().item<double>(),
      0.02);
  EXPECT_EQ(counts.front(), 0);
  EXPECT_EQ(counts.back(), 2);
  EXPECT_TRUE(std::is_sorted(counts.begin(), counts.end()));
  const auto of_start = std::count(counts.begin(), counts.end(), 0);
  EXPECT_GT(of_start, 3);  // each iteration of k-means and of EM
  int64_t calls = 0;
  const auto stop = [&](int64_t, int64_t) {
    if (++calls == 3) throw Interrupted("stopped");
  };
  EXPECT_THROW(fit_bernoulli_mixture(x, 2, 1, generator, stop), Interrupted);
}

TEST(BernoulliMixture, IsOfBitsAlone) {
  auto generator = make_generator(3);
  EXPECT_THROW(fit_bernoulli_mixture(torch::full({4, 2}, 1.5), 2, 1, generator), Error);
}

}  // namespace
}  // namespace clade
