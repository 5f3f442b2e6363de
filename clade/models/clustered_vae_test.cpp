// The family's bounds against loops over the clusters from the weights alone, and against each
// other where their assumptions meet.
#include "clade/models/clustered_vae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <string>

#include "clade/models/by_hand_for_tests.h"
#include "clade/models/registry.h"
#include "clade/models/vae.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr int64_t kFeatures = 4;

std::shared_ptr<ClusteredVaeOptions> options_of(const std::string& name, int64_t clusters) {
  auto options = std::dynamic_pointer_cast<ClusteredVaeOptions>(find_model(name).options());
  options->clusters = clusters;
  options->latent = 2;
  options->trunk.layers = {"5"};
  return options;
}

/// In float64 and evaluation mode, with weights that make every factor matter.
std::shared_ptr<Model> made(const std::string& name, const ModelOptions& options) {
  auto generator = make_generator(1);
  auto model = find_model(name).make(options, Parent{"x", kFeatures}, generator);
  model->to(torch::kFloat64);
  model->eval();
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.3, generator));
  }
  return model;
}

torch::Tensor points() {
  auto generator = make_generator(2);
  return torch::empty({6, kFeatures}, torch::kFloat64).bernoulli_(0.5, generator);
}

/// Gives `to` every parameter of `from` under the same name, or that which `renamed` makes of it.
void copy_weights(Model& from, Model& to,
                  const std::function<std::string(std::string)>& renamed = {}) {
  torch::NoGradGuard no_grad;
  auto weights = to.named_parameters();
  for (const auto& item : from.named_parameters()) {
    const auto name = renamed ? renamed(item.key()) : item.key();
    if (weights.contains(name)) weights[name].copy_(item.value());
  }
}

double number(const torch::Tensor& t) {
  return t.item<double>();
}

/// q(y | x), q(z | x, y) and p(z | y) for each point, cluster and unit, from the weights alone.
struct Factors {
  torch::Tensor q_y;                         // [B, K]
  torch::Tensor mean, variance;              // [B, K, d]
  torch::Tensor prior_mean, prior_variance;  // [K, d]
};

Factors by_hand(const std::string& name, Model& model, const torch::Tensor& x) {
  auto w = model.named_parameters();
  const auto both =
      torch::linear(x, w["hidden_given_x.layer1.weight_x"], w["hidden_given_x.layer1.bias"]);
  const auto h = both.slice(1, 0, 5) * both.slice(1, 5, 10).sigmoid();
  const auto logits =
      torch::linear(h, w["q_y_given_x.logits.weight_hidden"], w["q_y_given_x.logits.bias"]);
  const bool posterior_given_y = name != "indq" && name != "indqp";
  const bool prior_given_y = name != "indp" && name != "indqp";
  const int64_t B = x.size(0), K = logits.size(1), d = 2;
  const auto empty = torch::empty({B, K, d}, torch::kFloat64);
  Factors f{torch::empty({B, K}, torch::kFloat64), empty.clone(), empty.clone(),
            torch::zeros({K, d}, torch::kFloat64), torch::ones({K, d}, torch::kFloat64)};
  torch::NoGradGuard no_grad;
  for (int64_t k = 0; k < K; ++k) {
    for (int64_t i = 0; i < d; ++i) {
      if (prior_given_y) {
        f.prior_mean[k][i] = number(w["p_z_given_y.mean"][k][i]);
        f.prior_variance[k][i] = std::exp(number(w["p_z_given_y.log_variance"][k][i]));
      }
      for (int64_t b = 0; b < B; ++b) {
        const auto head = [&](const std::string& part) {
          const std::string at =
              (posterior_given_y ? "q_z_given_x_y." : "q_z_given_x.") + part + ".";
          const auto from_y = posterior_given_y ? number(w[at + "weight_y"][i][k]) : 0.0;
          return number(w[at + "weight_hidden"][i].dot(h[b]) + w[at + "bias"][i]) + from_y;
        };
        f.mean[b][k][i] = head("mean");
        f.variance[b][k][i] = std::exp(std::clamp(head("log_variance"), -6.0, 2.0));
      }
    }
  }
  for (int64_t b = 0; b < B; ++b) {
    double normaliser = 0;
    for (int64_t k = 0; k < K; ++k) normaliser += std::exp(number(logits[b][k]));
    for (int64_t k = 0; k < K; ++k) f.q_y[b][k] = std::exp(number(logits[b][k])) / normaliser;
  }
  return f;
}

class Family : public testing::TestWithParam<std::string> {};

TEST_P(Family, DivergencesAreTheSumOverClustersByHand) {
  const auto options = options_of(GetParam(), 3);
  const auto model = made(GetParam(), *options);
  auto generator = make_generator(3);
  const auto x = points();
  const Bound bound = model->bound(x, generator);
  const Factors f = by_hand(GetParam(), *model, x);
  for (int64_t b = 0; b < x.size(0); ++b) {
    double kl_y = 0, kl_z = 0;
    for (int64_t k = 0; k < 3; ++k) {
      const double q = number(f.q_y[b][k]);
      kl_y += q * std::log(3 * q);
      for (int64_t d = 0; d < 2; ++d) {
        const double m = number(f.mean[b][k][d]), v = number(f.variance[b][k][d]);
        const double pm = number(f.prior_mean[k][d]), pv = number(f.prior_variance[k][d]);
        kl_z += q * 0.5 * (std::log(pv / v) + (v + (m - pm) * (m - pm)) / pv - 1);
      }
    }
    EXPECT_NEAR(number(bound.terms[1].value[b]), kl_z, 1e-10);
    EXPECT_NEAR(number(bound.terms[2].value[b]), kl_y, 1e-10);
  }
}

TEST_P(Family, InformationAgreesWithIntegration) {
  const auto options = options_of(GetParam(), 3);
  const auto model = made(GetParam(), *options);
  {
    torch::NoGradGuard no_grad;  // codes that know more of x
    for (auto& item : model->named_parameters()) {
      if (item.key().find("weight_hidden") != std::string::npos) item.value().mul_(2.5);
    }
  }
  const auto x = points();
  const Factors f = by_hand(GetParam(), *model, x);
  const int64_t B = x.size(0);
  const double step = 0.05;
  const auto axis = torch::arange(-15.0, 15.0, step, torch::kFloat64);
  const auto log_normal = [&](const torch::Tensor& mean, const torch::Tensor& variance) {  // [G, G]
    const auto line = [&](int64_t d) {
      const double m = number(mean[d]), v = number(variance[d]);
      return -0.5 * ((axis - m).square() / v + std::log(2 * M_PI * v));
    };
    return line(0).unsqueeze(1) + line(1).unsqueeze(0);
  };
  const auto integral = [&](const torch::Tensor& on_grid) {
    return number(on_grid.sum()) * step * step;
  };
  double mutual_information = 0, aggregated_kl = 0, cluster_entropy = 0, mass = 0;
  for (int64_t k = 0; k < 3; ++k) {
    auto q_z_y = torch::zeros({axis.numel(), axis.numel()}, torch::kFloat64);  // q(z, y = k)
    for (int64_t b = 0; b < B; ++b) {
      q_z_y += f.q_y[b][k] * log_normal(f.mean[b][k], f.variance[b][k]).exp() / B;
    }
    mass += integral(q_z_y);
    const double q_y = number(f.q_y.select(1, k).mean());
    cluster_entropy -= q_y * std::log(q_y);
    const auto log_q_z_y = q_z_y.clamp_min(1e-300).log();
    const auto log_p = log_normal(f.prior_mean[k], f.prior_variance[k]);
    aggregated_kl += integral(q_z_y * (log_q_z_y - std::log(q_y) - log_p));
    for (int64_t b = 0; b < B; ++b) {
      const auto log_own = log_normal(f.mean[b][k], f.variance[b][k]) + f.q_y[b][k].log();
      mutual_information += integral(log_own.exp() * (log_own - log_q_z_y)) / B;
    }
  }
  auto generator = make_generator(6);
  torch::NoGradGuard no_grad;
  constexpr int kRounds = 60;
  Information found{};
  for (int round = 0; round < kRounds; ++round) {
    // The mean over points repeated is the mean over points.
    const auto one = model->information(x.repeat({100, 1}), generator);
    found.mutual_information += one->mutual_information / kRounds;
    found.aggregated_kl += one->aggregated_kl / kRounds;
    found.cluster_entropy = one->cluster_entropy;
  }
  EXPECT_NEAR(mass, 1, 1e-4);           // the grid is wide enough
  EXPECT_GT(mutual_information, 0.05);  // else this shows nothing
  EXPECT_GT(aggregated_kl, 0.05);
  EXPECT_NEAR(found.mutual_information, mutual_information, 0.02 + 0.01 * mutual_information);
  EXPECT_NEAR(found.aggregated_kl, aggregated_kl, 0.02 + 0.01 * aggregated_kl);
  EXPECT_NEAR(found.cluster_entropy, cluster_entropy, 1e-6);
}

TEST_P(Family, ReconstructionIsTheSumOverClustersByHand) {
  // With q(z|x,y) as narrow as it may be, z is all but its mean and the term all but a plain sum.
  const auto options = options_of(GetParam(), 3);
  const auto model = made(GetParam(), *options);
  auto w = model->named_parameters();
  {
    torch::NoGradGuard no_grad;
    for (const char* at : {"q_z_given_x_y.log_variance.bias", "q_z_given_x.log_variance.bias"}) {
      if (w.contains(at)) w[at].fill_(-100);
    }
    // The decoder must hardly feel what width is left.
    auto& z = w[GetParam() == "gm_dgm" ? "p_x_given_z.trunk.layer1.weight_z"
                                       : "p_x_given_z_y.trunk.layer1.weight_z"];
    z.mul_(0.01);
  }
  auto generator = make_generator(4);
  const auto x = points();
  const auto q_y = model->cluster_probabilities(x, generator).front();  // [B, K]
  torch::Tensor expected = torch::zeros({x.size(0)}, torch::kFloat64);
  for (int64_t k = 0; k < 3; ++k) {
    // Under one cluster the decoder's bits are those of generated points, up to z's small part.
    const auto on = model->sample_means(2000, model->given_cluster(k), generator).mean(0);  // [D]
    expected += q_y.select(1, k) * (x * on.log() + (1 - x) * (1 - on).log()).sum(1);
  }
  const auto found = model->bound(x, generator).terms[0].value;
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.05) << found << expected;
}

TEST_P(Family, OneClusterOfAStandardNormalIsTheVae) {
  const auto options = options_of(GetParam(), 1);
  const auto model = made(GetParam(), *options);
  VaeOptions plain;
  plain.latent = 2;
  plain.trunk.layers = {"5"};
  const auto vae = made("vae", plain);
  {
    torch::NoGradGuard no_grad;
    auto w = model->named_parameters();
    for (auto& item : w) {
      const bool of_y = item.key().find("weight_y") != std::string::npos;
      if (of_y || item.key().rfind("p_z_given_y", 0) == 0) item.value().zero_();
    }
  }
  copy_weights(*model, *vae, [](std::string name) {
    const auto swap = [&](const std::string& from, const std::string& to) {
      if (name.rfind(from, 0) == 0) name = to + name.substr(from.size());
    };
    swap("hidden_given_x.", "q_z_given_x.trunk.");
    swap("q_z_given_x_y.", "q_z_given_x.");
    swap("p_x_given_z_y.", "p_x_given_z.");
    return name;
  });
  auto first = make_generator(5);
  auto second = make_generator(5);
  EXPECT_TRUE(
      torch::allclose(model->bound(points(), first).elbo(), vae->bound(points(), second).elbo()));
}

TEST_P(Family, GumbelAtALowTemperatureIsTheExactSum) {
  const auto x = points().repeat({20000, 1});
  const auto mean = [&](const std::string& estimator) {
    const auto options = options_of(GetParam(), 3);
    options->estimator.kind = estimator;
    options->estimator.temperature = options->estimator.temperature_floor = 0.01;
    const auto model = made(GetParam(), *options);
    model->train();
    auto generator = make_generator(6);
    torch::NoGradGuard no_grad;
    return model->bound(x, generator).elbo().view({20000, 6}).mean(0);
  };
  const auto exact = mean("exact");
  EXPECT_LT((mean("gumbel") - exact).abs().max().item<double>(), 0.05) << exact;
}

// What "iwae" trains on with "exact": many draws of z bring it to log p(x) − KL(q(y|x) ‖ p(y|x)),
// the integrals here sums over a grid of z, one draw to the ELBO.
TEST_P(Family, SummedClustersHaveTheirOwnWeightsAndQOfYItsOwnGradient) {
  const auto options = options_of(GetParam(), 3);
  const auto model = made(GetParam(), *options);
  const auto x = points();
  const int64_t B = x.size(0);
  const Factors f = by_hand(GetParam(), *model, x);
  const auto w = ByHand{model->named_parameters()};
  model->train();
  const auto found = [&](int64_t samples, int64_t seed) {
    auto generator = make_generator(static_cast<uint64_t>(seed));
    const Bound draws = model->log_weights(x)(samples, generator);
    EXPECT_EQ(draws.share.sizes(), (std::vector<int64_t>{3, 1, B}));
    const auto log_mean_w = torch::logsumexp(draws.elbo(), 1, /*keepdim=*/true) -  // [K, 1, B]
                            std::log(static_cast<double>(samples));
    return draws.mean(log_mean_w);
  };
  {
    torch::NoGradGuard no_grad;
    const double step = 0.1;
    const auto axis = torch::arange(-9.0, 9.0, step, torch::kFloat64);
    const auto grid =
        torch::stack(torch::meshgrid({axis, axis}, "ij"), -1).view({-1, 2});  // [G, 2]
    double expected = 0;
    for (int64_t k = 0; k < 3; ++k) {
      const auto y = torch::one_hot(torch::full({grid.size(0)}, k), 3).to(torch::kFloat64);
      const bool reads_y = GetParam() != "gm_dgm";
      const std::string net = reads_y ? "p_x_given_z_y" : "p_x_given_z";
      ByHand::Inputs parents = {{"z", grid}};
      if (reads_y) parents.push_back({"y", y});
      const auto h = w.gated(net + ".trunk.layer1", parents);
      const auto logits = w.join(net + ".logits", {{"hidden", h}});  // [G, D]
      const auto log_prior = (-0.5 * ((grid - f.prior_mean[k]).square() / f.prior_variance[k] +
                                      (2 * M_PI * f.prior_variance[k]).log()))
                                 .sum(-1);  // [G]
      for (int64_t b = 0; b < B; ++b) {
        const auto log_p_x =
            (x[b] * torch::log_sigmoid(logits) + (1 - x[b]) * torch::log_sigmoid(-logits))
                .sum(-1);  // [G]
        const auto log_joint = log_p_x + log_prior - std::log(3);
        const double q = number(f.q_y[b][k]);
        const double log_p = number(torch::logsumexp(log_joint, 0)) + 2 * std::log(step);
        expected += q * (log_p - std::log(q)) / static_cast<double>(B);
      }
    }
    EXPECT_NEAR(number(found(20000, 9)), expected, 0.01);
    double elbo = 0, of_one = 0;
    for (int64_t round = 0; round < 3000; ++round) of_one += number(found(1, round)) / 3000;
    auto generator = make_generator(10);
    elbo = number(model->bound(x, generator, 3000).elbo().mean());
    EXPECT_NEAR(of_one, elbo, 0.03);
    EXPECT_LT(elbo, expected - 0.05);  // else this shows nothing
  }
  // The gradient of q(y|x)'s parameters against differences of the value at the same draws.
  auto bias = model->named_parameters()["q_y_given_x.logits.bias"];
  const auto gradient = torch::autograd::grad({found(5, 11)}, {bias})[0];
  torch::NoGradGuard no_grad;
  for (int64_t k = 0; k < 3; ++k) {
    const double width = 1e-5;
    bias[k] += width;
    const double above = number(found(5, 11));
    bias[k] -= 2 * width;
    const double below = number(found(5, 11));
    bias[k] += width;
    EXPECT_NEAR(number(gradient[k]), (above - below) / (2 * width), 1e-7);
    EXPECT_GT(std::abs(number(gradient[k])), 1e-4);
  }
}

// What "iwae" trains on with "gumbel".
TEST_P(Family, RelaxedWeightsAtALowTemperatureAverageToTheBound) {
  constexpr int64_t kDraws = 40000;
  const auto options = options_of(GetParam(), 3);
  options->estimator.kind = "gumbel";
  options->estimator.temperature = options->estimator.temperature_floor = 0.01;
  const auto model = made(GetParam(), *options);
  auto generator = make_generator(8);
  torch::NoGradGuard no_grad;
  model->train();
  const Bound drawn = model->log_weights(points())(kDraws, generator);
  model->eval();
  const Bound bound = model->bound(points(), generator, kDraws);
  ASSERT_EQ(drawn.terms.size(), bound.terms.size());
  for (size_t i = 0; i < bound.terms.size(); ++i) {
    ASSERT_EQ(drawn.terms[i].value.sizes(), (std::vector<int64_t>{kDraws, points().size(0)}));
    const auto exact = bound.terms[i].value.expand({kDraws, points().size(0)}).mean(0);
    const auto apart = drawn.terms[i].value.mean(0) - exact;
    EXPECT_LT(apart.abs().max().item<double>(), 0.06) << bound.terms[i].name << apart << exact;
  }
}

INSTANTIATE_TEST_SUITE_P(Clusters, Family,
                         testing::Values("cp_vae", "indq", "indp", "indqp", "gm_dgm"),
                         [](const auto& test) { return test.param; });

TEST(ClusteredVae, WarmsUpKLOfYOnlyIfAsked) {
  for (const bool asked : {false, true}) {
    const auto options = options_of("cp_vae", 3);
    options->warm_up_clusters = asked;
    auto generator = make_generator(3);
    std::map<std::string, bool> warms_up;
    for (const Term& term : made("cp_vae", *options)->bound(points(), generator).terms) {
      warms_up[term.name] = term.warms_up;
    }
    EXPECT_EQ(warms_up.at("KL(y)"), asked);
    EXPECT_TRUE(warms_up.at("KL(z)"));
    EXPECT_FALSE(warms_up.at("log p(x|z,y)"));
  }
}

TEST(M2, LabelledPointsHaveTheBoundOfTheirOwnClusterByHand) {
  const auto options = options_of("m2", 3);
  const auto model = made("m2", *options);
  const auto x = points();                           // [B, D]
  const auto y = torch::tensor({2, 0, 1, 1, 0, 2});  // [B]
  const Factors f = by_hand("indp", *model, x);      // whose factors it has
  torch::NoGradGuard no_grad;
  const auto of_own = [&](const torch::Tensor& each) {  // [B, K, d] -> [B, d]
    return each.index({torch::arange(6), y});
  };
  const auto mean = of_own(f.mean), log_variance = of_own(f.variance).log();
  auto noise = make_generator(4), same_noise = make_generator(4);
  const auto z = mean + (log_variance / 2).exp() * draw_normals({6, 2}, x, noise);
  const ByHand w{model->named_parameters()};
  const auto h = w.gated("p_x_given_z_y.trunk.layer1",
                         {{"z", z}, {"y", torch::one_hot(y, 3).to(torch::kFloat64)}});
  const auto log_p_x = log_bits_by_hand(x, w.join("p_x_given_z_y.logits", {{"hidden", h}}));
  const auto zeros = torch::zeros_like(mean);
  const auto kl_z = kl_by_hand(mean, log_variance, zeros, zeros);

  ASSERT_TRUE(model->takes_labels());
  const Bound bound = model->labelled_bound(x, y, same_noise);
  ASSERT_EQ(bound.terms.size(), 4u);
  EXPECT_EQ(bound.terms[3].name, "H(q(y|x))");
  for (int64_t b = 0; b < 6; ++b) {
    const auto i = static_cast<size_t>(b);
    EXPECT_NEAR(number(bound.terms[0].value[b]), log_p_x[i], 1e-9);
    EXPECT_NEAR(number(bound.terms[1].value[b]), kl_z[i], 1e-9);
    EXPECT_NEAR(number(bound.terms[2].value.expand({6})[b]), std::log(3), 1e-9);  // -log p(y)
    EXPECT_NEAR(number(bound.terms[3].value[b]), -std::log(number(f.q_y[b][y[b].item<int64_t>()])),
                1e-9);
    EXPECT_NEAR(number(bound.elbo()[b]), log_p_x[i] - kl_z[i] - std::log(3), 1e-9);
  }
}

TEST(CpVae, WithItsPriorsTiedIsIndp) {
  const auto cp_options = options_of("cp_vae", 3);
  const auto indp_options = options_of("indp", 3);
  const auto cp_vae = made("cp_vae", *cp_options);
  const auto indp = made("indp", *indp_options);
  copy_weights(*cp_vae, *indp);
  {
    torch::NoGradGuard no_grad;
    for (const char* name : {"p_z_given_y.mean", "p_z_given_y.log_variance"}) {
      cp_vae->named_parameters()[name].zero_();
    }
  }
  const auto value = [](Model& model, bool weights) {
    auto generator = make_generator(7);
    return weights ? model.log_weights(points())(5, generator).elbo()
                   : model.bound(points(), generator).elbo();
  };
  EXPECT_TRUE(torch::allclose(value(*cp_vae, false), value(*indp, false)));
  EXPECT_TRUE(torch::allclose(value(*cp_vae, true), value(*indp, true)));
}

}  // namespace
}  // namespace clade
