// Networks with convolutions: joins against ATen on maps with the channels first, and whole ones
// from images to latents and back.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/nets/conditional.h"
#include "clade/ops/precision.h"

namespace clade {
namespace {

torch::Tensor normal(at::IntArrayRef shape, Generator& generator, at::ScalarType type) {
  return torch::empty(shape, type).normal_(0, 1, generator);
}

// [..., H·W·C] -> [..., C, H, W]; {C, H, W} is the shape.
torch::Tensor channels_first(const torch::Tensor& flat, const std::vector<int64_t>& shape) {
  return flat.unflatten(-1, {shape[1], shape[2], shape[0]}).movedim(-1, -3);
}

torch::Tensor flat(const torch::Tensor& maps) {  // [..., C, H, W] -> [..., H·W·C]
  return maps.movedim(-3, -1).flatten(-3);
}

TEST(ConvolutionalJoin, ConvolvesMapsAndAddsANumberAChannelForTheOthers) {
  auto generator = make_generator(1);
  const Parent x = data_parent({6, 5, 3});
  const Parent h{"h", 2 * 30, false, {2, 6, 5}};
  Join join(Parents{x, {"y", 4}, h}, Layer("7c3s2p1"), generator);
  join->to(torch::kFloat64);
  join->named_parameters()["bias"].detach().normal_(0, 1, generator);
  const auto images = normal({5, x.width}, generator, torch::kFloat64);
  const auto y = normal({4, 1, 4}, generator, torch::kFloat64);  // one for each cluster
  const auto maps = normal({5, h.width}, generator, torch::kFloat64);
  const auto w = join->named_parameters();
  const auto convolved = [&](const torch::Tensor& parent, const Parent& of) {
    return torch::conv2d(channels_first(parent, of.shape), w["weight_" + of.name], {}, 2, 1);
  };
  const auto channels = torch::linear(y, w["weight_y"], w["bias"]);  // [4, 1, 7]
  const auto expected =
      flat(convolved(images, x) + convolved(maps, h) + channels.unsqueeze(-1).unsqueeze(-1));
  const auto child = join(std::vector<torch::Tensor>{images, y, maps});
  ASSERT_EQ(child.sizes(), (std::vector<int64_t>{4, 5, 7 * 3 * 3}));
  EXPECT_TRUE(torch::allclose(child, expected));

  join->to(torch::kFloat32);
  const auto categories = torch::arange(4).unsqueeze(1);
  const auto one_hot = torch::eye(4).unsqueeze(1);
  const auto with = [&](const torch::Tensor& of_y) {
    return join(
        std::vector<torch::Tensor>{images.to(torch::kFloat32), of_y, maps.to(torch::kFloat32)});
  };
  EXPECT_TRUE(torch::allclose(with(categories), with(one_hot), 1e-5, 1e-6));
}

TEST(ConvolutionalJoin, IsInitialisedAsGlorotSays) {
  auto generator = make_generator(2);
  Join join(Parents{data_parent({8, 8, 20}), {"y", 100}}, Layer("30c5"), generator);
  const double bound = std::sqrt(6.0 / (20 * 25 + 100 + 30 * 25));
  EXPECT_EQ(join->named_parameters()["weight_x"].sizes(), (std::vector<int64_t>{30, 20, 5, 5}));
  EXPECT_EQ(join->named_parameters()["weight_y"].sizes(), (std::vector<int64_t>{30, 100}));
  for (const char* name : {"weight_x", "weight_y"}) {
    const auto weight = join->named_parameters()[name];
    EXPECT_LE(weight.abs().max().item<double>(), bound);
    EXPECT_NEAR(weight.std().item<double>(), bound / std::sqrt(3.0), 0.03 * bound);
  }
}

TEST(ConvolutionalTrunk, GatesChannelsAndPassesMapsOn) {
  auto generator = make_generator(3);
  const Parent x = data_parent({6, 6});
  Trunk trunk(Parents{x}, TrunkOptions{.kind = "gated", .layers = {"4c3", "5d3s2"}}, generator);
  EXPECT_EQ(trunk->output().shape, (std::vector<int64_t>{5, 9, 9}));
  const auto w = trunk->named_parameters();
  const auto images = normal({3, 36}, generator, torch::kFloat32);
  const auto first = torch::glu(
      torch::conv2d(channels_first(images, x.shape), w["layer1.weight_x"], w["layer1.bias"]), 1);
  const auto second =
      torch::glu(torch::conv_transpose2d(first, w["layer2.weight_hidden"].transpose(0, 1),
                                         w["layer2.bias"], 2),
                 1);
  EXPECT_TRUE(torch::allclose(trunk(images), flat(second), 1e-4, 1e-6));
}

TEST(ConvolutionalTrunk, NormalisesEachChannelOverRowsAndPixels) {
  auto generator = make_generator(4);
  const Parent x = data_parent({7, 7, 2});
  Trunk trunk(
      Parents{x},
      TrunkOptions{.kind = "dense", .layers = {"3c2"}, .activation = "tanh", .batch_norm = true},
      generator);
  const auto w = trunk->named_parameters();
  const auto images = normal({4, 5, x.width}, generator, torch::kFloat32);
  auto means = torch::zeros({3}), variances = torch::ones({3});
  const auto convolved =
      torch::conv2d(channels_first(images, x.shape).flatten(0, 1), w["layer1.weight_x"]);
  const auto expected = torch::batch_norm(convolved, w["norm1.weight"], w["norm1.bias"], means,
                                          variances, true, 0.1, 1e-5, false)
                            .tanh()
                            .unflatten(0, {4, 5});
  EXPECT_TRUE(torch::allclose(trunk(images), flat(expected), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(trunk->named_buffers()["norm1.running_mean"], means, 1e-4, 1e-6));
  EXPECT_TRUE(torch::allclose(trunk->named_buffers()["norm1.running_variance"], variances, 1e-4));
  trunk->eval();
  const auto by_running = torch::batch_norm(convolved, w["norm1.weight"], w["norm1.bias"], means,
                                            variances, false, 0.1, 1e-5, false);
  EXPECT_TRUE(
      torch::allclose(trunk(images), flat(by_running.tanh().unflatten(0, {4, 5})), 1e-4, 1e-5));
}

// Both precisions' way, in float32, against differences of the same in float64.
TEST(ConvolutionalTrunk, HasTheGradientsOfItsDifferences) {
  auto generator = make_generator(5);
  const Parents parents = {data_parent({5, 5, 2}), {"y", 3}};
  Trunk trunk(parents,
              TrunkOptions{.kind = "dense",
                           .layers = {"4c3p1", "3d2s2", "6"},
                           .activation = "tanh",
                           .batch_norm = true},
              generator);
  const auto images = normal({2, 3, 50}, generator, torch::kFloat32);
  const auto y = normal({2, 1, 3}, generator, torch::kFloat32);
  const auto direction = normal({2, 3, 6}, generator, torch::kFloat32);
  const auto value = [&](at::ScalarType type) {
    return (trunk(images.to(type), y.to(type)) * direction.to(type)).sum();
  };
  value(torch::kFloat32).backward();
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& p : trunk->named_parameters()) gradients[p.key()] = p.value().grad().clone();
  trunk->to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  for (const auto& p : trunk->named_parameters()) {
    // Before a batch norm a bias has no influence.
    if (p.key().find("layer") == 0 && p.key().find("bias") != std::string::npos) continue;
    for (const int64_t i : {int64_t{0}, p.value().numel() / 2, p.value().numel() - 1}) {
      auto number = p.value().view(-1)[i];
      const double before = number.item<double>(), step = 1e-5;
      number.fill_(before + step);
      const double above = value(torch::kFloat64).item<double>();
      number.fill_(before - step);
      const double below = value(torch::kFloat64).item<double>();
      number.fill_(before);
      EXPECT_NEAR(gradients[p.key()].view(-1)[i].item<double>(), (above - below) / (2 * step), 2e-3)
          << p.key() << " " << i;
    }
  }
}

// From images to a latent and back, as a model has it, under three clusters.
void expect_round_trip(const std::vector<int64_t>& shape, const std::vector<std::string>& layers,
                       const LikelihoodOptions& likelihood) {
  auto generator = make_generator(6);
  const Parent x = data_parent(shape);
  for (const std::string kind : {"gated", "dense"}) {
    const TrunkOptions trunk{kind, layers, "leaky_relu", kind == "dense"};
    GaussianConditional q_z(Parents{x}, trunk, 4, LogVarianceRange{}, generator);
    Likelihood p_x(likelihood, Parents{{"z", 4}, {"y", 3}}, trunk, x, generator);
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const PrecisionScope scope(precision);
      const auto images = torch::empty({2, x.width}).uniform_(0, 1, generator);
      const auto z = q_z(images).rsample(generator);
      ASSERT_EQ(z.sizes(), (std::vector<int64_t>{2, 4}));
      const auto log_prob = p_x(z, every_cluster(3, torch::kCPU))->log_prob(images);
      ASSERT_EQ(log_prob.sizes(), (std::vector<int64_t>{3, 2}));
      log_prob.sum().backward();
      for (const auto& p : q_z->named_parameters()) {
        EXPECT_TRUE(p.value().grad().isfinite().all().item<bool>()) << p.key();
      }
    }
    const auto drawn = p_x(torch::zeros({5, 4}), torch::zeros({5}, torch::kInt64));
    EXPECT_EQ(drawn->sample(generator).sizes(), (std::vector<int64_t>{5, x.width}));
    EXPECT_EQ(drawn->mean().sizes(), (std::vector<int64_t>{5, x.width}));
  }
}

TEST(ConvolutionalNets, LeadFromGreyImagesToLatentsAndBack) {
  expect_round_trip({28, 28}, {"4c6", "8c6", "6c4s2p1", "50"}, "bernoulli");
}

TEST(ConvolutionalNets, LeadFromColourImagesToLatentsAndBack) {
  expect_round_trip({32, 32, 3}, {"4c4s2p1", "4c4same", "8c4s2p1", "20"}, "discretised_logistic");
  expect_round_trip({6, 10, 3}, {"4c4s2p1"}, "gaussian");
}

TEST(ConvolutionalNets, OfCountsStartFromTheMeanOfEachChannel) {
  auto generator = make_generator(9);
  const Parent x = data_parent({4, 6, 2});
  for (const std::string kind : {"poisson", "negative_binomial"}) {
    Likelihood p(kind, Parents{{"z", 1}}, TrunkOptions{.layers = {"4c4s2p1"}}, x, generator);
    const auto counts = torch::tensor({3.0F, 50.0F}).repeat({100, 24});
    p->start_from(counts.log1p());
    const auto mean = p(torch::zeros({1, 1}))->mean().expm1();  // [1, 48]
    EXPECT_TRUE(torch::allclose(mean, counts.slice(0, 0, 1), 0.05)) << mean;
  }
}

TEST(ConvolutionalNets, MakeASpreadForEachPixelOfEachPointIfAsked) {
  auto generator = make_generator(7);
  const Parent x = data_parent({6, 10, 3});
  const TrunkOptions trunk{"dense", {"4c4s2p1", "20"}, "leaky_relu", false};
  for (const std::string kind : {"gaussian", "laplace", "discretised_logistic"}) {
    LikelihoodOptions likelihood(kind);
    likelihood.scale = "network";
    expect_round_trip({6, 10, 3}, trunk.layers, likelihood);
    Likelihood p_x(likelihood, Parents{{"z", 4}}, trunk, x, generator);
    const auto z = torch::empty({2, 4}).normal_(0, 2, generator);
    // How far draws lie about their mean differs between pixels and between points.
    const auto p = p_x(z.repeat({4000, 1}));
    const auto draws = p->sample(generator).view({4000, 2, x.width});
    const auto spread = draws.to(torch::kFloat64).std(0);  // [2, D]
    const auto log_prob = p_x(z)->log_prob(torch::full({2, x.width}, 0.5));
    EXPECT_TRUE(log_prob.isfinite().all().item<bool>());
    EXPECT_GT((spread[0] / spread[1]).log().abs().max().item<double>(), 0.1) << kind;
    EXPECT_GT(spread[0].max().item<double>(), 1.05 * spread[0].min().item<double>()) << kind;
  }
}

}  // namespace
}  // namespace clade
