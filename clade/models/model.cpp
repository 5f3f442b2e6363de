#include "clade/models/model.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/require.h"
#include "clade/distributions/categorical.h"
#include "clade/nets/conditional.h"

namespace clade {

std::vector<Option> ModelOptions::options() {
  return {{"likelihood", &likelihood,
           "p(x | ...): bernoulli for bits and grey levels, gaussian (one learned variance per "
           "feature) for real values"}};
}

void ModelOptions::validate() const {
  require_one_of("model.likelihood", likelihood, likelihoods());
}

Model::Model(int64_t clusters)
    : clusters_(clusters),
      aggregated_posterior_(register_buffer(
          "aggregated_posterior", torch::full({clusters}, 1.0 / static_cast<double>(clusters)))) {}

torch::Tensor Model::cluster_probabilities(const torch::Tensor& x, Generator&) {
  return torch::ones({x.size(0), 1}, x.options());
}

torch::Tensor Model::cluster_weights(Generator&) {
  return torch::full_like(aggregated_posterior_, 1.0 / static_cast<double>(clusters_));
}

void Model::set_aggregated_posterior(const torch::Tensor& q_y) {
  torch::NoGradGuard no_grad;
  aggregated_posterior_.copy_(q_y);
}

bool all_alike(const torch::Tensor& weights) {
  return torch::allclose(weights, weights.mean(), 1e-5, 0);
}

void Model::check(std::optional<int64_t> cluster) const {
  if (cluster && (*cluster < 0 || *cluster >= clusters_)) {
    throw Error("cluster " + std::to_string(*cluster) +
                " does not exist: the model has clusters 0 to " + std::to_string(clusters_ - 1));
  }
}

torch::Tensor Model::draw_clusters(int64_t n, std::optional<int64_t> cluster,
                                   Generator& generator) const {
  check(cluster);
  if (cluster) {
    return torch::full({n}, *cluster,
                       torch::dtype(torch::kInt64).device(aggregated_posterior_.device()));
  }
  return Categorical(aggregated_posterior_.clamp_min(1e-30).log()).sample(generator, n);
}

}  // namespace clade
