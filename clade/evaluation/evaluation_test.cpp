#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/evaluate.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/evaluation/posteriors.h"
#include "clade/models/evaluation_mode.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/models/two_levels_for_tests.h"
#include "clade/models/vae.h"
#include "clade/ops/noise.h"
#include "clade/training/trained_model.h"

namespace clade {
namespace {

std::shared_ptr<Model> small(const std::string& name) {
  auto generator = make_generator(1);
  return find_model(name).make(*small_options(name), Parent{"x", 4}, generator);
}

/// The same with weights that make it sure of something.
std::shared_ptr<Model> decided(const std::string& name) {
  const auto model = small(name);
  const torch::NoGradGuard no_grad;
  auto generator = make_generator(3);
  for (auto& p : model->parameters()) p.add_(torch::empty_like(p).normal_(0, 0.3, generator));
  return model;
}

torch::Tensor bits(int64_t n) {
  auto generator = make_generator(2);
  return torch::empty({n, 4}).bernoulli_(0.5, generator);
}

TEST(LogLikelihood, StreamsToTheSameNumberAsAllAtOnce) {
  const auto model = small("cp_vae");
  const auto x = bits(3);
  // A hundred samples at a time: 150 take two chunks.
  auto streamed = make_generator(3);
  const auto by_chunks = log_likelihood_per_point(*model, x, 150, streamed);
  auto direct = make_generator(3);
  torch::NoGradGuard no_grad;
  model->eval();
  const auto first = model->log_weights(x)(100, direct).elbo();
  const auto second = model->log_weights(x)(50, direct).elbo();
  const auto expected =
      torch::logsumexp(torch::cat({first, second}).to(torch::kFloat64), 0) - std::log(150.0);
  EXPECT_TRUE(torch::allclose(by_chunks, expected, 1e-9, 1e-9));
}

TEST(LogLikelihood, AveragesOverPointsAndReportsProgress) {
  const auto model = small("vae");
  const auto x = bits(250);
  auto a = make_generator(4), b = make_generator(4);
  std::vector<int64_t> reported;
  const double mean =
      log_likelihood(*model, x, 7, a, /*sum_clusters=*/false, [&](int64_t done, int64_t total) {
        EXPECT_EQ(total, 250);
        reported.push_back(done);
      });
  // Once before a batch of points is done, and once after.
  EXPECT_EQ(reported, (std::vector<int64_t>{0, 100, 100, 200, 200, 250}));
  double sum = 0;
  for (int64_t start = 0; start < 250; start += 100) {
    sum += log_likelihood_per_point(*model, x.slice(0, start, std::min<int64_t>(250, start + 100)),
                                    7, b)
               .sum()
               .item<double>();
  }
  EXPECT_NEAR(mean, sum / 250, 1e-9);
  auto c = make_generator(4);
  const auto each = log_likelihoods(*model, x, 7, c);
  EXPECT_EQ(each.sizes(), torch::IntArrayRef{250});
  EXPECT_NEAR(each.mean().item<double>(), mean, 1e-9);
  auto d = make_generator(4);
  EXPECT_TRUE(
      each.slice(0, 0, 100).equal(log_likelihood_per_point(*model, x.slice(0, 0, 100), 7, d)));
}

TEST(SharesBelow, CountsEqualOnesHalf) {
  const auto among = torch::tensor({3.0, 1.0, 2.0, 2.0});
  const auto values = torch::tensor({0.5, 1.0, 2.0, 2.5, 9.0}, torch::kFloat64);
  EXPECT_TRUE(shares_below(values, among.to(torch::kFloat64))
                  .equal(torch::tensor({0.0, 0.125, 0.5, 0.75, 1.0}, torch::kFloat64)));
}

TEST(LogLikelihood, DecodesSoManyAtATimeHoweverManyClustersItSums) {
  constexpr int64_t K = 400;
  struct ManyClusters : Model {
    int64_t most = 0;  // decoded at once
    ManyClusters() : Model({{"y", K}}) {}
    void infer(Trace& q, const torch::Tensor& x) override {
      q.cluster("y", Categorical(torch::zeros({x.size(0), K})));
      q.latent("z", DiagonalGaussian(x, torch::zeros({1})));
    }
    void generate(Trace& p) override {
      const auto y = p.cluster("y", UniformClusters{K});
      const auto z = p.latent("z", StandardNormal{1});
      const auto mean = z + y.unsqueeze(-1) / K;
      most = std::max(most, mean.numel());
      p.data("x|z,y", std::make_unique<DiagonalGaussian>(mean, torch::zeros({1})));
    }
  } model;
  auto generator = make_generator(8);
  const auto x = torch::zeros({130, 1});
  EXPECT_TRUE(std::isfinite(log_likelihood(model, x, 3, generator, /*sum_clusters=*/true)));
  EXPECT_LE(model.most, 10000);
  EXPECT_GT(model.most, 5000);
}

TEST(Evaluate, SumsClustersOfModelsThatInferAny) {
  EvaluateOptions options;
  options.sum_clusters = true;
  options.importance_samples = 2;
  Dataset data;
  data.x = bits(5);
  data.shape = {4};
  for (const std::string name : {"cp_vae", "lvae", "mog"}) {
    const nlohmann::json metrics = evaluate(*small(name), data, options, 1);
    EXPECT_EQ(metrics.at("log_likelihood").contains("sum_clusters"), name == "cp_vae") << name;
  }
}

TEST(DataUnits, TheDensityOfALineIntegratesToOneThere) {
  // A linear-Gaussian model of one number, whose weights are all p(x) under the exact posterior.
  TrainedModel trained;
  auto options = std::make_shared<VaeOptions>();
  options->likelihood = "gaussian";
  options->latent = 1;
  options->trunk.layers = {};
  auto generator = make_generator(3);
  auto model = std::make_shared<Vae>(*options, Parent{"x", 1}, generator);
  model->eval();
  constexpr double kWeight = 0.8, kVariance = 0.3;
  {
    torch::NoGradGuard no_grad;
    auto w = model->named_parameters();
    const double variance = 1 / (1 + kWeight * kWeight / kVariance);
    w["p_x_given_z.mean.weight_z"].fill_(kWeight);
    w["p_x_given_z.mean.bias"].fill_(0);
    w["p_x_given_z.log_variance"].fill_(std::log(kVariance));
    w["q_z_given_x.mean.weight_x"].fill_(variance * kWeight / kVariance);
    w["q_z_given_x.mean.bias"].fill_(0);
    w["q_z_given_x.log_variance.weight_x"].fill_(0);
    w["q_z_given_x.log_variance.bias"].fill_(std::log(variance));
  }
  constexpr double kShift = 1.7e9, kScale = 40;
  trained.options = options;
  trained.model = model;
  trained.preprocessing.shift = torch::tensor({kShift}, torch::kFloat64);
  trained.preprocessing.scale = torch::tensor({kScale}, torch::kFloat64);
  trained.preprocessing.log_volume = std::log(kScale);
  constexpr double kStep = 0.5;
  const auto raw = torch::arange(kShift - 300, kShift + 300, kStep, torch::kFloat64).unsqueeze(1);
  Dataset data;
  data.x = trained.preprocessing.apply(raw);
  const auto log_p = log_likelihoods(*model, data.x, 3, generator) - *trained.log_volume();  // [N]
  EXPECT_NEAR(log_p.exp().sum().item<double>() * kStep, 1, 1e-4);

  EvaluateOptions three;
  three.importance_samples = 3;
  const nlohmann::json metrics = evaluate(*model, data, three, 1, {}, trained.log_volume());
  EXPECT_NEAR(metrics["log_likelihood"]["value"], log_p.mean().item<double>(), 1e-4);
  EXPECT_NEAR(metrics["elbo"], log_p.mean().item<double>(), 0.2) << "one draw beside a closed KL";
  EXPECT_NEAR(
      metrics["terms"]["log p(x|z)"].get<double>() - metrics["terms"]["KL(z)"].get<double>(),
      metrics["elbo"], 1e-6);
  const nlohmann::json standardised = evaluate(*model, data, three, 1);
  EXPECT_EQ(metrics["standardised"]["elbo"], standardised["elbo"]);
  EXPECT_EQ(metrics["standardised"]["log_likelihood"], standardised["log_likelihood"]["value"]);
  EXPECT_NEAR(metrics["elbo"].get<double>() + std::log(kScale), standardised["elbo"], 1e-9);
  EXPECT_FALSE(standardised.contains("standardised"));
  EXPECT_NEAR(metrics["generation"]["wasserstein_1"],
              kScale * standardised["generation"]["wasserstein_1"].get<double>(), 1e-6);
  options->likelihood = "bernoulli";
  EXPECT_FALSE(trained.log_volume()) << "a probability has no unit";
}

TEST(Posteriors, CountUnitsWhoseMeansMove) {
  const auto model = small("vae");
  {
    // Unit 0 follows the data, unit 1 hardly does.
    torch::NoGradGuard no_grad;
    model->named_parameters()["q_z_given_x.mean.weight_hidden"][0].fill_(5);
    model->named_parameters()["q_z_given_x.mean.weight_hidden"][1].fill_(1e-3);
  }
  auto generator = make_generator(5);
  const auto layers = layers_of(*model, bits(500), generator);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].active_units, 1);
  EXPECT_EQ(layers[0].means.sizes(), (std::vector<int64_t>{500, 2}));
  auto again = make_generator(5);
  const auto mean = mean_bound(*model, bits(500), again);
  EXPECT_NEAR(layers[0].divergence, mean.terms[1].second, 1e-4);
}

/// Three clusters whose priors p(z | y) lie far apart. Of z's three units q(z | x, y) leaves the
/// first where its prior is, moves the second with x, and the third with x by what is much in the
/// tight prior it has there; or it does not know y, and lies between the priors.
struct PriorsApart : Model {
  explicit PriorsApart(bool knows_y) : Model({{"y", 3}}), knows_y_(knows_y) {}
  void infer(Trace& q, const torch::Tensor& x) override {  // [B, 1]
    const auto logits = torch::cat({x, -x, torch::zeros_like(x)}, 1);
    const auto y = q.cluster("y", Categorical(logits));
    const auto means = knows_y_ ? mean_of(y) : logits.softmax(1).matmul(means_);
    q.latent("z", DiagonalGaussian(means + x * torch::tensor({0.0, 0.3, 0.03}), log_variance_));
  }
  void generate(Trace& p) override {
    const auto y = p.cluster("y", UniformClusters{3});
    const auto z = p.latent("z", DiagonalGaussian(mean_of(y), log_variance_));
    p.data("x|z", std::make_unique<DiagonalGaussian>(z.slice(-1, 0, 1), torch::zeros({1})));
  }

 private:
  torch::Tensor mean_of(const torch::Tensor& y) const {  // [...] -> [..., 3]
    return torch::embedding(means_, y);
  }
  bool knows_y_;
  torch::Tensor means_ = torch::tensor({-5.0F, 0.0F, 5.0F}).unsqueeze(1).repeat({1, 3});
  torch::Tensor log_variance_ = torch::tensor({0.0F, 0.0F, -4.0F});
};

TEST(Posteriors, PriorsThatLieApartAreNoActivity) {
  auto generator = make_generator(9);
  const auto x = torch::empty({400, 1}).normal_(0, 1, generator);
  for (const bool knows_y : {true, false}) {
    PriorsApart model(knows_y);
    const auto layer = layers_of(model, x, generator).at(0);
    EXPECT_EQ(layer.active_units, 2) << knows_y;
    if (!knows_y) continue;
    // KL((distance)² / 2σ²) of each unit.
    const double square = x.square().mean().item<double>();
    const auto expected = torch::tensor({0.0, 0.09, 0.0009 * std::exp(4)}, torch::kFloat64);
    EXPECT_TRUE(torch::allclose(layer.unit_divergence, expected * square / 2, 1e-4, 1e-6))
        << layer.unit_divergence;
    EXPECT_NEAR(layer.divergence, layer.unit_divergence.sum().item<double>(), 1e-9);
  }
}

/// Every figure is a number.
void expect_finite(const nlohmann::json& figures, const std::string& where) {
  for (const auto& [key, value] : figures.items()) {
    if (value.is_structured()) {
      expect_finite(value, where + "/" + key);
    } else {
      ASSERT_TRUE(value.is_number() || value.is_boolean()) << where << "/" << key;
      EXPECT_TRUE(std::isfinite(value.get<double>())) << where << "/" << key;
    }
  }
}

class EvaluateEvery : public testing::TestWithParam<std::string> {};

TEST_P(EvaluateEvery, FiguresAreThoseOfTheirDefinitions) {
  const auto model = decided(GetParam());
  Dataset data;
  data.x = bits(700);
  data.labels = data.x.matmul(torch::tensor({1.0F, 2.0F, 0.0F, 0.0F})).to(torch::kInt64);
  EvaluateOptions options;
  options.importance_samples = 20;
  const nlohmann::json metrics = evaluate(*model, data, options, 1);
  expect_finite(metrics, GetParam());
  EXPECT_EQ(evaluate(*model, data, options, 1).bound.elbo, metrics["elbo"]);

  auto generator = make_generator(derive_seed(1, "evaluation"));
  const auto bound = mean_bound(*model, data.x, generator);
  EXPECT_DOUBLE_EQ(metrics["elbo"], bound.elbo);
  double sum = 0;
  for (const auto& [name, value] : bound.terms) {
    EXPECT_DOUBLE_EQ(metrics["terms"][name], value) << name;
    sum += name.rfind("KL", 0) == 0 ? -value : value;
  }
  EXPECT_NEAR(sum, bound.elbo, 1e-4);
  EXPECT_EQ(metrics["log_likelihood"]["importance_samples"], 20);
  EXPECT_DOUBLE_EQ(metrics["log_likelihood"]["value"],
                   log_likelihood(*model, data.x, 20, generator));
  EXPECT_GT(metrics["log_likelihood"]["value"], metrics["elbo"]);

  for (const auto& layer : layers_of(*model, data.x, generator)) {
    EXPECT_DOUBLE_EQ(metrics["layer_kl"][layer.name], layer.divergence);
    EXPECT_EQ(metrics["active_units"][layer.name], layer.active_units);
    EXPECT_DOUBLE_EQ(metrics["neighbour_accuracy"][layer.name],
                     *neighbour_accuracy(layer.means, data.labels));
    EXPECT_EQ(metrics["unit_kl"][layer.name].size(), metrics["units"][layer.name]);
    // Of the bound's draws, and at the mean of what the layer depends on: ADGM's z on a most of
    // all.
    const double term = metrics["terms"]["KL(" + layer.name + ")"];
    const double apart = GetParam() == "adgm" ? 0.6 : 0.3;
    EXPECT_NEAR(metrics["layer_kl"][layer.name], term, 0.1 + apart * term);
  }
  const auto q_y = assignment(*model, data.x, 1)[model->main_discrete()];
  const auto assigned = q_y.argmax(1);
  EXPECT_EQ(metrics["clusters_in_use"], std::get<0>(at::_unique(assigned)).numel());
  EXPECT_EQ(metrics["clusters"], model->clusters());
  EXPECT_DOUBLE_EQ(metrics["clusters_told_apart"], clusters_told_apart(q_y));
  EXPECT_EQ(metrics.contains("clustering"), model->clusters() > 1);
  if (model->clusters() == 1) return;
  const auto scores = score_clusters(q_y, data.labels);
  EXPECT_DOUBLE_EQ(metrics["clustering"]["acc_hungarian"], scores.acc_hungarian);
  EXPECT_DOUBLE_EQ(metrics["clustering"]["acc_majority"], scores.acc_majority);
  EXPECT_DOUBLE_EQ(metrics["clustering"]["acc_most_confident"], scores.acc_most_confident);
  EXPECT_DOUBLE_EQ(metrics["clustering"]["nmi"], scores.nmi);
  EXPECT_DOUBLE_EQ(metrics["clustering"]["ari"], scores.ari);
  EXPECT_NEAR(metrics["largest_cluster"], q_y.mean(0).max().item<double>(), 1e-6);
  data.labels = torch::Tensor();
  EXPECT_FALSE(evaluate(*model, data, options, 1).clusters.scores);
}

TEST_P(EvaluateEvery, SaysTheSameOfAPointWhateverIsBesideIt) {
  const auto model = decided(GetParam());
  const auto x = bits(1300);  // more than are read at a time
  const auto backwards = x.flip(0);
  const auto of = [&](const torch::Tensor& points) {
    const SameForEveryRow same;
    auto generator = make_generator(5);
    return log_likelihoods(*model, points, 130, generator);
  };
  const auto all = of(x);
  EXPECT_TRUE(torch::allclose(of(backwards).flip(0), all, 1e-4, 1e-4));
  EXPECT_TRUE(torch::allclose(of(x.slice(0, 7, 9)), all.slice(0, 7, 9), 1e-4, 1e-4));
  const auto assigned = assignment(*model, x, 1);
  const auto of_backwards = assignment(*model, backwards, 1),
             of_two = assignment(*model, x.slice(0, 7, 9), 1);
  for (size_t l = 0; l < assigned.size(); ++l) {
    EXPECT_TRUE(torch::allclose(of_backwards[l].flip(0), assigned[l], 1e-4, 1e-4)) << l;
    EXPECT_TRUE(torch::allclose(of_two[l], assigned[l].slice(0, 7, 9), 1e-4, 1e-4)) << l;
  }
  const auto means = [&](const torch::Tensor& points) {
    const SameForEveryRow same;
    auto generator = make_generator(5);
    return layers_of(*model, points, generator).front().means;
  };
  EXPECT_TRUE(torch::allclose(means(backwards).flip(0), means(x), 1e-3, 1e-3));
}

// Points share their draws; the draws of one are as many and as different as before.
TEST_P(EvaluateEvery, IsUnbiasedIfPointsShareTheirDraws) {
  constexpr int64_t S = 2000;
  const auto model = decided(GetParam());
  const EvaluationMode evaluation(*model);
  const auto x = bits(4);
  const auto log_w = [&](uint64_t seed) {  // [S, B]
    auto generator = make_generator(seed);
    return model->log_weights(x)(S, generator).elbo().to(torch::kFloat64);
  };
  const auto apart = log_w(1);
  const SameForEveryRow same;
  const auto shared = log_w(2);
  const auto error = ((apart.var(0) + shared.var(0)) / static_cast<double>(S)).sqrt();
  EXPECT_TRUE(((shared.mean(0) - apart.mean(0)).abs() <= 5 * error).all().item<bool>());
  const auto spread = [](const torch::Tensor& draws) {  // whatever a few far ones are
    return draws.quantile(0.75, 0) - draws.quantile(0.25, 0);
  };
  EXPECT_TRUE(torch::allclose(spread(shared), spread(apart), 0.25, 1e-6));
}

INSTANTIATE_TEST_SUITE_P(Registry, EvaluateEvery, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& entry : models()) names.push_back(entry.name);
                           return names;
                         }()),
                         [](const auto& test) { return test.param; });

TEST(Evaluate, CountsHowOftenClassifiersOfLearnedClassesAreWrong) {
  for (const char* name : {"m2", "cagem"}) {
    const auto model = decided(name);
    Dataset data;
    data.x = bits(60);
    data.labels = torch::arange(60) % 3;
    EXPECT_FALSE(evaluate(*model, data, {}, 1).classification);
    data.labels.slice(0, 40).fill_(kUnknownLabel);
    data.labels[40] = 3;  // a class that the model has never heard of
    const nlohmann::json metrics = evaluate(*model, data, {}, 1, {}, {}, /*classes=*/3);
    const auto& figures = metrics.at("classification");
    EXPECT_EQ(figures.at("points"), 40);

    // Of other draws, a hundred of them.
    auto generator = make_generator(2);
    const EvaluationMode evaluation(*model);
    const auto classifiers = model->classifiers(data.x.slice(0, 0, 40), generator);
    EXPECT_EQ(figures.at("error").size(), classifiers.size());
    EXPECT_EQ(classifiers.size(), std::string(name) == "cagem" ? 2u : 1u);
    for (const auto& [classifier, probabilities] : classifiers) {
      int64_t wrong = 0;
      for (int64_t i = 0; i < 40; ++i) {
        wrong += probabilities[i].argmax().item<int64_t>() != data.labels[i].item<int64_t>();
      }
      EXPECT_NEAR(figures.at("error").at(classifier).get<double>(), wrong / 40.0, 0.1)
          << name << " " << classifier;
      EXPECT_GT(wrong, 0);
    }
    data.labels.fill_(kUnknownLabel);
    EXPECT_FALSE(evaluate(*model, data, {}, 1, {}, {}, /*classes=*/3).classification);
  }
}

TEST(Evaluate, HasARelaxedBoundOfEveryModelThatRelaxes) {
  Dataset data;
  data.x = bits(40);
  for (const std::string name : {"vae", "cp_vae", "cagem"}) {
    for (const std::string estimator : {"exact", "gumbel"}) {
      auto generator = make_generator(1);
      const auto options = small_options(name, 3, estimator);
      const auto model = find_model(name).make(*options, Parent{"x", 4}, generator);
      EXPECT_EQ(evaluate(*model, data, {}, 1).relaxed_elbo.has_value(),
                name != "vae" && estimator == "gumbel")
          << name << estimator;
    }
  }
}

TEST(Assignment, FollowsFromTheSeedOfTheRunIfThereIsOne) {
  TrainedModel trained;
  trained.model = decided("cagem");  // whose q(y | x) depends on draws of z1
  const auto x = bits(40);
  const auto of_seed = [&](uint64_t seed) {
    return assignment(*trained.model, x, seed)[trained.model->main_discrete()];
  };
  ASSERT_FALSE(of_seed(1).equal(of_seed(7)));
  EXPECT_TRUE(assign(trained, x).equal(of_seed(1)));
  trained.provenance["seed"] = 7;
  EXPECT_TRUE(assign(trained, x).equal(of_seed(7)));
}

TEST(Evaluate, SaysBitsPerDimensionOfImages) {
  Dataset data;
  data.x = bits(40);
  const auto model = small("vae");
  data.shape = {4};
  EXPECT_FALSE(evaluate(*model, data, {}, 1).bits_per_dimension);
  data.shape = {2, 2};
  const nlohmann::json metrics = evaluate(*model, data, {}, 1);
  EXPECT_NEAR(metrics["bits_per_dimension"].get<double>(),
              -metrics["elbo"].get<double>() / 4 / std::log(2.0), 1e-12);
  data.x = data.x * 0.5F;  // of grey levels a probability of bits is no likelihood
  EXPECT_FALSE(evaluate(*model, data, {}, 1).bits_per_dimension);
}

TEST(Evaluate, TakesTheGainOfSomePointsForThatOfAll) {
  const auto model = decided("vae");
  Dataset data;
  data.x = bits(4000);
  EvaluateOptions options;
  options.importance_samples = 200;
  const nlohmann::json all = evaluate(*model, data, options, 1);
  options.importance_points = 400;
  const nlohmann::json some = evaluate(*model, data, options, 1);
  const auto f_s = [](const nlohmann::json& metrics) {
    return metrics["log_likelihood"]["value"].get<double>();
  };
  EXPECT_EQ(some["elbo"], all["elbo"]);
  EXPECT_EQ(some["log_likelihood"]["points"], 400);
  EXPECT_FALSE(all["log_likelihood"].contains("points"));
  EXPECT_GT(f_s(all) - all["elbo"].get<double>(), 0.05);
  EXPECT_NEAR(f_s(some), f_s(all), 0.025);
  options.importance_points = 4000;
  EXPECT_EQ(f_s(evaluate(*model, data, options, 1)), f_s(all));
}

TEST(Evaluate, RefusesToWriteDownWhatIsNotFinite) {
  /// Its bound is finite; of several samples, the likelihood is not.
  struct BreaksOfManySamples : Model {
    void infer(Trace& q, const torch::Tensor& x) override {
      q.latent("z", DiagonalGaussian(x, torch::zeros({1})));
    }
    void generate(Trace& p) override {
      const auto z = p.latent("z", StandardNormal{1});
      const double scale = z.dim() > 2 ? std::nan("") : 1;
      p.data("x|z", std::make_unique<DiagonalGaussian>(z * scale, torch::zeros({1})));
    }
  } model;
  Dataset data;
  data.name = "points.csv";
  data.x = torch::zeros({5, 1});
  const auto refused = [&](const std::string& what) {
    EvaluateOptions options;
    options.importance_samples = 2;
    try {
      evaluate(model, data, options, 1);
      ADD_FAILURE() << "took " << what;
    } catch (const NumericalError& error) {
      EXPECT_EQ(std::string(error.what()).rfind(what + " on points.csv is not finite", 0), 0u)
          << error.what();
    }
  };
  refused("the log-likelihood");
  data.x.fill_(std::nan(""));
  refused("the bound");
}

TEST(Evaluate, LeavesPointsWithoutALabelOutOfScoresAndOfNothingElse) {
  const auto model = small("cp_vae");
  Dataset data;
  data.x = bits(40);
  const auto whole = torch::arange(40).remainder(3);
  data.labels = whole.masked_fill(torch::arange(40).lt(25), kUnknownLabel);
  const nlohmann::json metrics = evaluate(*model, data, {}, 1);
  auto generator = make_generator(1);
  const auto q = assignment(*model, data.x, 1)[0];
  const auto scores = score_clusters(q.slice(0, 25), whole.slice(0, 25));
  EXPECT_EQ(metrics["clustering"]["nmi"], scores.nmi);
  EXPECT_EQ(metrics["clustering"]["acc_majority"], scores.acc_majority);
  EXPECT_EQ(metrics["clustering"]["points"], 15);
  data.labels = whole;
  const nlohmann::json labelled = evaluate(*model, data, {}, 1);
  EXPECT_FALSE(labelled["clustering"].contains("points"));
  EXPECT_EQ(labelled["elbo"], metrics["elbo"]);
  EXPECT_EQ(labelled["points"], 40);
  data.labels = torch::full_like(whole, kUnknownLabel);
  EXPECT_FALSE(evaluate(*model, data, {}, 1).clusters.scores);
}

TEST(Evaluate, MeasuresEachOfSeveralDiscreteLatents) {
  auto generator = make_generator(6);
  TwoLevels model(generator);
  {
    // y1 says whether bit 0 is set, y2 whether bit 1 is.
    torch::NoGradGuard no_grad;
    for (const auto& item : model.named_parameters()) {
      if (item.key().rfind("q_y", 0) == 0) item.value().zero_();
    }
    auto weights = model.named_parameters();
    for (const auto& [name, bit] :
         {std::pair{"q_y1_given_x.logits", 0}, {"q_y2_given_x_y1.logits", 1}}) {
      weights[std::string(name) + ".bias"].slice(0, 2).fill_(-100);
      weights[std::string(name) + ".weight_x"][1][bit] = 100;
      weights[std::string(name) + ".bias"][1] = -50;
    }
  }
  Dataset data;
  data.x = torch::cat({bits(60), torch::zeros({60, 1})}, 1);
  data.labels = data.x.select(1, 1).to(torch::kInt64);
  const nlohmann::json metrics = evaluate(model, data, {}, 1);
  const auto &first = metrics.at("latents").at("y1"), &second = metrics.at("latents").at("y2");
  EXPECT_EQ(metrics.at("latents").size(), 2u);
  EXPECT_NEAR(second.at("clustering").at("nmi"), 1, 1e-6);
  EXPECT_LT(first.at("clustering").at("nmi"), 0.3);
  EXPECT_EQ(second.at("clustering").at("acc_hungarian"), 1);
  const double share = data.x.select(1, 0).mean().item<double>();
  EXPECT_NEAR(first.at("largest_cluster"), std::max(share, 1 - share), 1e-5);
  // What stands above is of the larger, y2.
  for (const auto& [key, value] : second.items()) EXPECT_EQ(metrics.at(key), value) << key;
  data.x = bits(60);
  EXPECT_TRUE(evaluate(*small("cagem"), data, {}, 1).latents.empty());
}

TEST(Figures, AreWrittenWithAllTheirDigitsAndNoNegativeZero) {
  EXPECT_EQ((Figure{"bound", -6.503e30, 2}).cell(), "-6.5e+30");
  EXPECT_EQ((Figure{"bound", -86.694, 2}).cell(), "-86.69");
  EXPECT_EQ((Figure{"ari", -0.0004, 3}).cell(), "0.000");
}

TEST(Figures, OfARunAreThoseOfUnseenPointsOrOfWhateverThereIs) {
  EXPECT_EQ(measured_split({{"train", 1}, {"validation", 2}, {"test", 3}}), "test");
  EXPECT_EQ(measured_split({{"train", 1}, {"validation", 2}}), "validation");
  EXPECT_EQ(measured_split({{"train", 1}}), "train");
  EXPECT_EQ(measured_split({{"digits.npy", 1}}), "");
}

}  // namespace
}  // namespace clade
