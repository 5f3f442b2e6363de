// What a model says of given points, from its two programs: clusters, layers, reconstructions.
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/models/model.h"
#include "clade/models/pairs.h"

namespace clade {
namespace {

constexpr int64_t kDrawsAtATime = 10;
constexpr int64_t kRowsOfPairs = 500;  // of a matrix of all points by all points

torch::Tensor kl_of_units(const Posterior& posterior, const Pair& pair) {  // [B, d]
  const auto& q = std::get<DiagonalGaussian>(pair.q.distribution);
  const auto p = as_mixture(pair.p);
  if (pair.closed_form) {
    return posterior.expectation(kl_per_unit(q, p, pair.q.value), /*trailing=*/1);
  }
  return posterior.expectation(q.log_prob_per_unit(pair.q.value), 1) -
         posterior.expectation(p.log_prob_per_unit(pair.q.value), 1);
}

// E_{q(y|x)} (mean of q − mean of p) / deviation of p, [B, d]. Taken over clusters before it is
// squared: a q(z|x) that lies between the priors it cannot choose from does not move by that.
torch::Tensor shift_of_units(const Posterior& posterior, const Pair& pair) {
  const auto& q = std::get<DiagonalGaussian>(pair.q.distribution);
  const auto p = as_mixture(pair.p);
  return posterior.expectation((q.mean() - p.mean()) / p.deviation(), /*trailing=*/1);
}

}  // namespace

std::vector<torch::Tensor> Model::cluster_probabilities(const torch::Tensor& x,
                                                        Generator& generator, int64_t draws) {
  if (discrete_.empty()) return {torch::ones({x.size(0), 1}, x.options())};
  if (!infers_clusters()) return {component_probabilities_of(x, generator, draws)};
  return inferred_probabilities(x, generator, draws);
}

torch::Tensor Model::component_probabilities_of(const torch::Tensor& x, Generator& generator,
                                                int64_t draws) {
  // The latent whose prior is the mixture is generated first.
  Ancestral p(1, {}, aggregated_posteriors(), generator, like());
  const std::string name = latents().front().name;
  run(p, name);
  auto q = posterior(Clusters::drawn, 0, generator);
  run(q, x, name);
  return component_probabilities(std::get<DiagonalGaussian>(q.at(name).distribution),
                                 as_mixture(p.at(name)), generator, draws);
}

std::vector<torch::Tensor> Model::inferred_probabilities(const torch::Tensor& x,
                                                         Generator& generator, int64_t draws) {
  OnceCache cache;
  std::vector<torch::Tensor> sums(discrete_.size());  // [B, K_l]
  bool random = true;  // whether draws of a continuous latent have a part in it
  int64_t rounds = 0;
  const int64_t at_a_time = std::min(draws, kDrawsAtATime);
  for (; random && rounds < draws / at_a_time; ++rounds) {
    auto q = posterior(Clusters::every, at_a_time, generator, &cache);
    run(q, x, discrete_.back().name);
    random = false;
    for (size_t l = 0; l < discrete_.size(); ++l) {
      const auto& q_y = q.at(discrete_[l].name).clusters();
      auto probs = q.expectation(q_y.probs(), /*trailing=*/1);  // [B, K] or [S, B, K]
      random = random || (probs.dim() > 2 && probs.size(0) > 1);
      if (probs.dim() > 2) probs = probs.mean(0);
      sums[l] = sums[l].defined() ? sums[l] + probs : probs;
    }
  }
  for (auto& sum : sums) sum = sum / static_cast<double>(rounds);
  return sums;
}

std::vector<Classifier> Model::classifiers(const torch::Tensor& x, Generator& generator) {
  const std::string& y = discrete_.front().name;
  std::vector<Classifier> all = {{"q(" + y + "|x)", cluster_probabilities(x, generator).front()}};
  OnceCache cache;
  torch::Tensor sum;  // [B, K]
  constexpr int64_t kRounds = kClassifierDraws / kDrawsAtATime;
  for (int64_t round = 0; round < kRounds; ++round) {
    // One cluster a draw: over a hundred of them all that matter come up.
    auto q = posterior(Clusters::drawn, kDrawsAtATime, generator, &cache);
    infer(q, x);
    Replay p(q, x);
    run(p, y);
    const auto p_y = p.at(y).clusters().probs();  // [S, B, K]; [K] if it depends on nothing
    if (p_y.dim() == 1) return all;
    const auto probs = p_y.mean(0);
    sum = sum.defined() ? sum + probs : probs;
  }
  all.push_back({"p(" + y + "|x)", sum / static_cast<double>(kRounds)});
  return all;
}

std::vector<LayerPosterior> Model::encode(const torch::Tensor& x, Generator& generator) {
  auto q = posterior(Clusters::every, 0, generator);
  infer(q, x);
  Replay p(q, x);
  run_latents(p, q);
  auto mode = posterior(Clusters::likeliest, 0, generator);
  infer(mode, x);
  auto q_at_means = posterior(Clusters::every_at_means, 0, generator);
  infer(q_at_means, x);
  Replay p_at_means(q_at_means, x);
  run_latents(p_at_means, q_at_means);
  const auto drawn = pairs(p, q), at_means = pairs(p_at_means, q_at_means);
  std::vector<LayerPosterior> layers;
  for (size_t i = 0; i < drawn.size(); ++i) {
    const std::string& name = drawn[i].p.name;
    if (drawn[i].p.is_cluster()) continue;
    layers.push_back({name, mode.at(name).value, kl_of_units(q, drawn[i]),
                      shift_of_units(q_at_means, at_means[i])});
  }
  return layers;
}

torch::Tensor Model::reconstruct(const torch::Tensor& x) {
  auto generator = make_generator(0, like().device());  // nothing is drawn
  auto mode = posterior(Clusters::likeliest, 0, generator);
  infer(mode, x);
  Replay p(mode, x);
  generate(p);
  return p.p_x().mean();
}

std::optional<Information> Model::information(const torch::Tensor& x, Generator& generator) {
  const auto& all = latents();
  const bool one_layer = !all.back().is_cluster && (all.size() == 1 || all.front().is_cluster);
  if (all.size() > 2 || !one_layer) return {};

  OnceCache cache;
  auto q = posterior(Clusters::drawn, 0, generator, &cache);
  infer(q, x);
  if (q.sites().size() > all.size()) return {};  // an auxiliary latent is part of no p(z)
  Replay p(q, x, &cache);
  run(p, all.back().name);
  const auto none = torch::zeros({x.size(0)}, x.options());
  const auto& z = q.at(all.back().name).value;
  JointDraws draws{none, log_mean_posterior(q, x, cache), p.at(all.back().name).log_prob(z),
                   none.to(torch::kInt64), torch::ones({1}, x.options())};
  for (const Site& site : q.sites()) {
    draws.log_q_given_own = draws.log_q_given_own + site.log_prob(site.value);
    if (!site.is_cluster()) continue;
    draws.y = site.value;
    draws.q_y = site.clusters().probs().mean(0);
  }
  return clade::information(draws);
}

// log 1/N Σ_m q(z_n, y_n | x_m) of the draws of each point n, [N]: every draw against every point,
// the draws of one cluster at a time.
torch::Tensor Model::log_mean_posterior(const Posterior& q, const torch::Tensor& x,
                                        OnceCache& cache) {
  auto log_q = torch::empty({x.size(0)}, x.options());
  const auto score = [&](const torch::Tensor& rows, Replay::Values values) {
    for (const auto& part : rows.split(kRowsOfPairs)) {
      for (const Site& site : q.sites()) {
        if (!site.is_cluster()) values[site.name] = site.value.index_select(0, part).unsqueeze(1);
      }
      Replay scored(values, like(), &cache);
      infer(scored, x);
      auto joint = torch::zeros({1}, x.options());  // [n, N]
      for (const Site& site : scored.sites()) joint = joint + site.log_prob(site.value);
      log_q.index_copy_(0, part, torch::logsumexp(joint, 1));
    }
  };
  if (infers_clusters()) {
    const std::string& name = discrete_.front().name;
    for (int64_t k = 0; k < discrete_.front().clusters; ++k) {
      const auto rows = torch::nonzero(q.at(name).value == k).squeeze(1);
      if (rows.numel() > 0) score(rows, {{name, torch::full({1}, k, rows.options())}});
    }
  } else {
    score(torch::arange(x.size(0), torch::dtype(torch::kInt64).device(x.device())), {});
  }
  return log_q - std::log(static_cast<double>(x.size(0)));
}

}  // namespace clade
