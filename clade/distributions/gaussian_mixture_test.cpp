#include "clade/distributions/gaussian_mixture.h"

#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/ops/precision.h"

namespace clade {
namespace {

const auto kFloat64 = torch::TensorOptions().dtype(torch::kFloat64);

// Three components of two units, unlike in every number.
const std::vector<std::vector<double>> kMean = {{-1.0, 0.5}, {0.3, -0.8}, {2.0, 1.5}};
const std::vector<std::vector<double>> kLogVariance = {{-0.5, 0.2}, {0.4, -1.0}, {-1.2, 0.1}};

torch::Tensor tensor(const std::vector<std::vector<double>>& rows) {
  torch::Tensor all = torch::empty({3, 2}, kFloat64);
  for (int64_t m = 0; m < 3; ++m)
    for (int64_t d = 0; d < 2; ++d)
      all[m][d] = rows[static_cast<size_t>(m)][static_cast<size_t>(d)];
  return all;
}

GaussianMixture mixture() {
  return GaussianMixture({tensor(kMean), tensor(kLogVariance)});
}

// Every point of a plane wide and fine enough, [n, 2], and the area of each.
constexpr double kStep = 0.05;
torch::Tensor plane() {
  const auto axis = torch::arange(-12.0, 12.0, kStep, kFloat64);
  return torch::cartesian_prod({axis, axis});
}

double density(const std::vector<double>& z, size_t m) {
  double p = 1;
  for (size_t d = 0; d < 2; ++d) {
    const double s2 = std::exp(kLogVariance[m][d]);
    const double e = z[d] - kMean[m][d];
    p *= std::exp(-0.5 * e * e / s2) / std::sqrt(2 * M_PI * s2);
  }
  return p;
}

TEST(GaussianMixture, IsTheMeanOfItsDensities) {
  for (const std::vector<double>& z : {std::vector<double>{0.1, 0.2}, {-3.0, 4.0}, {1.9, 1.4}}) {
    const auto at = torch::tensor(z, kFloat64).unsqueeze(0);
    const double sum = density(z, 0) + density(z, 1) + density(z, 2);
    EXPECT_NEAR(mixture().log_prob(at).item<double>(), std::log(sum / 3), 1e-12);
    for (size_t m = 0; m < 3; ++m) {
      EXPECT_NEAR(mixture().component_given(at).probs()[0][static_cast<int64_t>(m)].item<double>(),
                  density(z, m) / sum, 1e-12);
    }
  }
}

TEST(GaussianMixture, MeanAndDeviationAreIntegrals) {
  const auto z = plane();  // [n, 2]
  const auto weight = mixture().log_prob(z).exp().unsqueeze(1) * kStep * kStep;
  const auto mean = (z * weight).sum(0);
  EXPECT_TRUE(torch::allclose(mixture().mean(), mean, 0, 1e-6));
  EXPECT_TRUE(torch::allclose(mixture().deviation(), ((z - mean).square() * weight).sum(0).sqrt(),
                              0, 1e-6));
}

TEST(GaussianMixture, IntegratesToOne) {
  EXPECT_NEAR(mixture().log_prob(plane()).exp().sum().item<double>() * kStep * kStep, 1, 1e-6);
}

TEST(GaussianMixture, UnitsAreConditionalDensities) {
  const auto z = torch::tensor({{0.4, -0.7}}, kFloat64);
  const auto per_unit = mixture().log_prob_per_unit(z);
  EXPECT_NEAR(per_unit.sum().item<double>(), mixture().log_prob(z).item<double>(), 1e-12);
  // The first is the marginal: the joint density integrated over the second.
  const auto second = torch::arange(-12.0, 12.0, kStep / 10, kFloat64).unsqueeze(1);
  const auto line = torch::cat({torch::full_like(second, 0.4), second}, 1);
  EXPECT_NEAR(per_unit[0][0].item<double>(),
              std::log(mixture().log_prob(line).exp().sum().item<double>() * kStep / 10), 1e-8);
}

TEST(GaussianMixture, IsRightToAHundredthInFloat32) {
  // As narrow and as far apart as priors of forty units get.
  auto generator = make_generator(4);
  const auto mean = torch::empty({500, 40}, kFloat64).normal_(0, 1.5, generator);
  const auto log_variance = torch::empty({500, 40}, kFloat64).uniform_(-6, 1, generator);
  const auto z = mean + (0.5 * log_variance).exp() *
                            torch::empty({500, 40}, kFloat64).normal_(0, 1, generator);
  const auto f = [](const torch::Tensor& t) { return t.to(torch::kFloat32); };
  const auto exact = GaussianMixture({mean, log_variance}).log_prob(z);
  const auto single = GaussianMixture({f(mean), f(log_variance)}).log_prob(f(z));
  EXPECT_LT((single - exact).abs().max().item<double>(), 0.01);
}

TEST(GaussianMixture, KlIsItsIntegral) {
  const DiagonalGaussian q(torch::tensor({{0.2, 0.1}}, kFloat64),
                           torch::tensor({{-0.7, -0.4}}, kFloat64));
  const auto z = plane();
  const auto expected =
      (q.log_prob(z).exp() * (q.log_prob(z) - mixture().log_prob(z))).sum().item<double>() * kStep *
      kStep;
  auto generator = make_generator(1);
  const auto draws = q.rsample(generator, {400000, 1});  // [S, 1, 2]
  EXPECT_NEAR(kl(q, mixture(), draws).mean().item<double>(), expected, 0.01);
  EXPECT_NEAR(kl_per_unit(q, mixture(), draws).sum(-1).mean().item<double>(), expected, 0.01);
}

// The square taken apart cancels, as its gradients do: with ten bits of its operands it would be
// off by nats.
TEST(GaussianMixture, ItsProductIsNeverRoundedToTf32) {
  static int products, rounded;
  products = rounded = 0;
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(
      [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
        const std::string name = call.name();
        if (name == "aten::addmm" || name == "aten::mm" || name == "aten::linear") {
          ++products;
          rounded += at::globalContext().allowTF32CuBLAS() ? 1 : 0;
        }
        return nullptr;
      }));
  {
    const PrecisionScope scope(Precision::tf32);
    const auto z = torch::zeros({5, 2}, kFloat64).requires_grad_();
    const auto mean = tensor(kMean).requires_grad_();
    const GaussianMixture learned({mean, tensor(kLogVariance)});
    learned.component_given(z);
    const auto log_prob = learned.log_prob(z).sum();
    const int forward = products;
    log_prob.backward();
    EXPECT_EQ(products - forward, 2);                    // to z and to the components
    EXPECT_TRUE(at::globalContext().allowTF32CuBLAS());  // as before for what follows
  }
  at::removeCallback(handle);
  EXPECT_GE(products, 2);
  EXPECT_EQ(rounded, 0);
}

TEST(GaussianMixture, HasTheGradientsOfItsDensities) {
  const auto z = torch::tensor({{{0.4, -0.7}}, {{1.1, 0.2}}}, kFloat64).requires_grad_();
  const auto mean = tensor(kMean).requires_grad_();
  const auto log_variance = tensor(kLogVariance).requires_grad_();
  const std::vector<torch::Tensor> all = {z, mean, log_variance};
  const auto by_product = GaussianMixture({mean, log_variance}).log_prob(z).square().sum();
  const auto one_by_one = DiagonalGaussian(mean, log_variance).log_prob(z);  // [2, 3]
  const auto by_definition = (one_by_one.exp().mean(1)).log().square().sum();
  const auto ours = torch::autograd::grad({by_product}, all);
  const auto expected = torch::autograd::grad({by_definition}, all);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours[i], expected[i], 1e-10, 1e-12)) << i;
  }
}

TEST(GaussianMixture, ManyComponentsAreTakenSomeAtATimeToTheSameDensity) {
  auto generator = make_generator(5);
  const auto draw = [&](int64_t n) {
    return torch::empty({n, 3}, kFloat64).normal_(0, 1, generator);
  };
  const GaussianMixture many({draw(50), draw(50)});
  const auto z = draw(7);
  EXPECT_TRUE(torch::allclose(many.log_prob_per_unit(z).sum(-1), many.log_prob(z), 0, 1e-10));
  // Of the first unit, the marginal.
  const auto first = many.components().log_prob_per_unit(z.unsqueeze(-2)).select(-1, 0);
  EXPECT_TRUE(torch::allclose(many.log_prob_per_unit(z).select(-1, 0),
                              torch::logsumexp(first, -1) - std::log(50.0), 0, 1e-10));
}

TEST(GaussianMixture, OfOneIsTheGaussian) {
  auto generator = make_generator(2);
  const auto draw = [&] { return torch::empty({4, 3, 2}, kFloat64).normal_(0, 1, generator); };
  const DiagonalGaussian p(draw(), draw()), q(draw(), draw());
  const auto one = GaussianMixture::of_one(p);
  const auto z = draw();
  EXPECT_TRUE(torch::equal(one.log_prob(z), p.log_prob(z)));
  EXPECT_TRUE(torch::equal(kl(q, one, z), kl(q, p)));
  EXPECT_TRUE(torch::equal(kl_per_unit(q, one, z), kl_per_unit(q, p)));
}

TEST(GaussianMixture, DrawsFromAllOrFromOne) {
  auto generator = make_generator(3);
  const auto all = mixture().sample(generator, 300000);
  EXPECT_TRUE(torch::allclose(all.mean(0), tensor(kMean).mean(0), 0, 0.02));
  // E[z²] = mean of μ² + σ².
  const auto second = (tensor(kMean).square() + tensor(kLogVariance).exp()).mean(0);
  EXPECT_TRUE(torch::allclose(all.square().mean(0), second, 0, 0.04));
  const auto last = mixture().sample(generator, 100000, 2);
  EXPECT_TRUE(torch::allclose(last.mean(0), tensor(kMean)[2], 0, 0.02));
  EXPECT_TRUE(torch::allclose(last.var(0), tensor(kLogVariance)[2].exp(), 0, 0.03));
}

}  // namespace
}  // namespace clade
