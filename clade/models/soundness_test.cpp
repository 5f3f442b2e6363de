// One suite judges every model in the registry, on points of four bits: small enough that p(x) can
// be had for every x there is, by drawing from the generative model alone.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "clade/models/mean_bound.h"
#include "clade/models/registry.h"
#include "clade/models/small_models_for_tests.h"

namespace clade {
namespace {

constexpr int64_t kBits = 4;

torch::Tensor every_x() {  // [16, 4]
  const auto code = torch::arange(16).unsqueeze(1);
  return code.bitwise_right_shift(torch::arange(kBits)).bitwise_and(1).to(torch::kFloat32);
}

/// A small instance of the model whose weights are large enough for every term to matter, and small
/// enough for averages over draws to settle.
std::shared_ptr<Model> small_model(const std::string& which, int64_t clusters = 3,
                                   const std::string& estimator = "exact", bool batch_norm = true) {
  const std::string name = which.substr(0, which.find(' '));
  const auto options = small_options(name, clusters, estimator);
  if (!batch_norm) from_json({{"batch_norm", false}}, *options);
  if (name != which) from_json({{"prior", which.substr(which.rfind(' ') + 1)}}, *options);
  auto generator = make_generator(7);
  auto model = find_model(name).make(*options, kBits, generator);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.mul_(0.7).add_(torch::empty_like(parameter).normal_(0, 0.12, generator));
  }
  model->eval();
  return model;
}

/// log p(x) of every x from draws of the generative model, without the inference network.
torch::Tensor log_p_by_sampling(Model& model) {  // [16]
  auto generator = make_generator(11);
  torch::NoGradGuard no_grad;
  const auto x = every_x().to(torch::kFloat64).unsqueeze(1);  // [16, 1, 4]
  torch::Tensor p = torch::zeros({16}, torch::kFloat64);
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const auto on = model.sample(20000, std::nullopt, generator).to(torch::kFloat64);  // [n, 4]
    p += (x * on + (1 - x) * (1 - on)).prod(-1).mean(1) / kRounds;
  }
  return p.log();
}

/// F_S of every x, averaged over `repeats` independent estimates.
torch::Tensor importance_bound(Model& model, int64_t samples, int64_t repeats) {  // [16]
  auto generator = make_generator(13);
  torch::NoGradGuard no_grad;
  const auto log_w = model.log_weights(every_x())(samples * repeats, generator).to(torch::kFloat64);
  return torch::logsumexp(log_w.view({repeats, samples, 16}), 1).mean(0) -
         std::log(static_cast<double>(samples));
}

/// A model of the registry, "hvae", or one with another p(z) than its own, "hvae with mixture".
class Soundness : public testing::TestWithParam<std::string> {};

TEST_P(Soundness, BoundsAreOrdered) {
  const auto model = small_model(GetParam());
  const auto log_p = log_p_by_sampling(*model);
  const auto f1 = importance_bound(*model, 1, 20000);
  const auto f10 = importance_bound(*model, 10, 2000);
  const auto f1000 = importance_bound(*model, 1000, 20);
  // Means over x, whose Monte Carlo error is far below the slack; single points only roughly.
  const auto mean = [](const torch::Tensor& f) { return f.mean().item<double>(); };
  const double slack = 0.02;
  EXPECT_LT(mean(f1), mean(f10) + slack);
  EXPECT_LT(mean(f10), mean(f1000) + slack);
  EXPECT_LT(mean(f1000), mean(log_p) + slack);
  EXPECT_LT(mean(log_p) - mean(f1000), 5 * slack);
  EXPECT_LT((log_p - f1000).abs().max().item<double>(), 0.3) << f1000 << log_p;
  EXPECT_GT((f1000 - f1).mean().item<double>(), 0.05);  // else this model tests nothing
}

TEST_P(Soundness, ProbabilitiesSumToOne) {
  const auto model = small_model(GetParam());
  EXPECT_NEAR(log_p_by_sampling(*model).exp().sum().item<double>(), 1, 1e-6);
  EXPECT_NEAR(importance_bound(*model, 5000, 8).exp().sum().item<double>(), 1, 0.02);
}

TEST_P(Soundness, BoundIsTheMeanOfTheLogWeights) {
  const auto model = small_model(GetParam());
  auto generator = make_generator(17);
  torch::NoGradGuard no_grad;
  torch::Tensor elbo = torch::zeros({16}, torch::kFloat64);
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    elbo += model->bound(every_x(), generator).elbo() / kRounds;
  }
  const auto f1 = importance_bound(*model, 1, 40000);
  EXPECT_LT((elbo - f1).abs().max().item<double>(), 0.06) << elbo << f1;
}

TEST_P(Soundness, TermsSumToTheElbo) {
  const auto model = small_model(GetParam());
  auto generator = make_generator(19);
  const Bound bound = model->bound(every_x(), generator);
  torch::Tensor sum = torch::zeros({16});
  for (const Term& term : bound.terms) {
    ASSERT_EQ(term.value.sizes(), (std::vector<int64_t>{16})) << term.name;
    sum = term.role == Role::divergence ? sum - term.value : sum + term.value;
  }
  EXPECT_TRUE(torch::allclose(sum, bound.elbo()));
}

TEST_P(Soundness, GradientsAreFiniteDifferences) {
  for (const char* estimator : {"exact", "gumbel"}) {
    const auto model = small_model(GetParam(), 3, estimator);
    model->to(torch::kFloat64);
    model->train();
    const auto x = every_x().to(torch::kFloat64);
    const auto loss = [&] {
      auto generator = make_generator(23);
      return model->bound(x, generator).elbo().mean();
    };
    loss().backward();
    for (const auto& item : model->named_parameters()) {
      torch::NoGradGuard no_grad;
      auto flat = item.value().view(-1);
      const int64_t i = flat.numel() / 2;
      const double step = 1e-6;
      flat[i] += step;
      const double above = loss().item<double>();
      flat[i] -= 2 * step;
      const double below = loss().item<double>();
      flat[i] += step;
      const double expected = (above - below) / (2 * step);
      const double found =
          item.value().grad().defined() ? item.value().grad().view(-1)[i].item<double>() : 0;
      EXPECT_NEAR(found, expected, 1e-6 + 1e-4 * std::abs(expected))
          << estimator << " " << item.key();
    }
  }
}

TEST_P(Soundness, SumAndSampleIsUnbiased) {
  // Bound and gradient, each a mean over many draws. Without batch norm, whose statistics are those
  // of the clusters looked at.
  constexpr int64_t kCopies = 12000;
  const auto x = every_x().repeat({kCopies, 1});
  const auto mean_and_gradient = [&](const std::string& estimator) {
    const auto model = small_model(GetParam(), 4, estimator, /*batch_norm=*/false);
    model->train();
    auto generator = make_generator(53);
    const auto elbo = model->bound(x, generator).elbo().mean();
    elbo.backward();
    std::vector<torch::Tensor> gradient;
    for (const auto& parameter : model->parameters()) {
      if (parameter.grad().defined()) gradient.push_back(parameter.grad().reshape(-1));
    }
    return std::pair(elbo.item<double>(), torch::cat(gradient));
  };
  const auto [exact, exact_gradient] = mean_and_gradient("exact");
  const auto [estimate, gradient] = mean_and_gradient("sum_and_sample");
  EXPECT_NEAR(estimate, exact, 0.01);
  EXPECT_LT((gradient - exact_gradient).norm().item<double>(),
            0.03 * exact_gradient.norm().item<double>());
}

TEST_P(Soundness, OneClusterHasNoClusterTerm) {
  const auto model = small_model(GetParam(), 1);
  auto generator = make_generator(29);
  for (const Term& term : model->bound(every_x(), generator).terms) {
    if (term.name == "KL(y)") {
      EXPECT_LT(term.value.abs().max().item<double>(), 1e-6);
    }
  }
  EXPECT_TRUE(
      torch::equal(model->cluster_probabilities(every_x(), generator), torch::ones({16, 1})));
}

TEST_P(Soundness, EncodesClustersAndLayers) {
  const auto model = small_model(GetParam());
  auto generator = make_generator(31);
  torch::NoGradGuard no_grad;
  const auto q_y = model->cluster_probabilities(every_x(), generator);
  ASSERT_EQ(q_y.sizes(), (std::vector<int64_t>{16, model->clusters()}));
  EXPECT_LT((q_y.sum(-1) - 1).abs().max().item<double>(), 1e-5);
  // The layers' KL, averaged over draws, are the bound's own KL terms of z.
  double layers = 0, terms = 0;
  for (int round = 0; round < 3000; ++round) {
    for (const auto& layer : model->encode(every_x(), generator)) {
      layers += layer.divergence.sum().item<double>() / 3000;
    }
    for (const auto& term : model->bound(every_x(), generator).terms) {
      if (term.role == Role::divergence && term.name != "KL(y)")
        terms += term.value.sum().item<double>() / 3000;
    }
  }
  EXPECT_NEAR(layers / 16, terms / 16, 0.03);
}

TEST_P(Soundness, GeneratesFromEveryCluster) {
  const auto model = small_model(GetParam());
  auto generator = make_generator(37);
  torch::NoGradGuard no_grad;
  for (int64_t k = 0; k < model->clusters(); ++k) {
    const auto x = model->sample(5, k, generator);
    ASSERT_EQ(x.sizes(), (std::vector<int64_t>{5, kBits}));
    EXPECT_TRUE(((x >= 0) * (x <= 1)).all().item<bool>());
  }
  EXPECT_ANY_THROW(model->sample(5, model->clusters(), generator));
  EXPECT_EQ(model->reconstruct(every_x()).sizes(), every_x().sizes());
}

TEST_P(Soundness, DrawsClustersByTheirWeights) {
  const auto model = small_model(GetParam());
  const int64_t K = model->clusters();
  if (K == 1) return;
  model->set_aggregated_posterior(torch::tensor({0.7, 0.25, 0.05}));
  auto generator = make_generator(38);
  torch::NoGradGuard no_grad;
  constexpr int64_t kDraws = 100000;
  const auto weights = model->cluster_weights(generator);
  EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-5);
  auto expected = torch::zeros({kBits});
  for (int64_t k = 0; k < K; ++k) {
    expected += weights[k] * model->sample(kDraws, k, generator).mean(0);
  }
  const auto found = model->sample(kDraws, std::nullopt, generator).mean(0);
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.004) << found << expected;
}

TEST_P(Soundness, TakesAnyBatchSize) {
  const auto model = small_model(GetParam());
  for (const bool training : {true, false}) {
    model->train(training);
    for (const int64_t rows : {1, 2, 7}) {
      auto generator = make_generator(41);
      const auto elbo = model->bound(every_x().slice(0, 0, rows), generator).elbo();
      EXPECT_EQ(elbo.numel(), rows);
      EXPECT_TRUE(torch::isfinite(elbo).all().item<bool>());
    }
  }
}

TEST_P(Soundness, SameSeedSameNumbers) {
  const auto once = [&] {
    const auto model = small_model(GetParam());
    auto generator = make_generator(43);
    return model->bound(every_x(), generator).elbo();
  };
  EXPECT_TRUE(torch::equal(once(), once()));
}

TEST_P(Soundness, ReportsTheExactBoundWhateverTheEstimator) {
  const auto once = [&](const char* estimator) {
    const auto model = small_model(GetParam(), 3, estimator);
    auto generator = make_generator(47);
    return mean_bound(*model, every_x(), generator).elbo;
  };
  EXPECT_EQ(once("exact"), once("gumbel"));
  EXPECT_EQ(once("exact"), once("sum_and_sample"));
}

INSTANTIATE_TEST_SUITE_P(
    Registry, Soundness, testing::ValuesIn([] {
      std::vector<std::string> names = {"indp with vampprior", "hvae with mixture"};
      for (const auto& model : models()) names.push_back(model.name);
      return names;
    }()),
    [](const auto& test) {
      std::string name = test.param;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

}  // namespace
}  // namespace clade
