#include "clade/evaluation/posteriors.h"

#include <torch/torch.h>

namespace clade {
namespace {

constexpr double kActiveVariance = 0.01;

}  // namespace

Posteriors posteriors(Model& model, const torch::Tensor& x, Generator& generator) {
  const EvaluationMode evaluation(model);
  const int64_t n = x.size(0);
  // Of each latent, a tensor for each part of the rows.
  std::vector<std::vector<torch::Tensor>> clusters, means;
  Posteriors result;
  for (int64_t start = 0; start < n; start += rows_at_a_time(model)) {
    const auto rows = x.slice(0, start, std::min(n, start + rows_at_a_time(model)));
    const auto q_y = model.cluster_probabilities(rows, generator);
    clusters.resize(q_y.size());
    for (size_t l = 0; l < q_y.size(); ++l) clusters[l].push_back(q_y[l]);
    const auto layers = model.encode(rows, generator);
    means.resize(layers.size());
    result.layers.resize(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      result.layers[i].name = layers[i].name;
      result.layers[i].divergence += layers[i].divergence.sum().item<double>();
      means[i].push_back(layers[i].mean);
    }
  }
  for (const auto& parts : clusters) result.clusters.push_back(torch::cat(parts));
  for (size_t i = 0; i < means.size(); ++i) {
    LayerSummary& layer = result.layers[i];
    layer.means = torch::cat(means[i]);
    layer.divergence /= static_cast<double>(n);
    const auto variance = layer.means.var(0, /*unbiased=*/false);
    layer.active_units = (variance > kActiveVariance).sum().item<int64_t>();
  }
  return result;
}

}  // namespace clade
