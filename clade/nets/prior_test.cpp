#include "clade/nets/prior.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>

#include "clade/core/error.h"

namespace clade {
namespace {

const auto kDouble = torch::dtype(torch::kFloat64);

GaussianConditional small_encoder(Generator& generator) {
  GaussianConditional encoder(Parents{{"x", 3}}, TrunkOptions{.layers = {"5"}}, 2,
                              LogVarianceRange{}, generator);
  encoder->to(torch::kFloat64);
  return encoder;
}

Prior small_prior(const PriorOptions& options, const GaussianConditional& encoder,
                  Generator& generator) {
  return Prior(options, 2, 3, /*bounded=*/true, LogVarianceRange{}, encoder, generator);
}

torch::Tensor every_x() {  // [8, 3]
  const auto code = torch::arange(8).unsqueeze(1);
  return code.bitwise_right_shift(torch::arange(3)).bitwise_and(1).to(torch::kFloat64);
}

TEST(Prior, VampPriorOverAllPointsIsTheAggregatedPosterior) {
  auto generator = make_generator(1);
  auto encoder = small_encoder(generator);
  PriorOptions options{.kind = "vampprior", .components = 8};
  Prior prior = small_prior(options, encoder, generator);
  prior->to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  prior->named_parameters()["pseudo_inputs"].copy_(every_x());
  const auto p_z = prior(kDouble);
  const auto z = torch::empty({50, 2}, kDouble).normal_(0, 1.5, generator);
  // 1/N Σ_n q(z | x_n), density by density.
  auto density = torch::zeros({50}, kDouble);
  for (int64_t n = 0; n < 8; ++n) {
    density += encoder(every_x().slice(0, n, n + 1)).log_prob(z).exp() / 8;
  }
  EXPECT_TRUE(torch::allclose(p_z.log_prob(z), density.log()));

  // The KL to it is then the mutual information of x and z, which is at most log N.
  const auto x = every_x().repeat({5000, 1});
  const auto q_z = encoder(x);
  const double information = kl(q_z, p_z, q_z.rsample(generator)).mean().item<double>();
  EXPECT_GT(information, 0);
  EXPECT_LT(information, std::log(8.0));
}

TEST(Prior, PseudoInputsStayWhereTheDataAre) {
  auto generator = make_generator(2);
  auto encoder = small_encoder(generator);
  PriorOptions options{.kind = "vampprior", .components = 2};
  Prior bounded = small_prior(options, encoder, generator);
  bounded->to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  bounded->named_parameters()["pseudo_inputs"].copy_(
      torch::tensor({{-4.0, 0.5, 9.0}, {0.0, 1.0, 2.0}}, kDouble));
  const auto expected = encoder(torch::tensor({{0.0, 0.5, 1.0}, {0.0, 1.0, 1.0}}, kDouble));
  EXPECT_TRUE(torch::allclose(bounded(kDouble).components().mean(), expected.mean()));
}

TEST(Prior, PseudoInputsAreNoDataToABatchNorm) {
  auto generator = make_generator(7);
  const TrunkOptions trunk{.layers = {"5"}, .batch_norm = true};
  GaussianConditional encoder(Parents{{"x", 3}}, trunk, 2, LogVarianceRange{}, generator);
  PriorOptions options{.kind = "vampprior", .components = 4};
  Prior prior = small_prior(options, encoder, generator);
  encoder(every_x().to(torch::kFloat32));  // gives the batch norm statistics
  const auto statistics = [&] {
    std::vector<torch::Tensor> all;
    for (const auto& buffer : encoder->buffers()) all.push_back(buffer.reshape(-1));
    return torch::cat(all);
  };
  const auto before = statistics();
  const auto z = torch::zeros({1, 2});
  const auto in_training = prior(torch::kFloat32).log_prob(z);
  EXPECT_TRUE(torch::equal(before, statistics()));
  encoder->eval();
  EXPECT_TRUE(torch::allclose(in_training, prior(torch::kFloat32).log_prob(z)));
}

TEST(Prior, StartsFromTheDataWhereToldTo) {
  auto generator = make_generator(3);
  auto encoder = small_encoder(generator);
  for (const bool from_data : {true, false}) {
    PriorOptions options{.kind = "vampprior", .components = 4};
    if (from_data) options.pseudo_inputs = "data";
    Prior prior = small_prior(options, encoder, generator);
    prior->start_from(torch::full({2, 3}, 0.75), generator);
    const auto u = prior->named_parameters()["pseudo_inputs"];
    EXPECT_EQ(u.eq(0.75).all().item<bool>(), from_data);
  }
}

TEST(Prior, StartsFromAsManyDifferentPointsAsItHasPseudoInputs) {
  auto generator = make_generator(6);
  auto encoder = small_encoder(generator);
  PriorOptions options{.kind = "vampprior", .components = 4, .pseudo_inputs = "data"};
  const auto x = torch::arange(6, torch::kFloat32).unsqueeze(1).expand({6, 3}) / 10;
  std::set<int64_t> ever;
  for (int draw = 0; draw < 20; ++draw) {
    Prior prior = small_prior(options, encoder, generator);
    prior->start_from(x, generator);
    const auto u = prior->named_parameters()["pseudo_inputs"].detach();  // [4, 3]
    const auto rows = (u.select(1, 0) * 10).round().to(torch::kInt64);   // [4]
    EXPECT_TRUE(torch::equal(u, x.index_select(0, rows)));
    std::set<int64_t> drawn;
    for (int64_t m = 0; m < 4; ++m) drawn.insert(rows[m].item<int64_t>());
    EXPECT_EQ(drawn.size(), 4U);
    ever.insert(drawn.begin(), drawn.end());
  }
  EXPECT_EQ(ever.size(), 6U);
}

TEST(Prior, UntrainableOnesHaveNoGradient) {
  auto generator = make_generator(4);
  auto encoder = small_encoder(generator);
  for (const char* kind : {"mixture", "vampprior"}) {
    PriorOptions options{.kind = kind, .trainable = false};
    Prior prior = small_prior(options, encoder, generator);
    for (const auto& parameter : prior->parameters()) EXPECT_FALSE(parameter.requires_grad());
  }
}

TEST(Prior, StandardNormalHasTheClosedFormKl) {
  auto generator = make_generator(5);
  Prior prior(PriorOptions{}, 2, 3, /*bounded=*/true, LogVarianceRange{}, small_encoder(generator),
              generator);
  EXPECT_TRUE(prior->parameters().empty());
  const DiagonalGaussian q(torch::tensor({{0.3, -1.0}}, kDouble),
                           torch::tensor({{-0.5, 0.2}}, kDouble));
  EXPECT_TRUE(torch::allclose(
      kl(q, prior(kDouble), q.mean()),
      0.5 * (q.log_variance().exp() + q.mean().square() - 1 - q.log_variance()).sum(-1)));
}

}  // namespace
}  // namespace clade
