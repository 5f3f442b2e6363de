#include "clade/data/repeats.h"

#include <torch/torch.h>

#include <string_view>
#include <unordered_set>
#include <vector>

namespace clade {
namespace {

/// The bytes of `rows`, [n], of x, [N, D].
std::vector<std::string_view> bytes_of(const torch::Tensor& rows, const torch::Tensor& x) {
  const auto size = static_cast<size_t>(x.size(1)) * x.element_size();
  const auto* bytes = static_cast<const char*>(x.data_ptr());
  std::vector<std::string_view> all;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    all.emplace_back(bytes + static_cast<size_t>(rows.data_ptr<int64_t>()[i]) * size, size);
  }
  return all;
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
  const auto& x = points.values;
  const auto learned = bytes_of(train, x);
  const std::unordered_set<std::string_view> known(learned.begin(), learned.end());
  int64_t repeats = 0;
  for (const std::string_view row : bytes_of(held_back, x)) {
    if (known.count(row) == 1) ++repeats;
  }
  if (10 * repeats <= n) return "";
  const bool whole = !x.is_floating_point() || x.equal(x.round());
  if ((whole && points.shape.size() == 1) || chance_repeats(x) > kHardlyAny) return "";
  return std::to_string(repeats) + " of the " + std::to_string(n) +
         " validation and test points are copies of training points, so they say little of new " +
         "ones; leave one of each";
}

}  // namespace clade
