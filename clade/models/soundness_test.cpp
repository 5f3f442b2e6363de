// One suite judges every model in the registry under every kind of likelihood: on points of four
// bits, on a grid over the real line and on counts, where p(x) can be had for every x by drawing
// from the generative model alone.
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

/// A model of the registry, "hvae"; or one with another p(z) than its own, "hvae with mixture"; one
/// that reads and makes images, "gmvae with convolutions"; or "vlac in closed form", as is its
/// q(y | x); and what it is of.
struct Case {
  std::string which;
  std::string likelihood;
};

/// All points there are, and what each counts for in a sum over them.
struct Points {
  torch::Tensor x;    // [N, D]
  double weight = 1;  // an integral's step
};

Points every_x(const std::string& likelihood) {
  if (likelihood == "bernoulli") {
    const auto code = torch::arange(16).unsqueeze(1);
    return {code.bitwise_right_shift(torch::arange(4)).bitwise_and(1).to(torch::kFloat32)};
  }
  if (likelihood != "gaussian") return {torch::arange(41.0).log1p().unsqueeze(1)};  // counts
  // A sum over steps narrower than the density is its integral but for a part in 10⁸.
  constexpr double kStep = 0.75;
  return {torch::arange(-10, 11).unsqueeze(1) * kStep, kStep};  // [21, 1]
}

/// A small instance of the model whose weights are large enough for every term to matter, and small
/// enough for averages over draws to settle.
std::shared_ptr<Model> small_model(const Case& of, int64_t clusters = 3,
                                   const std::string& estimator = "exact", bool batch_norm = true,
                                   const std::string& activation = "") {
  const std::string name = of.which.substr(0, of.which.find(' '));
  const auto options = small_options(name, clusters, estimator);
  options->likelihood = of.likelihood;
  // Shares that weigh statistics are constants to the gradient: no finite difference is of such.
  if (to_json(*options).contains("weigh_statistics")) {
    from_json({{"weigh_statistics", false}}, *options);
  }
  if (!batch_norm) from_json({{"batch_norm", false}}, *options);
  if (!activation.empty()) from_json({{"activation", activation}}, *options);
  const bool of_images = of.which.ends_with("convolutions");
  if (of.which.ends_with("on both levels with convolutions")) {
    from_json({{"layers", {"3c2p1", "2c2"}}}, *options);
  } else if (of_images) {
    from_json({{"layers", {"3c2p1", "6"}}}, *options);  // levels of vlac, else one after another
  } else if (of.which.ends_with("in closed form")) {
    from_json({{"posterior", "closed_form"}}, *options);
  } else if (name != of.which) {
    from_json({{"prior", of.which.substr(of.which.rfind(' ') + 1)}}, *options);
  }
  auto generator = make_generator(7);
  const Parent x = of_images ? data_parent({2, 2}) : Parent{"x", every_x(of.likelihood).x.size(1)};
  auto model = find_model(name).make(*options, x, generator);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.mul_(0.7).add_(torch::empty_like(parameter).normal_(0, 0.12, generator));
  }
  model->eval();
  return model;
}

/// Of every count from 0 on, [N, n], for means [n, 1] of a negative binomial, α > 0, or a Poisson
/// distribution, α = 0: each from the one before.
torch::Tensor probabilities_of_counts(int64_t counts, const torch::Tensor& means, double alpha) {
  const auto mean = means.squeeze(1);  // [n]
  std::vector<torch::Tensor> p = {alpha > 0 ? (1 + alpha * mean).pow(-1 / alpha) : (-mean).exp()};
  while (static_cast<int64_t>(p.size()) < counts) {
    const auto n = static_cast<double>(p.size());
    p.push_back(p.back() * mean * (1 + alpha * (n - 1)) / (n * (1 + alpha * mean)));
  }
  return torch::stack(p);
}

/// The spread of p(x | ...), one number of that name.
double spread(Model& model, const std::string& name) {
  for (const auto& item : model.named_parameters()) {
    if (item.key().rfind("p_x", 0) != 0 || item.value().dim() > 1) continue;
    if (item.key().find(name) != std::string::npos) return item.value().item<double>();
  }
  throw std::logic_error("no " + name + " of p(x | latents)");
}

/// p(x | E[x | latents]), written down once more.
torch::Tensor density(Model& model, const std::string& likelihood, const torch::Tensor& x,
                      const torch::Tensor& mean) {
  if (likelihood == "bernoulli") return (x * mean + (1 - x) * (1 - mean)).prod(-1);
  if (likelihood == "poisson") return probabilities_of_counts(x.size(0), mean.expm1(), 0);
  if (likelihood == "negative_binomial") {
    const double alpha = std::exp(spread(model, "log_scale"));
    return probabilities_of_counts(x.size(0), mean.expm1(), alpha);
  }
  const double variance = std::exp(spread(model, "log_variance"));
  return ((x - mean).square() / (-2 * variance)).exp().squeeze(-1) / std::sqrt(2 * M_PI * variance);
}

/// log p(x) of every x from draws of the generative model, without the inference network.
torch::Tensor log_p_by_sampling(Model& model, const Case& of) {  // [N]
  auto generator = make_generator(11);
  torch::NoGradGuard no_grad;
  const auto x = every_x(of.likelihood).x.to(torch::kFloat64).unsqueeze(1);  // [N, 1, D]
  torch::Tensor p = torch::zeros({x.size(0)}, torch::kFloat64);
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const auto mean = model.sample_means(20000, {}, generator).to(torch::kFloat64);  // [n, D]
    p += density(model, of.likelihood, x, mean).mean(1) / kRounds;
  }
  return p.log();
}

/// F_S of every x, averaged over `repeats` independent estimates.
torch::Tensor importance_bound(Model& model, const torch::Tensor& x, int64_t samples,
                               int64_t repeats, const WeightOptions& how = {}) {  // [N]
  auto generator = make_generator(13);
  torch::NoGradGuard no_grad;
  const auto log_w =
      model.log_weights(x, how)(samples * repeats, generator).elbo().to(torch::kFloat64);
  return torch::logsumexp(log_w.view({repeats, samples, x.size(0)}), 1).mean(0) -
         std::log(static_cast<double>(samples));
}

/// What training on weights of S draws goes up, of every x, averaged over `repeats` of them.
torch::Tensor training_bound(Model& model, const torch::Tensor& x, int64_t samples,
                             int64_t repeats) {  // [N]
  auto generator = make_generator(14);
  torch::NoGradGuard no_grad;
  const int64_t N = x.size(0);
  const Bound draws = model.log_weights(x)(samples * repeats, generator);
  const auto log_w = draws.elbo().to(torch::kFloat64).reshape({-1, repeats, samples, N});
  const auto of_clusters =
      torch::logsumexp(log_w, 2).mean(1) - std::log(static_cast<double>(samples));  // [K…, N]
  if (!draws.share.defined()) return of_clusters[0];
  return (draws.share.reshape({-1, N}) * of_clusters).sum(0);
}

class Soundness : public testing::TestWithParam<Case> {
 protected:
  std::shared_ptr<Model> model(int64_t clusters = 3, const std::string& estimator = "exact",
                               bool batch_norm = true, const std::string& activation = "") const {
    return small_model(GetParam(), clusters, estimator, batch_norm, activation);
  }
  Points points() const { return every_x(GetParam().likelihood); }
  torch::Tensor x() const { return points().x; }
  int64_t size() const { return x().size(0); }
  bool has_estimator() const {
    const std::string& which = GetParam().which;
    return to_json(*find_model(which.substr(0, which.find(' '))).options()).contains("estimator");
  }
  /// The mean over x under p(x), in which points far from everything have no say.
  static double mean(const torch::Tensor& f, const torch::Tensor& log_p) {
    return ((f * log_p.exp()).sum() / log_p.exp().sum()).item<double>();
  }
};

TEST(Registry, KnowsWhichModelsTakeLabels) {
  for (const ModelEntry& entry : models()) {
    EXPECT_EQ(entry.takes_labels, small_model({entry.name, "bernoulli"})->takes_labels())
        << entry.name << ": with_labels() in registry.cpp says it";
  }
}

TEST_P(Soundness, BoundsAreOrdered) {
  const auto of = model();
  const auto log_p = log_p_by_sampling(*of, GetParam());
  const auto f1 = importance_bound(*of, x(), 1, 20000);
  const auto f10 = importance_bound(*of, x(), 10, 2000);
  const auto f1000 = importance_bound(*of, x(), 1000, 20);
  // Means over x, whose Monte Carlo error is far below the slack; single points only roughly.
  const double slack = 0.02;
  EXPECT_LT(mean(f1, log_p), mean(f10, log_p) + slack);
  EXPECT_LT(mean(f10, log_p), mean(f1000, log_p) + slack);
  EXPECT_LT(mean(f1000, log_p), mean(log_p, log_p) + slack);
  EXPECT_LT(mean(log_p, log_p) - mean(f1000, log_p), 5 * slack);
  const auto apart = ((log_p - f1000).abs() * (log_p > -9).to(torch::kFloat64)).max();
  EXPECT_LT(apart.item<double>(), 0.3) << f1000 << log_p;
  EXPECT_GT(mean(f1000 - f1, log_p), 0.04);  // else this model tests nothing
}

TEST_P(Soundness, ProbabilitiesSumToOne) {
  const auto of = model();
  const double weight = points().weight;
  EXPECT_NEAR(log_p_by_sampling(*of, GetParam()).exp().sum().item<double>() * weight, 1, 1e-4);
  EXPECT_NEAR(importance_bound(*of, x(), 5000, 8).exp().sum().item<double>() * weight, 1, 0.02);
}

TEST_P(Soundness, SummingTheClustersTightensTheBound) {
  const auto of = model();
  const auto log_p = log_p_by_sampling(*of, GetParam());
  const WeightOptions summed{.sum_clusters = true};
  const double drawn = mean(importance_bound(*of, x(), 1, 100000), log_p);
  const double all = mean(importance_bound(*of, x(), 1, 100000, summed), log_p);
  const double p_x = mean(log_p, log_p);
  EXPECT_LT(all, p_x + 0.01);
  EXPECT_NEAR(mean(importance_bound(*of, x(), 1000, 20, summed), log_p), p_x, 0.03);
  if (GetParam().which.rfind("gmvae", 0) == 0) {
    EXPECT_NEAR(all, drawn, 1e-4);  // p(y | z, w) is the posterior itself
  } else if (of->decodings() > 1) {
    // With y in the decoder alone there is next to nothing to gain.
    EXPECT_GT(all, drawn + (GetParam().which == "indqp" ? -0.003 : 0.005));
  } else {
    EXPECT_NEAR(all, drawn, 1e-5);
  }
}

TEST_P(Soundness, WeightsInTrainingRiseFromTheBoundAndStayBelowLogP) {
  const auto of = model(3, "exact", /*batch_norm=*/false);
  const auto log_p = log_p_by_sampling(*of, GetParam());
  auto generator = make_generator(15);
  torch::NoGradGuard no_grad;
  const double elbo = mean(of->bound(x(), generator, 20000).elbo().mean(0), log_p);
  of->train();
  const double f1 = mean(training_bound(*of, x(), 1, 20000), log_p);
  const double f1000 = mean(training_bound(*of, x(), 1000, 20), log_p);
  const double slack = 0.02;
  EXPECT_NEAR(f1, elbo, slack);
  EXPECT_GT(f1000, f1 + 0.02);  // else this model tests nothing
  EXPECT_LT(f1000, mean(log_p, log_p) + slack);
}

// Closed forms against draws: a KL that the bound takes in closed form is the mean of its draws.
TEST_P(Soundness, EachTermIsTheMeanOfItsDraws) {
  const auto of = model();
  auto generator = make_generator(17);
  torch::NoGradGuard no_grad;
  const Bound drawn = of->log_weights(x())(40000, generator);
  const Bound bound = of->bound(x(), generator, 4000);
  ASSERT_EQ(drawn.terms.size(), bound.terms.size());
  // Points in no cluster's reach have terms of hundreds of nats: their error goes with them.
  for (size_t i = 0; i < bound.terms.size(); ++i) {
    const Term &a = bound.terms[i], &b = drawn.terms[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.role, b.role);
    EXPECT_EQ(a.warms_up, b.warms_up);
    const auto expected = b.value.to(torch::kFloat64).mean(0);
    const auto wide = a.value.dim() > 1 ? a.value.mean(0) : a.value;
    const auto error = (wide - expected).abs() / (1 + 0.1 * expected.abs());
    EXPECT_LT(error.max().item<double>(), 0.06) << a.name << wide << expected;
  }
  const auto f1 = drawn.elbo().to(torch::kFloat64).mean(0);
  const auto error = (bound.elbo().mean(0) - f1).abs() / (1 + 0.1 * f1.abs());
  EXPECT_LT(error.max().item<double>(), 0.06);
}

TEST_P(Soundness, OneDrawIsTheMeanOfManyInExpectation) {
  const auto of = model();
  auto generator = make_generator(18);
  torch::NoGradGuard no_grad;
  torch::Tensor one = torch::zeros({size()}, torch::kFloat64);
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) one += of->bound(x(), generator).elbo() / kRounds;
  const auto many = of->bound(x(), generator, kRounds).elbo();
  ASSERT_EQ(many.sizes(), (std::vector<int64_t>{kRounds, size()}));
  const auto error = (one - many.mean(0)).abs() / (1 + 0.1 * one.abs());
  EXPECT_LT(error.max().item<double>(), 0.08);
}

TEST_P(Soundness, TermsSumToTheElbo) {
  const auto of = model();
  auto generator = make_generator(19);
  const Bound bound = of->bound(x(), generator);
  torch::Tensor sum = torch::zeros({size()});
  for (const Term& term : bound.terms) {
    ASSERT_EQ(term.value.sizes(), (std::vector<int64_t>{size()})) << term.name;
    sum = term.role == Role::divergence ? sum - term.value : sum + term.value;
  }
  EXPECT_TRUE(torch::allclose(sum, bound.elbo()));
}

/// How a model computes: in float64 by ATen, or in float32 by the fused passes of this machine.
struct Computing {
  at::ScalarType type;
  double step, absolute, relative;  // of finite differences
};

TEST_P(Soundness, GradientsAreFiniteDifferences) {
  const std::vector<Computing> ways = {{torch::kFloat64, 1e-6, 1e-6, 1e-4},
                                       {torch::kFloat32, 4e-3, 4e-3, 2e-2}};
  for (const auto& [way, estimator] :
       {std::pair{ways[0], "exact"}, {ways[0], "gumbel"}, {ways[1], "exact"}}) {
    // A step as long as float32 wants may cross a kink of relu; elu has none.
    const auto of =
        model(3, estimator, /*batch_norm=*/true, way.type == torch::kFloat32 ? "elu" : "");
    of->to(way.type);
    of->train();
    const auto points = x().to(way.type);
    const auto loss = [&] {
      auto generator = make_generator(23);
      const auto bound = of->bound(points, generator).elbo().to(torch::kFloat64).mean();
      const Bound draws = of->log_weights(points)(3, generator);  // what "iwae" goes up
      return bound + draws.mean(torch::logsumexp(draws.elbo(), -2, /*keepdim=*/true));
    };
    loss().backward();
    for (const auto& item : of->named_parameters()) {
      torch::NoGradGuard no_grad;
      auto flat = item.value().view(-1);
      const int64_t i = flat.numel() / 2;
      flat[i] += way.step;
      const double above = loss().item<double>();
      flat[i] -= 2 * way.step;
      const double below = loss().item<double>();
      flat[i] += way.step;
      const double expected = (above - below) / (2 * way.step);
      const double found =
          item.value().grad().defined() ? item.value().grad().view(-1)[i].item<double>() : 0;
      EXPECT_NEAR(found, expected, way.absolute + way.relative * std::abs(expected))
          << way.type << " " << estimator << " " << item.key();
    }
  }
}

TEST_P(Soundness, SumAndSampleIsUnbiased) {
  if (!has_estimator()) GTEST_SKIP() << "a model without";
  // Bound and gradient, each a mean over many draws. Without batch norm, whose statistics are those
  // of the clusters looked at.
  constexpr int64_t kCopies = 12000;
  const auto copies = x().repeat({kCopies, 1});
  const auto mean_and_gradient = [&](const std::string& estimator) {
    const auto of = model(4, estimator, /*batch_norm=*/false);
    of->train();
    auto generator = make_generator(53);
    const auto elbo = of->bound(copies, generator).elbo().mean();
    elbo.backward();
    std::vector<torch::Tensor> gradient;
    for (const auto& parameter : of->parameters()) {
      if (parameter.grad().defined()) gradient.push_back(parameter.grad().reshape(-1));
    }
    return std::pair(elbo.item<double>(), torch::cat(gradient));
  };
  const auto [exact, exact_gradient] = mean_and_gradient("exact");
  const auto [estimate, gradient] = mean_and_gradient("sum_and_sample");
  EXPECT_NEAR(estimate, exact, 0.01 + 0.001 * std::abs(exact));
  EXPECT_LT((gradient - exact_gradient).norm().item<double>(),
            0.03 * exact_gradient.norm().item<double>());
}

TEST_P(Soundness, OneClusterHasNoClusterTerm) {
  const auto of = model(1);
  auto generator = make_generator(29);
  for (const Term& term : of->bound(x(), generator).terms) {
    if (term.name.rfind("KL(y", 0) == 0) {
      EXPECT_LT(term.value.abs().max().item<double>(), 1e-6);
    }
  }
  EXPECT_TRUE(
      torch::equal(of->cluster_probabilities(x(), generator).front(), torch::ones({size(), 1})));
}

TEST_P(Soundness, EncodesClustersAndLayers) {
  const auto of = model();
  auto generator = make_generator(31);
  torch::NoGradGuard no_grad;
  const auto q_y = of->cluster_probabilities(x(), generator).front();
  ASSERT_EQ(q_y.sizes(), (std::vector<int64_t>{size(), of->clusters()}));
  EXPECT_LT((q_y.sum(-1) - 1).abs().max().item<double>(), 1e-5);
  // The KL of each layer, averaged over draws, is the bound's own term of it.
  std::map<std::string, double> layers, terms;
  for (int round = 0; round < 3000; ++round) {
    for (const auto& layer : of->encode(x(), generator)) {
      layers["KL(" + layer.name + ")"] += layer.divergence.sum().item<double>() / 3000;
    }
    for (const auto& term : of->bound(x(), generator).terms) {
      if (term.role == Role::divergence && term.name.rfind("KL(y", 0) != 0)
        terms[term.name] += term.value.sum().item<double>() / 3000;
    }
  }
  EXPECT_EQ(layers.size(), terms.size());
  for (const auto& [name, value] : terms) {
    EXPECT_NEAR(layers[name] / static_cast<double>(size()), value / static_cast<double>(size()),
                0.03)
        << name;
  }
}

TEST_P(Soundness, GeneratesFromEveryCluster) {
  const auto of = model();
  auto generator = make_generator(37);
  torch::NoGradGuard no_grad;
  for (int64_t k = 0; k < of->clusters(); ++k) {
    const auto means = of->sample_means(5, of->given_cluster(k), generator);
    ASSERT_EQ(means.sizes(), (std::vector<int64_t>{5, x().size(1)}));
    EXPECT_TRUE(torch::isfinite(means).all().item<bool>());
    if (GetParam().likelihood == "bernoulli") {
      EXPECT_TRUE(((means >= 0) * (means <= 1)).all().item<bool>());
    }
  }
  EXPECT_ANY_THROW(of->sample_means(5, of->given_cluster(of->clusters()), generator));
  EXPECT_EQ(of->reconstruct(x()).sizes(), x().sizes());
}

TEST_P(Soundness, DrawsClustersByTheirWeights) {
  const auto of = model();
  const int64_t K = of->clusters();
  if (K == 1) return;
  of->set_aggregated_posterior(torch::tensor({0.7, 0.25, 0.05}), of->main_discrete());
  auto generator = make_generator(38);
  torch::NoGradGuard no_grad;
  constexpr int64_t kDraws = 100000;
  const auto weights = of->cluster_weights(of->main_discrete(), generator);  // [K]
  EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-5);
  auto expected = torch::zeros({x().size(1)});
  for (int64_t k = 0; k < K; ++k) {
    expected += weights[k] * of->sample_means(kDraws, of->given_cluster(k), generator).mean(0);
  }
  const auto found = of->sample_means(kDraws, {}, generator).mean(0);
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.004) << found << expected;
}

TEST_P(Soundness, TakesAnyBatchSize) {
  const auto of = model();
  for (const bool training : {true, false}) {
    of->train(training);
    for (const int64_t rows : {1, 2, 7}) {
      auto generator = make_generator(41);
      const auto elbo = of->bound(x().slice(0, 0, rows), generator).elbo();
      EXPECT_EQ(elbo.numel(), rows);
      EXPECT_TRUE(torch::isfinite(elbo).all().item<bool>());
    }
  }
}

TEST_P(Soundness, SameSeedSameNumbers) {
  const auto once = [&] {
    const auto of = model();
    auto generator = make_generator(43);
    return of->bound(x(), generator).elbo();
  };
  EXPECT_TRUE(torch::equal(once(), once()));
}

TEST_P(Soundness, ReportsTheExactBoundWhateverTheEstimator) {
  if (!has_estimator()) GTEST_SKIP() << "a model without";
  const auto once = [&](const char* estimator) {
    const auto of = model(3, estimator);
    auto generator = make_generator(47);
    return mean_bound(*of, x(), generator).elbo;
  };
  EXPECT_EQ(once("exact"), once("gumbel"));
  EXPECT_EQ(once("exact"), once("sum_and_sample"));
}

INSTANTIATE_TEST_SUITE_P(
    Registry, Soundness, testing::ValuesIn([] {
      std::vector<std::string> names = {"indp with vampprior", "hvae with mixture"};
      for (const auto& entry : models()) names.push_back(entry.name);
      std::vector<Case> cases = {{"gmvae with convolutions", "bernoulli"},
                                 {"vlac with convolutions", "bernoulli"},
                                 {"vlac on both levels with convolutions", "bernoulli"},
                                 {"vlac in closed form", "bernoulli"},
                                 {"cp_vae", "negative_binomial"},
                                 {"cagem", "negative_binomial"},
                                 {"lvae", "poisson"}};
      for (const auto& name : names) {
        for (const char* likelihood : {"bernoulli", "gaussian"})
          cases.push_back({name, likelihood});
      }
      return cases;
    }()),
    [](const auto& test) {
      std::string name = test.param.which + " " + test.param.likelihood;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

}  // namespace
}  // namespace clade
