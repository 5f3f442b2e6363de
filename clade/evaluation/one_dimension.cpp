#include "clade/evaluation/one_dimension.h"

#include <torch/torch.h>

#include "clade/models/evaluation_mode.h"

namespace clade {
namespace {

constexpr int64_t kDraws = 100'000;  // so that the distance is the model's, not its draws'
constexpr int64_t kLeastDrawsOfACluster = 1000;
constexpr int64_t kResamplings = 20;

// The mean of the points of each label that has any. x: [N], labels: [N] int64 -> [C'].
torch::Tensor modes_of(const torch::Tensor& x, const torch::Tensor& labels) {
  const auto rows = labelled_rows(labels);                                          // [n]
  const auto one_hot = torch::one_hot(labels.index_select(0, rows)).to(x.dtype());  // [n, C]
  const auto points = one_hot.sum(0);                                               // [C]
  const auto means = x.index_select(0, rows).matmul(one_hot) / points;              // [C]
  return means.masked_select(points > 0);
}

// Which of the modes is nearest. x: [n], modes: [C'] -> [n] int64.
torch::Tensor nearest_mode(const torch::Tensor& x, const torch::Tensor& modes) {
  return (x.unsqueeze(1) - modes).abs().argmin(1);
}

}  // namespace

double wasserstein_1(const torch::Tensor& a, const torch::Tensor& b) {
  TORCH_CHECK(b.numel() % a.numel() == 0, "wasserstein_1: a multiple of ", a.numel(),
              " numbers expected, ", b.numel(), " given");
  return (std::get<0>(b.sort()).view({a.numel(), -1}) - std::get<0>(a.sort()).unsqueeze(1))
      .abs()
      .mean(torch::kFloat64)
      .item<double>();
}

OneDimension one_dimension(Model& model, const Dataset& data, Generator& generator, double unit) {
  const EvaluationMode evaluation(model);
  const auto truth = data.x.squeeze(1);  // [N]
  const int64_t N = data.size(), draws = N * std::max<int64_t>(1, kDraws / N);
  const auto draw = [&](int64_t n, std::optional<int64_t> cluster) {
    return model.generations(n, model.given_cluster(cluster), generator)
        ->sample(generator)
        .squeeze(1);  // [n]
  };
  OneDimension figures;
  figures.wasserstein_1 = unit * wasserstein_1(truth, draw(draws, {}));
  for (int64_t i = 0; i < kResamplings; ++i) {
    const auto rows = random_rows(N, N, truth.device(), generator);
    figures.wasserstein_1_floor +=
        unit * wasserstein_1(truth, truth.index_select(0, rows)) / kResamplings;
  }
  const int64_t K = model.clusters();
  if (K == 1) return figures;

  const auto weights = model.cluster_weights(model.main_discrete(), generator);
  torch::Tensor modes;  // [C']
  if (data.labelled()) modes = modes_of(truth, data.labels);
  const int64_t of_each = std::max(kLeastDrawsOfACluster, (draws + K - 1) / K);
  std::vector<torch::Tensor> of_clusters;
  double wrong = 0;
  for (int64_t k = 0; k < K; ++k) {
    of_clusters.push_back(draw(of_each, k));
    if (!modes.defined()) continue;
    const auto count = torch::bincount(nearest_mode(of_clusters.back(), modes));
    const double main_mode = count.max().item<double>() / static_cast<double>(of_each);
    wrong += weights[k].item<double>() * (1 - main_mode);
  }
  if (!all_alike(weights)) {
    const auto chosen =
        torch::randperm(K * of_each, generator, torch::dtype(torch::kInt64).device(truth.device()))
            .slice(0, 0, draws);
    figures.wasserstein_1_uniform =
        unit * wasserstein_1(truth, torch::cat(of_clusters).index_select(0, chosen));
  }
  if (modes.defined()) figures.wrong_mode_share = wrong;
  return figures;
}

}  // namespace clade
