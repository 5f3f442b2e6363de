#include "clade/evaluation/label_posteriors.h"

#include <torch/torch.h>

#include <algorithm>
#include <map>

#include "clade/clustering/nearest_neighbours.h"
#include "clade/core/random.h"
#include "clade/data/dataset.h"

namespace clade {
namespace {

// Every point against every other: the cost grows with their square.
constexpr int64_t kNeighbourPoints = 5000;

}  // namespace

torch::Tensor posterior_given_label(const torch::Tensor& probabilities,
                                    const torch::Tensor& labels) {
  const auto rows = labelled_rows(labels);  // [n]
  const auto one_hot =
      torch::one_hot(labels.index_select(0, rows)).to(probabilities.scalar_type());  // [n, C]
  const auto points = one_hot.sum(0).clamp_min(1).unsqueeze(1);                      // [C, 1]
  return one_hot.t().matmul(probabilities.index_select(0, rows)) / points;
}

std::optional<double> neighbour_accuracy(const torch::Tensor& codes, const torch::Tensor& labels) {
  const auto known = some_rows(labelled_rows(labels), kNeighbourPoints);  // [n]
  if (known.size(0) < 2) return std::nullopt;
  const auto own = labels.index_select(0, known);  // [n]
  const auto nearest = nearest_neighbours(codes.index_select(0, known), 1).indices.squeeze(1);
  return own.index_select(0, nearest).eq(own).to(torch::kFloat64).mean().item<double>();
}

std::vector<std::vector<int64_t>> strongest_of_label(const torch::Tensor& q, int64_t count) {
  const int64_t K = q.size(1);
  const auto [share, cluster] = q.cpu().topk(std::min(count, K), 1);  // [C, count]
  std::vector<std::vector<int64_t>> strongest(static_cast<size_t>(q.size(0)));
  for (int64_t label = 0; label < q.size(0); ++label) {
    for (int64_t rank = 0; rank < share.size(1); ++rank) {
      // An even share is none of more, whatever its rounding.
      if (share[label][rank].item<double>() * static_cast<double>(K) <= 1 + 1e-5) break;
      strongest[static_cast<size_t>(label)].push_back(cluster[label][rank].item<int64_t>());
    }
  }
  return strongest;
}

std::vector<int64_t> shared_by_labels(const std::vector<std::vector<int64_t>>& strongest) {
  std::map<int64_t, int64_t> labels_of;
  for (const auto& clusters : strongest) {
    for (const int64_t k : clusters) ++labels_of[k];
  }
  std::vector<int64_t> shared;
  for (const auto& [k, labels] : labels_of) {
    if (labels > 1) shared.push_back(k);
  }
  return shared;
}

}  // namespace clade
