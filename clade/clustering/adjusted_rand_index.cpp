#include "clade/clustering/adjusted_rand_index.h"

#include <torch/torch.h>

namespace clade {
namespace {

double pairs(const torch::Tensor& counts) {  // any shape, whole numbers as doubles
  return (counts * (counts - 1) / 2).sum().item<double>();
}

}  // namespace

double adjusted_rand_index(const torch::Tensor& counts) {
  const double together = pairs(counts);
  const double by_one = pairs(counts.sum(1));
  const double by_other = pairs(counts.sum(0));
  const double all = pairs(counts.sum());
  // Both partitions have one group, or both only groups of one (among them the single point): they
  // are equal, and there is no chance to adjust for.
  if (by_one == by_other && (by_one == 0 || by_one == all)) return 1;
  const double by_chance = by_one / all * by_other;
  return (together - by_chance) / ((by_one + by_other) / 2 - by_chance);
}

double adjusted_rand_index(const torch::Tensor& one, const torch::Tensor& other) {
  const int64_t K = one.max().item<int64_t>() + 1, C = other.max().item<int64_t>() + 1;
  const auto counts = torch::bincount(one * C + other, {}, K * C);
  return adjusted_rand_index(counts.view({K, C}).to(torch::kFloat64));
}

}  // namespace clade
