#include "clade/evaluation/contrasts.h"

#include <torch/torch.h>

#include <algorithm>

namespace clade {
namespace {

constexpr double kLeastDeviation = 1e-3;

/// Of some points, after an offset common to all was taken off, which keeps the squares small.
struct Moments {
  int64_t points = 0;
  torch::Tensor sum;      // [D] float64
  torch::Tensor squares;  // [D] float64

  torch::Tensor mean() const { return sum / static_cast<double>(points); }
  torch::Tensor variance() const {
    return (squares / static_cast<double>(points) - mean().square()).clamp_min(0);
  }
};

Moments moments(const torch::Tensor& x) {  // [n, D] float64
  return {x.size(0), x.sum(0), x.square().sum(0)};
}

Moments without(const Moments& all, const Moments& part) {
  return {all.points - part.points, all.sum - part.sum, all.squares - part.squares};
}

std::vector<Contrast> strongest(const Moments& own, const Moments& others,
                                const torch::Tensor& offset, const torch::Tensor& variance,
                                int64_t most) {
  const auto within = (own.variance() + others.variance()) / 2;
  const auto least = variance * kLeastDeviation * kLeastDeviation;
  const auto difference = torch::where(
      variance > 0, (own.mean() - others.mean()) / torch::maximum(within, least).sqrt(),
      torch::zeros_like(variance));
  const auto varying = (variance > 0).sum().item<int64_t>();
  const auto order = std::get<1>(difference.abs().topk(std::min(most, varying)));
  const auto columns = torch::stack({difference, own.mean() + offset, own.variance().sqrt(),
                                     others.mean() + offset, others.variance().sqrt()})
                           .index_select(1, order)
                           .t()
                           .contiguous();  // [most, 5]
  std::vector<Contrast> list;
  for (int64_t i = 0; i < order.size(0); ++i) {
    const double* value = columns[i].data_ptr<double>();
    list.push_back({order[i].item<int64_t>(), value[0], value[1], value[2], value[3], value[4]});
  }
  return list;
}

}  // namespace

std::vector<std::vector<Contrast>> contrasts(const torch::Tensor& x, const torch::Tensor& assigned,
                                             int64_t clusters, int64_t most) {
  const auto offset = x.mean(0, /*keepdim=*/false, torch::kFloat64).cpu();  // [D]
  std::vector<Moments> parts;
  Moments all{0, torch::zeros_like(offset), torch::zeros_like(offset)};
  for (int64_t k = 0; k < clusters; ++k) {
    const auto rows = assigned.eq(k).nonzero().squeeze(1);
    const auto part = moments(x.index_select(0, rows).to(torch::kCPU, torch::kFloat64) - offset);
    all = {all.points + part.points, all.sum + part.sum, all.squares + part.squares};
    parts.push_back(part);
  }
  std::vector<std::vector<Contrast>> result;
  for (const Moments& own : parts) {
    const bool apart = own.points > 0 && own.points < all.points;
    result.push_back(apart ? strongest(own, without(all, own), offset, all.variance(), most)
                           : std::vector<Contrast>());
  }
  return result;
}

}  // namespace clade
