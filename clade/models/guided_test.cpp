#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/small_models_for_tests.h"

namespace clade {
namespace {

constexpr int64_t kFeatures = 4, kPoints = 5;

std::shared_ptr<Model> model_with_clusters(const std::string& name) {
  auto generator = make_generator(11);
  auto options = small_options(name);
  auto model = find_model(name).make(*options, Parent{"x", kFeatures}, generator);
  torch::NoGradGuard no_grad;  // away from the symmetries of the start
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.5, generator));
  }
  return model;
}

torch::Tensor some_bits() {
  auto generator = make_generator(12);
  return torch::empty({kPoints, kFeatures}).bernoulli_(0.5, generator);
}

torch::Tensor some_responsibilities() {  // [B, 3]
  auto generator = make_generator(13);
  return torch::empty({kPoints, 3}).normal_(0, 1.5, generator).softmax(-1);
}

torch::Tensor term(const Bound& bound, const std::string& name) {
  for (const Term& each : bound.terms) {
    if (each.name == name) return each.value.detach();
  }
  throw Error("no term " + name);
}

class Guided : public testing::TestWithParam<std::string> {};

TEST_P(Guided, BoundOfOneClusterIsThatOfAnObservedOne) {
  auto model = model_with_clusters(GetParam());
  const auto x = some_bits();
  const auto one = torch::one_hot(torch::tensor({2, 0, 1, 1, 2}), 3).to(torch::kFloat32);
  auto a = make_generator(1), b = make_generator(2);
  const Bound bound = model->guided_bound(x, {{"y", one}}, a);
  // Whatever is drawn, y is what it is told: KL(y) = log 3, hold = −log q(y | x).
  EXPECT_TRUE(torch::allclose(term(bound, "KL(y)"), torch::full({kPoints}, std::log(3.0)), 1e-5));
  const auto q_y = model->cluster_probabilities(x, b)[0];
  EXPECT_TRUE(torch::allclose(term(bound, "hold"), -(q_y * one).sum(-1).log(), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(
      bound.elbo(), term(bound, bound.terms[0].name) - term(bound, "KL(z)") - term(bound, "KL(y)"),
      1e-5));
}

TEST_P(Guided, ExpectationIsUnderTheResponsibilities) {
  auto model = model_with_clusters(GetParam());
  const auto x = some_bits();
  const auto r = some_responsibilities();
  auto generator = make_generator(3);
  // KL(z) given y has a closed form: one pass a cluster, weighed by hand.
  auto expected = torch::zeros({kPoints});
  for (int64_t k = 0; k < 3; ++k) {
    const auto all_k = torch::one_hot(torch::full({kPoints}, k, torch::kInt64), 3);
    expected +=
        r.select(1, k) *
        term(model->guided_bound(x, {{"y", all_k.to(torch::kFloat32)}}, generator), "KL(z)");
  }
  const Bound bound = model->guided_bound(x, {{"y", r}}, generator, /*samples=*/20000);
  const auto drawn = term(bound, "KL(z)");
  EXPECT_TRUE(torch::allclose(drawn.dim() > 1 ? drawn.mean(0) : drawn, expected, 0.02, 0.02));
  const auto kl_y = (r * (r * 3).log()).sum(-1);
  EXPECT_TRUE(torch::allclose(term(bound, "KL(y)"), kl_y.expand_as(term(bound, "KL(y)")), 1e-3));
}

TEST_P(Guided, BoundIsThePlainOneIfTheResponsibilitiesAreTheModelsOwn) {
  auto model = model_with_clusters(GetParam());
  model->eval();
  const auto x = some_bits();
  auto generator = make_generator(4);
  const auto q_y = model->cluster_probabilities(x, generator)[0].detach();
  const auto plain = model->bound(x, generator, 20000).elbo().mean(0).detach();
  const auto guided =
      model->guided_bound(x, {{"y", q_y}}, generator, 20000).elbo().mean(0).detach();
  EXPECT_TRUE(torch::allclose(plain, guided, 0.01, 0.02)) << plain << guided;
}

TEST_P(Guided, HeldBoundIsThePlainOneAndTheTermBesideIt) {
  auto model = model_with_clusters(GetParam());
  const auto x = some_bits();
  const auto r = some_responsibilities();
  auto a = make_generator(8), b = make_generator(8), c = make_generator(8);
  const Bound held = model->guided_bound(x, {{"y", r}}, a, /*samples=*/0, Guidance::held);
  EXPECT_TRUE(torch::equal(held.elbo(), model->bound(x, b).elbo()));
  const auto q_y = model->cluster_probabilities(x, c)[0];
  EXPECT_TRUE(torch::allclose(term(held, "hold"), -(r * q_y.log()).sum(-1), 1e-4, 1e-5));
}

TEST_P(Guided, HoldPullsQTowardsTheResponsibilities) {
  auto model = model_with_clusters(GetParam());
  const auto x = some_bits();
  const auto r = some_responsibilities();
  auto generator = make_generator(5);
  const Bound bound = model->guided_bound(x, {{"y", r}}, generator);
  const Term& hold = bound.terms.back();
  ASSERT_EQ(hold.name, "hold");
  EXPECT_FALSE(hold.is_in_bound());
  model->zero_grad();
  hold.value.sum().backward();
  // The gradient of −Σ r log softmax(l) is softmax(l) − r; the bias is added to every point's l.
  const auto q_y = model->cluster_probabilities(x, generator)[0].detach();
  const auto bias = model->named_parameters()["q_y_given_x.logits.bias"].grad();
  EXPECT_TRUE(torch::allclose(bias, (q_y - r).sum(0), 1e-3, 1e-5)) << bias;
}

INSTANTIATE_TEST_SUITE_P(Clusters, Guided,
                         testing::Values("cp_vae", "indq", "indp", "indqp", "gm_dgm"),
                         [](const auto& test) { return test.param; });

TEST(GuidedMixture, HoldsItsComponentsAtTheDrawOfZ) {
  auto model = model_with_clusters("mog");
  const auto x = some_bits();
  const auto r = some_responsibilities();
  auto generator = make_generator(6), same = make_generator(6), other = make_generator(6);
  const Bound bound = model->guided_bound(x, {{"component", r}}, generator);
  const Bound plain = model->bound(x, other);
  EXPECT_TRUE(torch::equal(bound.elbo(), plain.elbo()));

  const auto z = model->layer_posterior("component", x, {}, same).rsample(same).to(torch::kFloat64);
  const auto mean = model->named_parameters()["p_z.components.mean"].to(torch::kFloat64);
  const auto log_variance =
      model->named_parameters()["p_z.components.log_variance"].to(torch::kFloat64).clamp(-6, 2);
  const auto log_p = -0.5 * ((z.unsqueeze(1) - mean).square() / log_variance.exp() + log_variance)
                                .sum(-1);  // [B, 3], up to what the components share
  const auto hold = -(r * torch::log_softmax(log_p, -1)).sum(-1);
  EXPECT_TRUE(torch::allclose(term(bound, "hold").to(torch::kFloat64), hold, 1e-4, 1e-5));
}

TEST(GuidedMixture, NeedsClusters) {
  auto generator = make_generator(1);
  auto model = model_with_clusters("vae");
  EXPECT_THROW(model->guided_bound(some_bits(), {{"y", some_responsibilities()}}, generator),
               Error);
}

TEST(GuidedLadder, IsToldTheClustersOfEveryLevel) {
  auto model = model_with_clusters("vlac");
  model->eval();  // so that no batch norm makes a point depend on the clusters of others
  const auto x = some_bits();
  const auto r1 = some_responsibilities(), r2 = r1.roll(1, /*dims=*/1);
  auto generator = make_generator(7);
  const auto told = [](int64_t k) {
    return torch::one_hot(torch::full({kPoints}, k, torch::kInt64), 3).to(torch::kFloat32);
  };
  // Of each pair of clusters, whose KL(z) given them are closed forms, weighed by hand.
  auto kl_z1 = torch::zeros({kPoints}), kl_z2 = kl_z1.clone(), hold = kl_z1.clone();
  for (int64_t k1 = 0; k1 < 3; ++k1) {
    for (int64_t k2 = 0; k2 < 3; ++k2) {
      const Bound pair = model->guided_bound(x, {{"y1", told(k1)}, {"y2", told(k2)}}, generator);
      const auto weight = r1.select(1, k1) * r2.select(1, k2);
      kl_z1 += weight * term(pair, "KL(z1)");
      kl_z2 += weight * term(pair, "KL(z2)");
      hold += weight * term(pair, "hold");
    }
  }
  const Bound bound = model->guided_bound(x, {{"y1", r1}, {"y2", r2}}, generator, 20000);
  const auto mean = [&](const std::string& name) { return term(bound, name).mean(0); };
  EXPECT_TRUE(torch::allclose(mean("KL(z1)"), kl_z1, 0.02, 0.02));
  EXPECT_TRUE(torch::allclose(mean("KL(z2)"), kl_z2, 0.02, 0.02));
  EXPECT_TRUE(torch::allclose(mean("hold"), hold, 0.02, 0.02));
  const auto kl_y = [](const torch::Tensor& r) { return (r * (r * 3).log()).sum(-1); };
  EXPECT_TRUE(torch::allclose(mean("KL(y1)"), kl_y(r1), 1e-3, 1e-4));
  EXPECT_TRUE(torch::allclose(mean("KL(y2)"), kl_y(r2), 1e-3, 1e-4));
}

TEST(GuidedLadder, OfOneLevelAloneSaysWhatAReconstructionDoesIfTheOthersAreThePoints) {
  auto model = model_with_clusters("vlac");
  model->eval();
  torch::NoGradGuard no_grad;
  const auto x = some_bits();
  auto generator = make_generator(8);
  Given others;
  for (const auto& layer : model->encode(x, generator)) others[layer.name] = layer.mean;
  others.erase("z1");
  const auto alone = model->layer_alone("y1", x, {}, {others}, generator);
  EXPECT_TRUE(torch::allclose(alone, model->reconstruct(x), 1e-5, 1e-6));
  const Given zero = {{"z2", torch::zeros({1, 2})}};
  const auto at_zero = model->layer_alone("y1", x, {}, {zero}, generator);
  EXPECT_GT((at_zero - alone).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(torch::allclose(model->layer_alone("y1", x, {}, {others, zero}, generator),
                              (alone + at_zero) / 2, 1e-5, 1e-6));
}

TEST(GuidedStart, GivesThePriorsTheMomentsButForClustersOfNoWeight) {
  for (const std::string name : {"cp_vae", "mog"}) {
    auto model = model_with_clusters(name);
    const std::string prior = name == "mog" ? "p_z.components." : "p_z_given_y.";
    const auto old = model->named_parameters()[prior + "mean"].detach().clone();
    const auto mean = torch::tensor({{1.0, 2.0}, {3.0, 4.0}, {std::nan(""), std::nan("")}});
    const auto variance = torch::tensor({{0.5, 1e-9}, {1e9, 2.0}, {std::nan(""), std::nan("")}});
    model->start_clusters(
        model->discrete().front().name,
        {torch::tensor({2.0, 0.5, 0.0}), torch::zeros({3, kFeatures}), mean, variance});
    const auto now = model->named_parameters()[prior + "mean"].detach();
    EXPECT_TRUE(torch::equal(now.slice(0, 0, 2), mean.slice(0, 0, 2).to(torch::kFloat32)));
    EXPECT_TRUE(torch::equal(now[2], old[2]));
    const auto log_variance = model->named_parameters()[prior + "log_variance"].detach();
    EXPECT_TRUE(torch::allclose(
        log_variance.slice(0, 0, 2),
        torch::tensor({{std::log(0.5), -6.0}, {2.0, std::log(2.0)}}).to(torch::kFloat32)));
  }
}

TEST(GuidedStart, GivesPseudoInputsTheMeanPoints) {
  auto model = model_with_clusters("vampprior");
  const auto x = torch::rand({3, kFeatures});
  model->start_clusters("component",
                        {torch::ones({3}), x, torch::zeros({3, 2}), torch::ones({3, 2})});
  EXPECT_TRUE(torch::equal(model->named_parameters()["p_z.pseudo_inputs"].detach(), x));
}

}  // namespace
}  // namespace clade
