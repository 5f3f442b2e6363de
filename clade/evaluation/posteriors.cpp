#include "clade/evaluation/posteriors.h"

#include <torch/torch.h>

#include "clade/models/evaluation_mode.h"
#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr double kActiveVariance = 0.01;

// Calls f with the points of x, [N, D], some at a time, and the generator for them.
template <class F>
void by_parts(const Model& model, const torch::Tensor& x, const Generator& generator, const F& f) {
  for (const auto& rows : x.split(rows_at_a_time(model))) {
    Generator own = SameForEveryRow::of_part(generator);
    f(rows, own);
  }
}

// Tensors of each latent, a part of the rows at a time, put together.
class Parts {
 public:
  void add(size_t latent, const torch::Tensor& part) {
    if (parts_.size() <= latent) parts_.resize(latent + 1);
    parts_[latent].push_back(part);
  }
  std::vector<torch::Tensor> together() const {
    std::vector<torch::Tensor> all;
    for (const auto& parts : parts_) all.push_back(torch::cat(parts));
    return all;
  }

 private:
  std::vector<std::vector<torch::Tensor>> parts_;
};

}  // namespace

std::vector<torch::Tensor> cluster_probabilities(Model& model, const torch::Tensor& x,
                                                 Generator& generator, int64_t draws) {
  const EvaluationMode evaluation(model);
  Parts clusters;
  by_parts(model, x, generator, [&](const torch::Tensor& rows, Generator& own) {
    const auto q_y = model.cluster_probabilities(rows, own, draws);
    for (size_t l = 0; l < q_y.size(); ++l) clusters.add(l, q_y[l]);
  });
  return clusters.together();
}

std::vector<torch::Tensor> assignment(Model& model, const torch::Tensor& x, uint64_t seed) {
  const SameForEveryRow same;
  auto generator = make_generator(derive_seed(seed, "cluster"), x.device());
  return cluster_probabilities(model, x, generator);
}

torch::Tensor assign(const TrainedModel& trained, const torch::Tensor& x) {
  Model& model = *trained.model;
  const bool of_a_run = trained.provenance.contains("seed");  // which may be no object
  const auto seed = of_a_run ? trained.provenance.at("seed").get<uint64_t>() : 1;
  return assignment(model, x, seed)[model.main_discrete()];
}

std::vector<Classifier> classifiers(Model& model, const torch::Tensor& x, Generator& generator) {
  const EvaluationMode evaluation(model);
  Parts probabilities;
  std::vector<Classifier> all;
  by_parts(model, x, generator, [&](const torch::Tensor& rows, Generator& own) {
    all = model.classifiers(rows, own);
    for (size_t i = 0; i < all.size(); ++i) probabilities.add(i, all[i].probabilities);
  });
  const auto together = probabilities.together();
  for (size_t i = 0; i < all.size(); ++i) all[i].probabilities = together[i];
  return all;
}

std::vector<LayerSummary> layers_of(Model& model, const torch::Tensor& x, Generator& generator) {
  const EvaluationMode evaluation(model);
  Parts means, shifts, divergences;
  std::vector<std::string> names;
  by_parts(model, x, generator, [&](const torch::Tensor& rows, Generator& own) {
    const auto layers = model.encode(rows, own);
    names.resize(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      names[i] = layers[i].name;
      means.add(i, layers[i].mean);
      shifts.add(i, layers[i].shift);
      divergences.add(i, layers[i].divergence.sum(0, true, torch::kFloat64));  // [1, d]
    }
  });
  std::vector<LayerSummary> all;
  const auto mean = means.together(), shift = shifts.together(), sum = divergences.together();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto of_units = sum[i].sum(0) / static_cast<double>(x.size(0));  // [d]
    const auto moves = shift[i].var(0, /*unbiased=*/false) > kActiveVariance;
    all.push_back(
        {names[i], mean[i], of_units, of_units.sum().item<double>(), moves.sum().item<int64_t>()});
  }
  return all;
}

}  // namespace clade
