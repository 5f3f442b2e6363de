#include "clade/nets/least_deviation.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace clade {
namespace {

// Of each row, the smallest step between two numbers in it that differ; 0 if none do.
torch::Tensor smallest_steps(const torch::Tensor& rows) {  // [d, N] -> [d]
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const auto sorted = std::get<0>(rows.sort(1));
  const auto steps = sorted.slice(1, 1) - sorted.slice(1, 0, -1);  // [d, N - 1]
  const auto none = torch::full({rows.size(0), 1}, kNone, rows.options());
  const auto least = torch::cat({steps.masked_fill(steps.eq(0), kNone), none}, 1).amin(1);
  return least.masked_fill(least.isinf(), 0);
}

}  // namespace

torch::Tensor least_deviations(const torch::Tensor& x, double share) {
  constexpr int64_t kNumbers = 4'000'000;  // sorted at a time
  const int64_t columns = std::max<int64_t>(1, kNumbers / x.size(0));
  std::vector<torch::Tensor> parts;
  for (int64_t start = 0; start < x.size(1); start += columns) {
    const auto rows = x.slice(1, start, start + columns).t().contiguous();  // [d, N]
    const auto own = rows.std(1, /*unbiased=*/false);
    parts.push_back(torch::maximum(smallest_steps(rows) / std::sqrt(12.0), share * own));
  }
  return torch::cat(parts);
}

}  // namespace clade
