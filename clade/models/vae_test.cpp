// The bound by sums written by hand; and, without hidden layers and with a Gaussian likelihood, a
// linear-Gaussian model, whose p(x) and posterior have a closed form.
#include "clade/models/vae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/models/by_hand_for_tests.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

TEST(Vae, BoundIsTheSumWrittenByHand) {
  VaeOptions options;
  options.latent = 2;
  options.trunk.layers = {"4"};
  auto generator = make_generator(1);
  Vae model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({3, 4}, torch::kFloat64).bernoulli_(0.5, generator);

  auto noise = make_generator(2);
  const auto e = draw_normals({3, 2}, x, noise);
  const ByHand w{model.named_parameters()};
  const ByHand::Inputs h = {{"hidden", w.gated("q_z_given_x.trunk.layer1", {{"x", x}})}};
  const auto mean = w.join("q_z_given_x.mean", h);
  const auto log_variance = w.join("q_z_given_x.log_variance", h).clamp(-6, 2);
  const auto z = mean + (log_variance / 2).exp() * e;
  const auto logits =
      w.join("p_x_given_z.logits", {{"hidden", w.gated("p_x_given_z.trunk.layer1", {{"z", z}})}});
  const auto log_p = log_bits_by_hand(x, logits);
  const auto divergence =
      kl_by_hand(mean, log_variance, torch::zeros_like(mean), torch::zeros_like(mean));

  auto same_noise = make_generator(2);
  const Bound bound = model.bound(x, same_noise);
  ASSERT_EQ(bound.terms.size(), 2u);
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_NEAR(bound.terms[0].value[b].item<double>(), log_p[b], 1e-9);
    EXPECT_NEAR(bound.terms[1].value[b].item<double>(), divergence[b], 1e-9);
    EXPECT_NEAR(bound.elbo()[b].item<double>(), log_p[b] - divergence[b], 1e-9);
  }
}

constexpr int64_t kFeatures = 3;
constexpr int64_t kPoints = 5;

torch::Tensor points() {
  auto generator = make_generator(2);
  return torch::empty({kPoints, kFeatures}, torch::kFloat64).normal_(0, 1, generator);
}

std::shared_ptr<Vae> linear_gaussian(int64_t latent) {
  VaeOptions options;
  options.likelihood = "gaussian";
  options.latent = latent;
  options.trunk.layers = {};
  auto generator = make_generator(1);
  auto model = std::make_shared<Vae>(options, Parent{"x", kFeatures}, generator);
  model->to(torch::kFloat64);
  model->eval();
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.5, generator));
  }
  return model;
}

/// log N(x; b, W Wᵀ + Σ), [B].
torch::Tensor log_marginal(Vae& model, const torch::Tensor& x) {
  auto w = model.named_parameters();
  const auto W = w["p_x_given_z.mean.weight_z"];  // [D, d]
  const auto covariance = W.matmul(W.t()) + w["p_x_given_z.log_variance"].exp().diag();
  const auto centred = x - w["p_x_given_z.mean.bias"];
  const auto whitened = torch::linalg_solve(covariance, centred.t()).t();
  return -0.5 * ((centred * whitened).sum(-1) + covariance.logdet() +
                 static_cast<double>(kFeatures) * std::log(2 * M_PI));
}

TEST(LinearGaussianVae, EveryWeightIsTheMarginalUnderTheExactPosterior) {
  const auto model = linear_gaussian(1);
  auto w = model->named_parameters();
  torch::NoGradGuard no_grad;
  const auto precision = (-w["p_x_given_z.log_variance"]).exp();              // [D]
  const auto scaled = w["p_x_given_z.mean.weight_z"].squeeze(1) * precision;  // [D]
  const auto variance = 1 / (1 + (w["p_x_given_z.mean.weight_z"].squeeze(1) * scaled).sum());
  w["q_z_given_x.mean.weight_x"].copy_((variance * scaled).unsqueeze(0));
  w["q_z_given_x.mean.bias"].fill_(
      (-variance * (scaled * w["p_x_given_z.mean.bias"]).sum()).item<double>());
  w["q_z_given_x.log_variance.weight_x"].zero_();
  w["q_z_given_x.log_variance.bias"].fill_(variance.log().item<double>());

  auto generator = make_generator(3);
  const auto log_w = model->log_weights(points())(7, generator).elbo();  // [7, B]
  EXPECT_LT((log_w - log_marginal(*model, points())).abs().max().item<double>(), 1e-10);
}

TEST(LinearGaussianVae, ManyWeightsApproachTheMarginalFromBelow) {
  const auto model = linear_gaussian(2);
  auto w = model->named_parameters();
  auto generator = make_generator(4);
  torch::NoGradGuard no_grad;
  // A posterior that is wrong, yet as wide as the prior: no weight is much larger than the others.
  w["q_z_given_x.mean.weight_x"].mul_(0.5);
  w["q_z_given_x.log_variance.weight_x"].zero_();
  w["q_z_given_x.log_variance.bias"].zero_();
  const auto log_w = model->log_weights(points())(40 * 1000, generator).elbo();
  const auto f_1000 =
      torch::logsumexp(log_w.view({40, 1000, kPoints}), 1).mean(0) - std::log(1000.0);
  const auto log_p = log_marginal(*model, points());
  EXPECT_LT((f_1000 - log_p).mean().item<double>(), 0.01);
  EXPECT_LT((f_1000 - log_p).abs().max().item<double>(), 0.02) << f_1000 << log_p;
  EXPECT_GT((f_1000 - log_w.mean(0)).mean().item<double>(), 0.1);  // else this shows nothing
}

}  // namespace
}  // namespace clade
