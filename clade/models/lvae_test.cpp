// The bound by sums written by hand, with precisions added up as the paper has it; and one layer,
// which is the VAE.
#include "clade/models/lvae.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/by_hand_for_tests.h"
#include "clade/models/vae.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

struct Moments {
  torch::Tensor mean, log_variance;  // [B, d]

  torch::Tensor precision() const { return (-log_variance).exp(); }
  torch::Tensor draw(const torch::Tensor& noise) const {
    return mean + (log_variance / 2).exp() * noise;
  }
};

Moments product(const Moments& a, const Moments& b) {
  const auto precision = a.precision() + b.precision();
  return {(a.mean * a.precision() + b.mean * b.precision()) / precision, -precision.log()};
}

TEST(Lvae, BoundIsTheSumWrittenByHand) {
  LvaeOptions options;
  options.latents = {3, 2, 2};
  options.widths = {6, 5, 4};
  options.depth = 1;
  options.trunk = {"dense", {}, "tanh", false};
  options.validate();
  auto generator = make_generator(1);
  Lvae model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({3, 4}, torch::kFloat64).bernoulli_(0.5, generator);

  // The same noise, from the top down.
  auto noise = make_generator(2), same_noise = make_generator(2);
  const auto e3 = draw_normals({3, 2}, x, noise);
  const auto e2 = draw_normals({3, 2}, x, noise);
  const auto e1 = draw_normals({3, 3}, x, noise);
  const ByHand w{model.named_parameters()};
  const auto head = [&](const std::string& net, const torch::Tensor& h) {
    const auto [mean, log_variance] = w.heads(net, {{"hidden", h}});
    return Moments{mean, log_variance};
  };
  const auto down = [&](const std::string& net, const ByHand::Inputs& above) {
    return head(net, w.join(net + ".trunk.layer1", above).tanh());
  };
  const auto d1 = w.join("q_d1.layer1", {{"x", x}}).tanh();
  const auto d2 = w.join("q_d2.layer1", {{"hidden", d1}}).tanh();
  const auto d3 = w.join("q_d3.layer1", {{"hidden", d2}}).tanh();
  const Moments q3 = head("q_z3_given_d3", d3);
  const auto z3 = q3.draw(e3);
  const Moments p2 = down("p_z2_given_z3", {{"z3", z3}});
  const Moments q2 = product(head("q_z2_given_d2", d2), p2);
  const auto z2 = q2.draw(e2);
  const Moments p1 = down("p_z1_given_z2", {{"z2", z2}});
  const Moments q1 = product(head("q_z1_given_d1", d1), p1);
  const auto z1 = q1.draw(e1);
  const auto h = w.join("p_x_given_z1.trunk.layer1", {{"z1", z1}}).tanh();
  const auto zeros = torch::zeros({3, 2}, torch::kFloat64);
  const auto kl = [](const Moments& q, const Moments& p) {
    return kl_by_hand(q.mean, q.log_variance, p.mean, p.log_variance);
  };
  const std::vector<std::pair<std::string, std::vector<double>>> by_hand = {
      {"log p(x|z1)", log_bits_by_hand(x, w.join("p_x_given_z1.logits", {{"hidden", h}}))},
      {"KL(z1)", kl(q1, p1)},
      {"KL(z2)", kl(q2, p2)},
      {"KL(z3)", kl(q3, {zeros, zeros})}};

  const Bound bound = model.bound(x, same_noise);
  ASSERT_EQ(bound.terms.size(), by_hand.size());
  for (size_t i = 0; i < by_hand.size(); ++i) {
    EXPECT_EQ(bound.terms[i].name, by_hand[i].first);
    for (int64_t b = 0; b < 3; ++b) {
      EXPECT_NEAR(bound.terms[i].value[b].item<double>(), by_hand[i].second[b], 1e-9)
          << by_hand[i].first;
    }
  }
}

TEST(Lvae, OfOneLayerIsTheVae) {
  LvaeOptions ladder_options;
  ladder_options.latents = {3};
  ladder_options.widths = {8};
  VaeOptions options;
  options.latent = 3;
  options.trunk = ladder_options.trunk_of(0);
  auto generator = make_generator(1);
  Lvae ladder(ladder_options, Parent{"x", 5}, generator);
  Vae vae(options, Parent{"x", 5}, generator);
  disturb(vae, generator);
  ladder.to(torch::kFloat64);
  const auto x = torch::empty({7, 5}, torch::kFloat64).bernoulli_(0.5, generator);

  torch::NoGradGuard no_grad;
  const auto weights = vae.named_parameters();
  for (const auto& item : ladder.named_parameters()) {
    std::string name = item.key();
    const auto swap = [&](const std::string& from, const std::string& to) {
      const size_t at = name.find(from);
      if (at != std::string::npos) name.replace(at, from.size(), to);
    };
    swap("q_d1.", "q_z_given_x.trunk.");
    swap("q_z1_given_d1.", "q_z_given_x.");
    swap("p_x_given_z1.", "p_x_given_z.");
    swap("weight_z1", "weight_z");
    item.value().copy_(weights[name]);
  }
  ASSERT_EQ(ladder.parameters().size(), vae.parameters().size());
  for (const bool training : {true, false}) {
    ladder.train(training);
    vae.train(training);
    auto first = make_generator(2), second = make_generator(2);
    const Bound of_ladder = ladder.bound(x, first), of_vae = vae.bound(x, second);
    for (size_t i = 0; i < of_vae.terms.size(); ++i) {
      EXPECT_TRUE(torch::equal(of_ladder.terms[i].value, of_vae.terms[i].value));
    }
    EXPECT_TRUE(
        torch::equal(ladder.log_weights(x)(4, first).elbo(), vae.log_weights(x)(4, second).elbo()));
  }
}

TEST(Lvae, CollectsTheStatisticsOfBatchNormsOnceAStep) {
  LvaeOptions options;
  options.latents = {3, 2};
  options.widths = {6, 5};
  options.depth = 1;
  auto generator = make_generator(1);
  Lvae model(options, Parent{"x", 4}, generator);
  disturb(model, generator);
  torch::NoGradGuard no_grad;
  const auto x = torch::empty({40, 4}, torch::kFloat64).bernoulli_(0.5, generator);
  const auto variance = [&](const std::string& norm) {
    return model.named_buffers()[norm + ".running_variance"].clone();
  };
  const std::vector<std::string> norms = {"q_d2.norm1", "p_z1_given_z2.trunk.norm1",
                                          "p_x_given_z1.trunk.norm1"};
  model.train();
  const auto take = [&] {
    auto noise = make_generator(2);
    model.bound(x, noise);
  };
  take();
  std::vector<torch::Tensor> after_one;
  for (const auto& norm : norms) after_one.push_back(variance(norm));
  for (int i = 0; i < 200; ++i) take();
  for (size_t i = 0; i < norms.size(); ++i) {
    // It starts at 1, keeps nine tenths of itself each time, and tends to the batch's.
    EXPECT_TRUE(torch::allclose(after_one[i], 0.9 + 0.1 * variance(norms[i]))) << norms[i];
  }
}

TEST(Lvae, RefusesLatentsWithoutWidths) {
  LvaeOptions options;
  options.latents = {8, 4};
  try {
    options.validate();
    ADD_FAILURE() << "five widths were taken for two latents";
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              "model.widths are 5 and model.latents 2; give one width for each latent");
  }
}

}  // namespace
}  // namespace clade
