#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/evaluate.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/evaluation/posteriors.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/models/two_levels_for_tests.h"
#include "clade/models/vae.h"
#include "clade/training/trained_model.h"

namespace clade {
namespace {

std::shared_ptr<Model> small(const std::string& name) {
  auto generator = make_generator(1);
  return find_model(name).make(*small_options(name), Parent{"x", 4}, generator);
}

torch::Tensor bits(int64_t n) {
  auto generator = make_generator(2);
  return torch::empty({n, 4}).bernoulli_(0.5, generator);
}

TEST(LogLikelihood, StreamsToTheSameNumberAsAllAtOnce) {
  const auto model = small("cp_vae");
  const auto x = bits(3);
  // 3 points allow 3333 samples at a time: 5000 take two chunks.
  auto streamed = make_generator(3);
  const auto by_chunks = log_likelihood_per_point(*model, x, 5000, streamed);
  auto direct = make_generator(3);
  torch::NoGradGuard no_grad;
  model->eval();
  const auto first = model->log_weights(x)(3333, direct).elbo();
  const auto second = model->log_weights(x)(1667, direct).elbo();
  const auto expected =
      torch::logsumexp(torch::cat({first, second}).to(torch::kFloat64), 0) - std::log(5000.0);
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
  EXPECT_EQ(reported, (std::vector<int64_t>{100, 200, 250}));
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

  const auto metrics = evaluate(*model, data, {}, 1, {}, trained.log_volume());
  EXPECT_NEAR(metrics["elbo"], log_p.mean().item<double>(), 1e-4);
  EXPECT_NEAR(metrics["log_likelihood"]["value"], metrics["elbo"].get<double>(), 1e-9);
  EXPECT_NEAR(
      metrics["terms"]["log p(x|z)"].get<double>() - metrics["terms"]["KL(z)"].get<double>(),
      metrics["elbo"], 1e-6);
  const auto standardised = evaluate(*model, data, {}, 1);
  EXPECT_EQ(metrics["standardised"]["elbo"], standardised["elbo"]);
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
  const auto q = posteriors(*model, bits(500), generator);
  ASSERT_EQ(q.layers.size(), 1u);
  EXPECT_EQ(q.layers[0].active_units, 1);
  EXPECT_EQ(q.layers[0].means.sizes(), (std::vector<int64_t>{500, 2}));
  auto again = make_generator(5);
  const auto mean = mean_bound(*model, bits(500), again);
  EXPECT_NEAR(q.layers[0].divergence, mean.terms[1].second, 1e-4);
}

TEST(Evaluate, HasEveryFigureTheFormatPromises) {
  const auto model = small("cagem");
  Dataset data;
  data.x = bits(40);
  data.labels = torch::arange(40).remainder(3);
  EvaluateOptions options;
  options.importance_samples = 5;
  const auto metrics = evaluate(*model, data, options, 1);
  for (const char* key : {"elbo", "terms", "log_likelihood", "clustering", "clusters_in_use",
                          "cluster_entropy", "largest_cluster", "active_units", "seconds"}) {
    EXPECT_TRUE(metrics.contains(key)) << key;
  }
  EXPECT_EQ(metrics["log_likelihood"]["importance_samples"], 5);
  EXPECT_TRUE(metrics["active_units"].contains("z1"));
  EXPECT_TRUE(metrics["active_units"].contains("z2"));
  EXPECT_EQ(evaluate(*model, data, options, 1)["elbo"], metrics["elbo"]);
  data.labels = torch::Tensor();
  EXPECT_FALSE(evaluate(*model, data, options, 1).contains("clustering"));
}

TEST(Evaluate, LeavesPointsWithoutALabelOutOfScoresAndOfNothingElse) {
  const auto model = small("cp_vae");
  Dataset data;
  data.x = bits(40);
  const auto whole = torch::arange(40).remainder(3);
  data.labels = whole.masked_fill(torch::arange(40).lt(25), kUnknownLabel);
  const auto metrics = evaluate(*model, data, {}, 1);
  auto generator = make_generator(1);
  const auto q = posteriors(*model, data.x, generator).clusters[0];  // exact: no draw matters
  const auto scores = score_clusters(q.slice(0, 25), whole.slice(0, 25));
  EXPECT_EQ(metrics["clustering"]["nmi"], scores.nmi);
  EXPECT_EQ(metrics["clustering"]["acc_majority"], scores.acc_majority);
  EXPECT_EQ(metrics["clustering"]["points"], 15);
  data.labels = whole;
  auto labelled = evaluate(*model, data, {}, 1);
  EXPECT_FALSE(labelled["clustering"].contains("points"));
  EXPECT_EQ(labelled["elbo"], metrics["elbo"]);
  EXPECT_EQ(labelled["points"], 40);
  data.labels = torch::full_like(whole, kUnknownLabel);
  EXPECT_FALSE(evaluate(*model, data, {}, 1).contains("clustering"));
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
  const auto metrics = evaluate(model, data, {}, 1);
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
  EXPECT_FALSE(evaluate(*small("cagem"), data, {}, 1).contains("latents"));
}

}  // namespace
}  // namespace clade
