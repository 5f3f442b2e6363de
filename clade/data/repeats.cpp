#include "clade/data/repeats.h"

#include <torch/torch.h>

#include <string_view>
#include <unordered_set>
#include <vector>

namespace clade {
namespace {

/// The bytes of each row of x, [n, D].
std::vector<std::string_view> bytes_of_rows(const torch::Tensor& x) {
  const auto size = static_cast<size_t>(x.size(1)) * x.element_size();
  const auto* bytes = static_cast<const char*>(x.data_ptr());
  std::vector<std::string_view> rows;
  for (int64_t i = 0; i < x.size(0); ++i) rows.emplace_back(bytes + i * size, size);
  return rows;
}

/// How many other rows would be like one of x, [n, D], if its columns had nothing to do with each
/// other.
double chance_repeats(const torch::Tensor& x) {
  const auto n = static_cast<double>(x.size(0));
  double repeats = n;
  for (int64_t d = 0; d < x.size(1); ++d) {
    const auto counts = std::get<2>(at::unique_consecutive(
        std::get<0>(x.select(1, d).sort()), /*return_inverse=*/false, /*return_counts=*/true));
    repeats *= counts.to(torch::kFloat64).div_(n).square_().sum().item<double>();
  }
  return repeats;
}

}  // namespace

std::string said_of_repeats(const Points& points, const torch::Tensor& train,
                            const torch::Tensor& held_back) {
  constexpr double kHardlyAny = 0.01;
  const int64_t n = held_back.size(0);
  const auto learned = points.values.index_select(0, train);
  const auto others = points.values.index_select(0, held_back);
  const auto rows = bytes_of_rows(learned);
  const std::unordered_set<std::string_view> known(rows.begin(), rows.end());
  int64_t repeats = 0;
  for (const std::string_view row : bytes_of_rows(others)) {
    if (known.count(row) == 1) ++repeats;
  }
  if (10 * repeats <= n) return "";
  const bool whole = !points.values.is_floating_point() || learned.equal(learned.round());
  if ((whole && points.shape.size() == 1) || chance_repeats(learned) > kHardlyAny) return "";
  return std::to_string(repeats) + " of the " + std::to_string(n) +
         " validation and test points are copies of training points, so they say little of new " +
         "ones; leave one of each";
}

}  // namespace clade
