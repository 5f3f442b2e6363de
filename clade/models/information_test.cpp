#include "clade/models/information.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/models/small_models_for_tests.h"

namespace clade {
namespace {

constexpr int64_t kPoints = 40;

std::shared_ptr<Model> made(const std::string& name, double weights) {
  auto generator = make_generator(1);
  auto model = find_model(name).make(*small_options(name), Parent{"x", 4}, generator);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.4, generator)).mul_(weights);
  }
  model->eval();
  return model;
}

torch::Tensor points() {
  auto generator = make_generator(2);
  return torch::empty({kPoints, 4}).bernoulli_(0.5, generator);
}

class Decomposition : public testing::TestWithParam<std::string> {};

TEST_P(Decomposition, SumsToTheKlOfTheBound) {
  const auto model = made(GetParam(), 1);
  auto generator = make_generator(3);
  torch::NoGradGuard no_grad;
  double parts = 0, bound = 0;
  constexpr int kRounds = 1500;
  for (int round = 0; round < kRounds; ++round) {
    parts += model->information(points(), generator)->total() / kRounds;
    for (const Term& term : model->bound(points(), generator).terms) {
      if (term.role == Role::divergence) bound += term.value.mean().item<double>() / kRounds;
    }
  }
  EXPECT_GT(bound, 0.3);  // else this shows nothing
  EXPECT_NEAR(parts, bound, 0.03);
}

TEST_P(Decomposition, InformationIsThatOfTheCodes) {
  auto generator = make_generator(4);
  torch::NoGradGuard no_grad;
  double information = 0;
  for (int round = 0; round < 200; ++round) {
    information += made(GetParam(), 1)->information(points(), generator)->mutual_information / 200;
  }
  EXPECT_GT(information, 0.05);
  EXPECT_LT(information, std::log(static_cast<double>(kPoints)));
  // Codes that ignore x know nothing of it, and then q(z | y) is q(z | x, y).
  EXPECT_NEAR(made(GetParam(), 0)->information(points(), generator)->mutual_information, 0, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(OneLayer, Decomposition,
                         testing::Values("vae", "mog", "vampprior", "cp_vae", "indq", "indp",
                                         "indqp", "gm_dgm"),
                         [](const auto& test) { return test.param; });

TEST(Information, IsHandComputedForTwoPoints) {
  // Codes so far apart that each point has its own: I = log 2, and q(z, y) is half of q(z, y | x).
  JointDraws draws;
  draws.log_q_given_own = torch::tensor({-1.0, -2.0});
  draws.log_q = draws.log_q_given_own - std::log(2.0);
  draws.log_p_given_y = torch::tensor({-3.0, -4.0});
  draws.y = torch::tensor({0, 1});
  draws.q_y = torch::tensor({0.5, 0.5, 0.0});
  const Information parts = information(draws);
  EXPECT_NEAR(parts.mutual_information, std::log(2.0), 1e-6);
  EXPECT_NEAR(parts.cluster_entropy, std::log(2.0), 1e-6);
  EXPECT_NEAR(parts.aggregated_kl, 2.0, 1e-6);  // log q(z|y) = -1 and -2 against -3 and -4
  EXPECT_NEAR(parts.log_clusters, std::log(3.0), 1e-6);

  draws.y = torch::tensor({0, 0});
  draws.q_y = torch::tensor({1.0});
  EXPECT_EQ(information(draws).cluster_entropy, 0);
  EXPECT_FALSE(std::signbit(information(draws).cluster_entropy));
}

}  // namespace
}  // namespace clade
