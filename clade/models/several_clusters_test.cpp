// Models with several discrete latents, against loops over all their clusters.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/models/given.h"
#include "clade/models/two_levels_for_tests.h"

namespace clade {
namespace {

constexpr int64_t K1 = TwoLevels::K1, K2 = TwoLevels::K2;

std::shared_ptr<TwoLevels> two_levels(const EstimatorOptions& estimator = {},
                                      const LogVarianceRange& p_z = {-1, 1}) {
  auto generator = make_generator(1);
  auto model = std::make_shared<TwoLevels>(generator, estimator, p_z);
  model->to(torch::kFloat64);
  model->eval();
  return model;
}

torch::Tensor points(int64_t n = 6) {
  auto generator = make_generator(2);
  return torch::empty({n, TwoLevels::D}, torch::kFloat64).bernoulli_(0.5, generator);
}

/// What the sums by hand run over: each factor at one pair of clusters, z at the mean of q.
struct Factors {
  torch::Tensor q_y1, q_y2, p_y1;  // [B] probabilities of the two clusters
  torch::Tensor log_p_x;           // [B]
  torch::Tensor kl_z;              // [B]
};

Factors factors(TwoLevels& model, const torch::Tensor& x, int64_t first, int64_t second) {
  const auto y1 = torch::full({x.size(0)}, first, torch::kInt64);
  const auto y2 = torch::full({x.size(0)}, second, torch::kInt64);
  const auto q_z = model.q_z_given_x_y1_y2(x, y1, y2);
  const auto p_z = model.p_z_given_y2(y2);
  const auto z = q_z.mean();
  const auto on = model.p_x_given_y1_z(y1, z)->mean();
  const auto q = q_z.log_variance(), p = p_z.log_variance();
  const auto away = (z - p_z.mean()).square();
  return {model.q_y1_given_x(x).probs().select(1, first),
          model.q_y2_given_x_y1(x, y1).probs().select(1, second),
          model.p_y1_given_z(z).probs().select(1, first),
          (x * on.log() + (1 - x) * (1 - on).log()).sum(1),
          0.5 * (p - q + (q.exp() + away) / p.exp() - 1).sum(1)};
}

/// The terms of the bound, in its order: log p(x|y1,z), KL(y1), KL(z), KL(y2).
std::vector<torch::Tensor> terms_by_hand(TwoLevels& model, const torch::Tensor& x) {
  std::vector<torch::Tensor> terms(4, torch::zeros({x.size(0)}, torch::kFloat64));
  for (int64_t i = 0; i < K1; ++i) {
    for (int64_t j = 0; j < K2; ++j) {
      const Factors f = factors(model, x, i, j);
      const auto weight = f.q_y1 * f.q_y2;
      terms[0] = terms[0] + weight * f.log_p_x;
      terms[1] = terms[1] + weight * (f.q_y1 / f.p_y1).log();
      terms[2] = terms[2] + weight * f.kl_z;
      terms[3] = terms[3] + weight * (f.q_y2 * K2).log();
    }
  }
  return terms;
}

torch::Tensor elbo_by_hand(TwoLevels& model, const torch::Tensor& x) {
  const auto terms = terms_by_hand(model, x);
  return terms[0] - terms[1] - terms[2] - terms[3];
}

TEST(SeveralClusters, AreListedWithTheLargestAsTheMainOne) {
  const auto model = two_levels();
  EXPECT_EQ(model->clusterings(), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(model->discrete()[model->main_discrete()].name, "y2");
  EXPECT_EQ(model->clusters(), K2);
  EXPECT_EQ(model->decodings(), K1 * K2);
  std::vector<std::string> names;
  for (const LatentInfo& latent : model->latents()) names.push_back(latent.name);
  EXPECT_EQ(names, (std::vector<std::string>{"y2", "z", "y1"}));
}

TEST(SeveralClusters, BoundIsTheSumOverAllPairs) {
  const auto model = two_levels();
  const auto x = points();
  const auto expected = terms_by_hand(*model, x);
  for (const int64_t samples : {0, 3}) {
    auto generator = make_generator(3);
    const Bound bound = model->bound(x, generator, samples);
    ASSERT_EQ(bound.terms.size(), 4u);
    const char* names[] = {"log p(x|y1,z)", "KL(y1)", "KL(z)", "KL(y2)"};
    for (size_t t = 0; t < 4; ++t) {
      EXPECT_EQ(bound.terms[t].name, names[t]);
      EXPECT_TRUE(torch::allclose(bound.terms[t].value.expand_as(bound.elbo()),
                                  expected[t].expand_as(bound.elbo()), 1e-5, 1e-5))
          << names[t] << bound.terms[t].value << expected[t];
    }
    EXPECT_EQ(bound.elbo().dim(), samples > 0 ? 2 : 1);
  }
}

/// A bound of each point, [B], how far off its Monte Carlo error lets it be, and its gradients.
struct Estimate {
  torch::Tensor elbo, error;
  std::map<std::string, torch::Tensor> gradients;
};

/// draws: [S, B].
Estimate mean_of(const torch::Tensor& draws, TwoLevels& model) {
  model.zero_grad();
  const auto elbo = draws.mean(0);
  elbo.sum().backward();
  const auto S = static_cast<double>(draws.size(0));
  Estimate result{elbo.detach(), 4 * draws.detach().std(0, false) / std::sqrt(S), {}};
  for (const auto& item : model.named_parameters()) {
    if (item.value().grad().defined()) result.gradients[item.key()] = item.value().grad().clone();
  }
  return result;
}

/// Of the bound in training.
Estimate estimate(const EstimatorOptions& options) {
  constexpr int64_t kRepeats = 20000;
  const auto model = two_levels(options);
  model->train();
  auto generator = make_generator(4);
  const auto x = points();
  const auto elbo = model->bound(x.repeat({kRepeats, 1}), generator).elbo();
  return mean_of(elbo.view({kRepeats, x.size(0)}), *model);
}

/// Of the sum by hand.
Estimate exact() {
  const auto model = two_levels();
  return mean_of(elbo_by_hand(*model, points()).unsqueeze(0), *model);
}

void expect_unbiased(const Estimate& found) {
  EXPECT_LT(found.error.max().item<double>(), 0.5);  // else this shows nothing
  const auto off = (found.elbo - exact().elbo).abs();
  EXPECT_TRUE((off < found.error + 0.01).all().item<bool>()) << off << found.error;
}

void expect_unbiased_gradients(const Estimate& found) {
  for (const auto& [name, gradient] : exact().gradients) {
    if (name.rfind("q_z_given_x_y1_y2.log_variance", 0) == 0) continue;  // held
    const double size = gradient.abs().max().item<double>();
    EXPECT_LT((found.gradients.at(name) - gradient).abs().max().item<double>(), 0.02 + 0.02 * size)
        << name << found.gradients.at(name) << gradient;
  }
}

TEST(SeveralClusters, SumAndSampleIsUnbiasedInValueAndGradient) {
  EstimatorOptions options;
  options.kind = "sum_and_sample";
  options.summed_clusters = 1;
  const Estimate found = estimate(options);
  expect_unbiased(found);
  expect_unbiased_gradients(found);
}

// All of y1 and half of y2 is summed: q(y2 | x, y1), of which the rest is drawn, is one for all
// samples.
TEST(SeveralClusters, SumAndSampleDrawsAnewForEachSampleBelowAnExactSum) {
  EstimatorOptions options;
  options.kind = "sum_and_sample";
  options.summed_clusters = 2;
  const auto model = two_levels(options);
  model->train();
  auto generator = make_generator(4);
  const auto elbo = model->bound(points(), generator, /*samples=*/4000).elbo();  // [S, B]
  EXPECT_GT(elbo.std(0).min().item<double>(), 0.01) << elbo.std(0);
  const Estimate found = mean_of(elbo, *model);
  expect_unbiased(found);
  expect_unbiased_gradients(found);
}

TEST(SeveralClusters, GumbelAtALowTemperatureIsTheSum) {
  EstimatorOptions options;
  options.kind = "gumbel";
  options.temperature = options.temperature_floor = 0.01;
  expect_unbiased(estimate(options));
}

TEST(SeveralClusters, WeightsAverageToTheBound) {
  const auto model = two_levels();
  torch::NoGradGuard no_grad;
  auto generator = make_generator(5);
  const auto drawn = model->log_weights(points())(40000, generator).elbo().mean(0);
  const auto bound = elbo_by_hand(*model, points());
  EXPECT_LT((drawn - bound).abs().max().item<double>(), 0.1) << drawn << bound;
}

TEST(SeveralClusters, ProbabilitiesOfTheSecondAreExpectedOverTheFirst) {
  const auto model = two_levels();
  const auto x = points();
  auto generator = make_generator(6);
  const auto found = model->cluster_probabilities(x, generator);
  ASSERT_EQ(found.size(), 2u);
  auto q_y2 = torch::zeros({x.size(0), K2}, torch::kFloat64);
  for (int64_t i = 0; i < K1; ++i) {
    for (int64_t j = 0; j < K2; ++j) {
      const Factors f = factors(*model, x, i, j);
      q_y2.select(1, j) += f.q_y1 * f.q_y2;
    }
  }
  EXPECT_TRUE(torch::allclose(found[0], model->q_y1_given_x(x).probs()));
  EXPECT_TRUE(torch::allclose(found[1], q_y2));
}

TEST(SeveralClusters, EachHasItsStoredPosterior) {
  const auto model = two_levels();
  EXPECT_TRUE(
      torch::allclose(model->aggregated_posterior(1), torch::full({K2}, 0.25, torch::kFloat64)));
  const auto first = torch::tensor({0.2, 0.3, 0.5}, torch::kFloat64);
  const auto second = torch::tensor({0.1, 0.2, 0.3, 0.4}, torch::kFloat64);
  model->set_aggregated_posterior(first, 0);
  model->set_aggregated_posterior(second, 1);
  const auto buffers = model->named_buffers();
  EXPECT_TRUE(torch::equal(buffers["aggregated_posterior"], first));
  EXPECT_TRUE(torch::equal(buffers["aggregated_posterior_y2"], second));
  // p(y2) is uniform, in place of the q(y2) it is drawn from; p(y1) is learned.
  auto generator = make_generator(7);
  EXPECT_TRUE(torch::equal(model->cluster_weights(1, generator), second));
  EXPECT_GT((model->cluster_weights(0, generator) - first).abs().max().item<double>(), 0.01);
}

/// With p(z | y2) as narrow as q(z): generations are sums over y2.
class GenerationsOnTwoLevels : public testing::Test {
 protected:
  GenerationsOnTwoLevels() : model_(two_levels({}, {-30, -30})) {
    model_->set_aggregated_posterior(share_, 1);
  }

  /// p(y1 | y2), [K2, K1].
  torch::Tensor p_y1_given_y2() const {
    const auto z = model_->p_z_given_y2(torch::arange(K2)).mean();
    return model_->p_y1_given_z(z).probs();
  }
  /// E[x | y1, y2], [D].
  torch::Tensor mean(int64_t y1, int64_t y2) const {
    const auto z = model_->p_z_given_y2(torch::tensor({y2})).mean();
    return model_->p_x_given_y1_z(torch::tensor({y1}), z)->mean()[0];
  }
  torch::Tensor found(const std::vector<std::string>& given) {
    auto generator = make_generator(8);
    return model_->sample_means(40000, parse_given(given, *model_), generator).mean(0);
  }
  static void expect_near(const torch::Tensor& found, const torch::Tensor& expected) {
    EXPECT_LT((found - expected).abs().max().item<double>(), 0.01) << found << expected;
  }

  const torch::Tensor share_ = torch::tensor({0.1, 0.2, 0.3, 0.4}, torch::kFloat64);
  std::shared_ptr<TwoLevels> model_;
  torch::NoGradGuard no_grad_;
};

TEST_F(GenerationsOnTwoLevels, OfAClusterDrawTheOtherLatents) {
  const auto p_y1 = p_y1_given_y2();
  for (int64_t j = 0; j < K2; ++j) {
    auto expected = torch::zeros({TwoLevels::D}, torch::kFloat64);
    for (int64_t i = 0; i < K1; ++i) expected += p_y1[j][i] * mean(i, j);
    expect_near(found({"y2=" + std::to_string(j)}), expected);
  }
}

TEST_F(GenerationsOnTwoLevels, OfAClusterBelowResampleThoseAbove) {
  const auto p_y1 = p_y1_given_y2();
  for (int64_t i = 0; i < K1; ++i) {
    const auto joint = share_ * p_y1.select(1, i);  // [K2]
    const auto p_y2 = joint / joint.sum();
    auto expected = torch::zeros({TwoLevels::D}, torch::kFloat64);
    for (int64_t j = 0; j < K2; ++j) expected += p_y2[j] * mean(i, j);
    expect_near(found({"y1=" + std::to_string(i)}), expected);
  }
}

TEST_F(GenerationsOnTwoLevels, OfAClusterOnEachLevel) {
  expect_near(found({"y1=1", "y2=3"}), mean(1, 3));
}

TEST_F(GenerationsOnTwoLevels, OfAContinuousLatentHeld) {
  const auto z = torch::tensor({{0.5, -1.0}}, torch::kFloat64);
  const auto p_y1 = model_->p_y1_given_z(z).probs()[0];
  auto expected = torch::zeros({TwoLevels::D}, torch::kFloat64);
  for (int64_t i = 0; i < K1; ++i) {
    expected += p_y1[i] * model_->p_x_given_y1_z(torch::tensor({i}), z)->mean()[0];
  }
  expect_near(found({"z=0.5,-1"}), expected);
  expect_near(found({"z=0"}), found({"z=0,0"}));
}

}  // namespace
}  // namespace clade
