#include "clade/training/objective.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/models/small_models_for_tests.h"

namespace clade {
namespace {

torch::Tensor numbers(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

double number(const torch::Tensor& value) {
  return value.item<double>();
}

/// Two points: log p(x|z) has the mean −5, KL(z) 2, KL(y) 0.5, the loss on labels 3.
Bound every_role() {
  return {{{"log p(x|z)", numbers({-4, -6})},
           {"KL(z)", numbers({1, 3}), Role::divergence},
           {"KL(y)", numbers({0.25, 0.75}), Role::divergence, /*warms_up=*/false},
           {"H(q(y|x))", numbers({2, 4}), Role::classification}}};
}

TEST(Cost, WeighsEveryTermByItsRole) {
  EXPECT_DOUBLE_EQ(number(cost(every_role(), {.beta = 1, .alpha = 0})), 5 + 2 + 0.5);
  EXPECT_DOUBLE_EQ(number(cost(every_role(), {.beta = 1, .alpha = 1})), 5 + 2 + 0.5 + 3);
  EXPECT_DOUBLE_EQ(number(cost(every_role(), {.beta = 0.25, .alpha = 10})), 5 + 0.5 + 0.5 + 30);
}

TEST(Cost, WeighsAgreementByItsOwnWeightAlone) {
  Bound bound = every_role();
  bound.terms.push_back({"hold", numbers({1, 2}), Role::agreement, /*warms_up=*/false});
  const double others = number(cost(every_role(), {.beta = 0.5, .alpha = 2}));
  for (const double hold : {0.0, 1.0, 20.0}) {
    EXPECT_DOUBLE_EQ(number(cost(bound, {.beta = 0.5, .alpha = 2, .hold = hold})),
                     others + 1.5 * hold);
  }
  EXPECT_DOUBLE_EQ(number(cost(bound, {.beta = 0.25})), number(cost(every_role(), {.beta = 0.25})));
  EXPECT_TRUE(torch::equal(bound.elbo(), every_role().elbo()));
}

TEST(Cost, OfOneWeightIsMinusTheBound) {
  Bound bound = every_role();
  bound.terms.pop_back();
  EXPECT_DOUBLE_EQ(number(cost(bound, {})), -number(bound.elbo().mean()));
}

TEST(Cost, IsTheMeanOverDrawsAndPoints) {
  const Bound draws{{{"log p(x|z)", numbers({-1, -2, -3, -4, -5, -9}).view({3, 2})},
                     {"KL(z)", numbers({2, 4}), Role::divergence}}};  // in closed form: no draws
  EXPECT_DOUBLE_EQ(number(cost(draws, {.beta = 0.5})), 4 + 0.5 * 3);
}

TEST(Cost, HoldsAFloorUnderTheMeanAloneAndHasNoGradientBelowIt) {
  const auto charged = [](double floor, double shift) {
    auto value = numbers({-1 + shift, 2 + shift}).requires_grad_();  // one point alone is below 0
    const Bound bound{{{"KL(y)", value, Role::divergence, /*warms_up=*/true, floor}}};
    const auto sum = cost(bound, {.beta = 0.5});
    sum.backward();
    return std::pair{number(sum), number(value.grad()[0])};
  };
  EXPECT_EQ(charged(0.4, 0), std::pair(0.5 * 0.5, 0.25));  // the mean is 0.5: above
  EXPECT_EQ(charged(0.6, 0), std::pair(0.5 * 0.6, 0.0));   // below
  EXPECT_EQ(charged(0, -1), std::pair(0.5 * -0.5, 0.25));  // none, not one of 0
}

TEST(Cost, FloorsAreNoPartOfTheReportedBound) {
  Bound bound = every_role();
  const auto before = bound.elbo();
  bound.terms[1].floor = 100;
  EXPECT_TRUE(torch::equal(bound.elbo(), before));
  EXPECT_DOUBLE_EQ(number(cost(bound, {.beta = 1, .alpha = 0})), 5 + 100 + 0.5);
}

TEST(Cost, FloorOfGmvaeTakesTheGradientOfKlYBelowItAndLeavesItAbove) {
  auto bits = make_generator(3);
  const auto x = torch::empty({6, 4}).bernoulli_(0.5, bits).to(torch::kFloat64);
  const auto model_of = [](double floor) {
    const auto options = small_options("gmvae");
    from_json({{"information_floor", floor}, {"prior_spread", 1.5}}, *options);
    auto generator = make_generator(1);
    auto model = find_model("gmvae").make(*options, Parent{"x", 4}, generator);
    model->to(torch::kFloat64);
    return model;
  };
  // Of one loss of the bound or another, of all parameters in a row.
  const auto gradient = [&](double floor, const std::function<torch::Tensor(const Bound&)>& loss) {
    const auto model = model_of(floor);
    auto generator = make_generator(7);
    loss(model->bound(x, generator, 4)).backward();
    std::vector<torch::Tensor> all;
    for (const auto& parameter : model->parameters()) {
      const auto& own = parameter.grad();
      all.push_back(own.defined() ? own.flatten() : torch::zeros({parameter.numel()}, x.options()));
    }
    return torch::cat(all);
  };
  const auto whole = [](const Bound& bound) { return cost(bound, {}); };
  const auto without = [](const Bound& bound) {
    Bound others;
    for (const Term& term : bound.terms) {
      if (term.name != "KL(y)") others.terms.push_back(term);
    }
    return -others.elbo().mean();
  };
  auto generator = make_generator(7);
  const double kl_y = number(model_of(0)->bound(x, generator, 4).terms.at(2).value.mean());
  ASSERT_GT(kl_y, 0.05);
  const auto apart = [](const torch::Tensor& a, const torch::Tensor& b) {
    return number((a - b).abs().max());
  };
  const auto plain = gradient(0, whole), others = gradient(0, without);
  EXPECT_GT(apart(plain, others), 1e-3);
  EXPECT_LT(apart(gradient(1.01 * kl_y, whole), others), 1e-12);
  EXPECT_LT(apart(gradient(0.99 * kl_y, whole), plain), 1e-12);
}

/// Three draws of two points, of log p(x|z) and log q(z) − log p(z).
Bound three_draws() {
  return {{{"log p(x|z)", numbers({-1, -2, -3, -4, -5, -6}).view({3, 2})},
           {"KL(z)", numbers({0.5, -1, 2, 0, -0.25, 3}).view({3, 2}), Role::divergence}}};
}

TEST(ImportanceWeightedCost, IsMinusTheLogOfTheMeanWeight) {
  for (const double beta : {1.0, 0.5, 0.0}) {
    const auto weight = [&](double likelihood, double divergence) {
      return std::exp(likelihood - beta * divergence);
    };
    const double first = std::log((weight(-1, 0.5) + weight(-3, 2) + weight(-5, -0.25)) / 3);
    const double second = std::log((weight(-2, -1) + weight(-4, 0) + weight(-6, 3)) / 3);
    EXPECT_NEAR(number(importance_weighted_cost(three_draws(), {.beta = beta})),
                -(first + second) / 2, 1e-14)
        << beta;
  }
}

TEST(ImportanceWeightedCost, OfOneDrawIsTheCostOfTheBound) {
  Bound one = three_draws();
  for (Term& term : one.terms) term.value = term.value.slice(0, 0, 1);  // [1, B]
  EXPECT_NEAR(number(importance_weighted_cost(one, {.beta = 0.3})),
              number(cost(one, {.beta = 0.3})), 1e-14);
}

TEST(ImportanceWeightedCost, LiesBelowThatOfTheMeanLogWeight) {
  EXPECT_LT(number(importance_weighted_cost(three_draws(), {})), number(cost(three_draws(), {})));
}

TEST(ImportanceWeightedCost, OfClustersToldApartIsTheExpectationOfTheirs) {
  // Two clusters, three draws, two points; log p(x|z) is the first's, less 1 and 2 the second's.
  Bound draws = three_draws();
  Bound second = three_draws();
  auto& log_p = second.terms[0].value;
  log_p = log_p - numbers({1, 2});
  const double of_first = number(importance_weighted_cost(draws, {.beta = 0.5}));
  Bound apart = draws;
  apart.terms[0].value = torch::stack({draws.terms[0].value, log_p});  // [K, S, B]
  apart.share = numbers({0.25, 0.5, 0.75, 0.5}).view({2, 1, 2});       // q(y | x)
  // A shift of every weight of a point shifts the logarithm of their mean.
  EXPECT_NEAR(number(importance_weighted_cost(apart, {.beta = 0.5})),
              of_first + (0.75 * 1 + 0.5 * 2) / 2, 1e-12);
  EXPECT_NEAR(number(apart.mean(apart.terms[0].value)), -3.5 - (0.75 * 1 + 0.5 * 2) / 2, 1e-12);
  EXPECT_NEAR(number(apart.mean(apart.terms[1].value)), number(draws.terms[1].value.mean()), 1e-12);
}

TEST(ImportanceWeightedCost, StandsWeightsBeyondTheRangeOfExp) {
  Bound far = three_draws();
  far.terms[0].value = far.terms[0].value - 2000;
  EXPECT_NEAR(number(importance_weighted_cost(far, {})),
              number(importance_weighted_cost(three_draws(), {})) + 2000, 1e-9);
}

TEST(DoublyReparameterised, WeighsPathsByTheSquareOfTheNormalisedWeights) {
  Bound draws = three_draws();
  for (Term& term : draws.terms) term.value = term.value.slice(1, 0, 1);  // of one point, [3, 1]
  auto& log_p = draws.terms[0].value.requires_grad_();
  const double total = std::exp(-1.5) + std::exp(-5.0) + std::exp(-4.75);
  const std::vector<double> weights = {std::exp(-1.5) / total, std::exp(-5.0) / total,
                                       std::exp(-4.75) / total};
  for (const double beta : {1.0, 0.0}) {
    const auto scale = torch::zeros({3, 1}, torch::kFloat64);
    const auto cost = doubly_reparameterised_cost(draws, {.beta = beta}, scale);
    const auto normalised = -torch::autograd::grad({cost}, {log_p})[0];  // w̃, [3, 1]
    EXPECT_NEAR(number(normalised.sum()), 1, 1e-14);
    for (int64_t s = 0; s < 3; ++s) {
      const double weight = number(normalised[s][0]);
      if (beta == 1) {
        EXPECT_NEAR(weight, weights[static_cast<size_t>(s)], 1e-14);
      }
      EXPECT_NEAR(weight * number(scale[s][0]), beta == 1 ? weight * weight : weight, 1e-14);
    }
  }
}

TEST(ImportanceWeightedCost, RefusesAFloorByName) {
  Bound draws = three_draws();
  draws.terms[1].floor = 0.5;
  try {
    importance_weighted_cost(draws, {});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("floor of 0.5 under KL(z)"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace clade
