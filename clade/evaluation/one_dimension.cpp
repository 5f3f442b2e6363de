#include "clade/evaluation/one_dimension.h"

#include <torch/torch.h>

#include "clade/models/mean_bound.h"

namespace clade {
namespace {

constexpr int64_t kDrawsOfACluster = 1000;

// The label whose points' mean is nearest. x: [n], label_means: [C] -> [n] int64.
torch::Tensor nearest_mode(const torch::Tensor& x, const torch::Tensor& label_means) {
  return (x.unsqueeze(1) - label_means).abs().argmin(1);
}

}  // namespace

double wasserstein_1(const torch::Tensor& a, const torch::Tensor& b) {
  TORCH_CHECK(a.numel() == b.numel(), "wasserstein_1: samples of one size expected");
  return (std::get<0>(a.sort()) - std::get<0>(b.sort())).abs().mean(torch::kFloat64).item<double>();
}

nlohmann::json one_dimension(Model& model, const Dataset& data, Generator& generator) {
  const EvaluationMode evaluation(model);
  const auto truth = data.x.squeeze(1);  // [N]
  const auto draw = [&](int64_t n, std::optional<int64_t> cluster) {
    return model.generate(n, cluster, generator)->sample(generator).squeeze(1);  // [n]
  };
  nlohmann::json figures;
  figures["wasserstein_1"] = wasserstein_1(draw(data.size(), {}), truth);
  const int64_t K = model.clusters();
  if (K == 1) return figures;

  torch::Tensor means;  // [C]
  if (data.labelled()) {
    const auto one_hot = torch::one_hot(data.labels).to(torch::kFloat32);  // [N, C]
    means = truth.matmul(one_hot) / one_hot.sum(0);
  }
  std::vector<torch::Tensor> of_clusters;
  double wrong = 0;
  for (int64_t k = 0; k < K; ++k) {
    of_clusters.push_back(draw(kDrawsOfACluster, k));
    if (!means.defined()) continue;
    const auto count = torch::bincount(nearest_mode(of_clusters.back(), means));
    const double main_mode = count.max().item<double>() / static_cast<double>(kDrawsOfACluster);
    wrong += model.aggregated_posterior()[k].item<double>() * (1 - main_mode);
  }
  const auto rows = random_rows(data.size(), K * kDrawsOfACluster, data.x.device(), generator);
  figures["wasserstein_1_uniform"] =
      wasserstein_1(torch::cat(of_clusters).index_select(0, rows), truth);
  if (means.defined()) figures["wrong_mode_share"] = wrong;
  return figures;
}

}  // namespace clade
