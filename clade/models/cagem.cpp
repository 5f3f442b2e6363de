#include "clade/models/cagem.h"

#include <torch/torch.h>

#include "clade/core/require.h"
#include "clade/models/joined.h"

namespace clade {
namespace {

// The paper leaves log σ free; these bounds only keep exp() and its inverse in float32's range.
constexpr LogVarianceRange kRange{-12, 6};

// Weights of the linear heads (the first author's public code for the sibling model ADGM).
constexpr HeadInit kHeads{1e-3};

constexpr int64_t kClassifierDraws = 100;
constexpr int64_t kDrawsAtATime = 10;
constexpr int64_t kResamplingCandidates = 100;
constexpr int64_t kWeightDraws = 10000;

}  // namespace

std::vector<Option> CagemOptions::options() {
  const std::vector<Option> own = {
      {"clusters", &clusters,
       "number of clusters K; with the exact estimator the cost of a step grows with it"},
      {"latent1", &latent1, "size of z1, the layer next to the data"},
      {"latent2", &latent2, "size of z2, the layer that chooses the cluster"}};
  return joined({ModelOptions::options(), own, trunk.options(), estimator.options()});
}

void CagemOptions::validate() const {
  ModelOptions::validate();
  require_at_least("model.clusters", static_cast<double>(clusters), 1);
  require_at_least("model.latent1", static_cast<double>(latent1), 1);
  require_at_least("model.latent2", static_cast<double>(latent2), 1);
  trunk.validate();
  estimator.validate();
}

Cagem::Cagem(const CagemOptions& options, int64_t features, Generator& generator)
    : Model(options.clusters), estimator(options.estimator), latent2(options.latent2) {
  const Parent x{"x", features};
  const Parent y{"y", options.clusters};
  const Parent z1{"z1", options.latent1};
  const Parent z2{"z2", options.latent2};
  const auto gaussian = [&](const Parents& parents, int64_t width) {
    return GaussianConditional(parents, options.trunk, width, kRange, generator, kHeads);
  };
  const auto categorical = [&](const Parents& parents) {
    return CategoricalConditional(parents, options.trunk, options.clusters, generator, kHeads);
  };

  q_z1_given_x = register_module("q_z1_given_x", gaussian({x}, z1.width));
  q_y_given_z1_x = register_module("q_y_given_z1_x", categorical({z1, x}));
  q_z2_given_x_y_z1 = register_module("q_z2_given_x_y_z1", gaussian({x, y, z1}, z2.width));
  p_y_given_z2 = register_module("p_y_given_z2", categorical({z2}));
  p_z1_given_y_z2 = register_module("p_z1_given_y_z2", gaussian({y, z2}, z1.width));
  p_x_given_y_z1 = register_module(
      "p_x_given_y_z1",
      Likelihood(options.likelihood, Parents{y, z1}, options.trunk, features, generator, kHeads));
}

Bound Cagem::bound(const torch::Tensor& x, Generator& generator) {
  const auto q_z1 = q_z1_given_x(x);  // [B, d1]
  const auto z1 = q_z1.rsample(generator);
  const auto q_y = q_y_given_z1_x(z1, x);                            // [B, K]
  const auto draws = estimator.draw(q_y, is_training(), generator);  // y [K, 1]
  const auto& y = draws.y;
  const auto q_z2 = q_z2_given_x_y_z1(x, y, z1);  // [K, B, d2]
  const auto z2 = q_z2.rsample(generator);
  const auto p_y = p_y_given_z2(z2);         // [K, B, K]
  const auto p_z1 = p_z1_given_y_z2(y, z2);  // [K, B, d1]
  const auto p_x = p_x_given_y_z1(y, z1);    // [K, B, D]
  return {{{"log p(x|y,z1)", draws.expectation(p_x->log_prob(x))},
           {"KL(z1)", q_z1.log_prob(z1) - draws.expectation(p_z1.log_prob(z1)), Role::divergence},
           {"KL(y)", draws.expectation(q_y.log_prob(y) - p_y.log_prob(y)), Role::divergence},
           {"KL(z2)", draws.expectation(kl(q_z2, p_z2)), Role::divergence}}};
}

LogWeights Cagem::log_weights(const torch::Tensor& x) {
  return [this, x, q_z1 = q_z1_given_x(x)](int64_t samples, Generator& generator) {
    const auto z1 = q_z1.rsample(generator, samples);    // [S, B, d1]
    const auto q_y = q_y_given_z1_x(z1, x);              // [S, B, K]
    const auto y = q_y.sample(generator, 1).squeeze(0);  // [S, B]
    const auto q_z2 = q_z2_given_x_y_z1(x, y, z1);       // [S, B, d2]
    const auto z2 = q_z2.rsample(generator);
    return p_x_given_y_z1(y, z1)->log_prob(x) + p_z1_given_y_z2(y, z2).log_prob(z1) +
           p_y_given_z2(z2).log_prob(y) + p_z2.log_prob(z2)  //
           - q_z1.log_prob(z1) - q_y.log_prob(y) - q_z2.log_prob(z2);
  };
}

torch::Tensor Cagem::cluster_probabilities(const torch::Tensor& x, Generator& generator) {
  const auto q_z1 = q_z1_given_x(x);
  torch::Tensor sum;  // [B, K]
  for (int64_t done = 0; done < kClassifierDraws; done += kDrawsAtATime) {
    const auto z1 = q_z1.rsample(generator, kDrawsAtATime);
    const auto probs = q_y_given_z1_x(z1, x).probs().sum(0);
    sum = sum.defined() ? sum + probs : probs;
  }
  return sum / static_cast<double>(kClassifierDraws);
}

std::vector<LayerPosterior> Cagem::encode(const torch::Tensor& x, Generator& generator) {
  const auto q_z1 = q_z1_given_x(x);
  const auto z1 = q_z1.rsample(generator);
  const auto q_y = q_y_given_z1_x(z1, x);
  const auto weight = q_y.probs().t().unsqueeze(-1);              // [K, B, 1]
  const auto y = every_cluster(clusters(), x.device());           // [K, 1]
  const auto q_z2 = q_z2_given_x_y_z1(x, y, z1);                  // [K, B, d2]
  const auto p_z1 = p_z1_given_y_z2(y, q_z2.rsample(generator));  // [K, B, d1]
  const auto log_p_z1 = (weight * p_z1.log_prob_per_unit(z1)).sum(0);

  const auto z1_mean = q_z1.mean();
  const auto best_y = q_y_given_z1_x(z1_mean, x).probs().argmax(-1);  // [B]
  return {{"z1", z1_mean, q_z1.log_prob_per_unit(z1) - log_p_z1},
          {"z2", q_z2_given_x_y_z1(x, best_y, z1_mean).mean(),
           (weight * kl_per_unit(q_z2, p_z2)).sum(0)}};
}

torch::Tensor Cagem::reconstruct(const torch::Tensor& x) {
  const auto z1 = q_z1_given_x(x).mean();
  const auto best_y = q_y_given_z1_x(z1, x).probs().argmax(-1);  // [B]
  return p_x_given_y_z1(best_y, z1)->mean();
}

std::unique_ptr<Distribution> Cagem::generate(int64_t n, std::optional<int64_t> cluster,
                                              Generator& generator) {
  const auto options = aggregated_posterior().options();
  auto z2 = torch::empty({n, latent2}, options).normal_(0, 1, generator);
  torch::Tensor y;
  if (cluster) {
    y = draw_clusters(n, cluster, generator);
    const auto candidates =
        torch::empty({kResamplingCandidates, n, latent2}, options).normal_(0, 1, generator);
    const auto weight = p_y_given_z2(candidates).log_prob(y);          // [M, n]
    const auto choice = Categorical(weight.t()).sample(generator, 1);  // [1, n]
    z2 = candidates.gather(0, choice.unsqueeze(-1).expand({1, n, latent2})).squeeze(0);
  } else {
    y = p_y_given_z2(z2).sample(generator, 1).squeeze(0);
  }
  return p_x_given_y_z1(y, p_z1_given_y_z2(y, z2).sample(generator));
}

torch::Tensor Cagem::cluster_weights(Generator& generator) {
  const auto z2 = torch::empty({kWeightDraws, latent2}, aggregated_posterior().options())
                      .normal_(0, 1, generator);
  return p_y_given_z2(z2).probs().mean(0);
}

}  // namespace clade
