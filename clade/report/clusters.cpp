#include "clade/report/clusters.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>

namespace clade {

std::vector<int64_t> strongest_first(const torch::Tensor& share) {
  if (!share.defined()) return {};
  const auto q = share.to(torch::kCPU, torch::kFloat64).contiguous();  // [K]
  const double* value = q.data_ptr<double>();
  std::vector<int64_t> order(static_cast<size_t>(q.numel()));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return value[a] > value[b]; });
  return order;
}

std::vector<int64_t> labels_in_order(const torch::Tensor& label) {
  const auto known = label.to(torch::kCPU, torch::kInt64);  // [n]
  const auto count = torch::bincount(known.masked_select(known >= 0));
  auto order = strongest_first(count);
  order.resize(static_cast<size_t>(count.count_nonzero().item<int64_t>()));
  if (order.size() <= static_cast<size_t>(shown_clusters)) std::sort(order.begin(), order.end());
  return order;
}

std::vector<Majority> majorities(const torch::Tensor& confusion) {
  const auto counts = confusion.to(torch::kCPU, torch::kInt64).contiguous();  // [K, C]
  const auto count = counts.accessor<int64_t, 2>();
  std::vector<Majority> result(static_cast<size_t>(counts.size(0)));
  for (int64_t k = 0; k < counts.size(0); ++k) {
    int64_t total = 0, best = 0;
    for (int64_t c = 0; c < counts.size(1); ++c) {
      total += count[k][c];
      if (count[k][c] > count[k][best]) best = c;
    }
    if (total > 0) {
      result[static_cast<size_t>(k)] = {
          best, static_cast<double>(count[k][best]) / static_cast<double>(total)};
    }
  }
  return result;
}

std::vector<int64_t> by_majority(std::vector<int64_t> clusters,
                                 const std::vector<Majority>& majority) {
  std::stable_sort(clusters.begin(), clusters.end(), [&](int64_t a, int64_t b) {
    const Majority& first = majority[static_cast<size_t>(a)];
    const Majority& second = majority[static_cast<size_t>(b)];
    if (first.label == second.label) return first.share > second.share;
    if (first.label < 0 || second.label < 0) return second.label < 0;
    return first.label < second.label;
  });
  return clusters;
}

std::string cluster_name(const std::vector<std::string>& classes, int64_t cluster) {
  return classes.empty() ? "cluster " + std::to_string(cluster)
                         : classes.at(static_cast<size_t>(cluster));
}

std::string cluster_in_table(const std::vector<std::string>& classes, int64_t cluster) {
  return classes.empty() ? std::to_string(cluster) : cluster_name(classes, cluster);
}

std::string label_name(const std::vector<std::string>& names, int64_t label) {
  const auto index = static_cast<size_t>(label);
  return index < names.size() ? names[index] : std::to_string(label);
}

}  // namespace clade
