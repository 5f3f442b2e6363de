#include "clade/ops/rows.h"

#include <torch/torch.h>

#include <algorithm>

namespace clade::ops {
namespace {

// For each row of the result the row of an operand with leading sizes `own`.
std::vector<int32_t> row_map(at::IntArrayRef own, at::IntArrayRef lead) {
  const size_t missing = lead.size() - own.size();
  std::vector<int32_t> rows = {0};
  int32_t own_rows = 1;
  // From the last dimension outwards, each repeats what lies inside it.
  for (size_t d = lead.size(); d-- > 0;) {
    const int64_t size = d < missing ? 1 : own[d - missing];
    TORCH_CHECK(size == lead[d] || size == 1, "a leading size of ", size,
                " does not broadcast to one of ", lead[d]);
    const auto inner = static_cast<int64_t>(rows.size());
    const int32_t stride = size == 1 ? 0 : own_rows;
    rows.reserve(static_cast<size_t>(inner * lead[d]));
    for (int64_t i = 1; i < lead[d]; ++i) {
      for (int64_t j = 0; j < inner; ++j) {
        rows.push_back(rows[static_cast<size_t>(j)] + static_cast<int32_t>(i) * stride);
      }
    }
    own_rows *= static_cast<int32_t>(size);
  }
  return rows;
}

}  // namespace

Operand::Operand(const torch::Tensor& values, at::IntArrayRef lead) : values_(values.contiguous()) {
  const auto own = leading(values.sizes());
  if (count(own) != count(lead)) row_ = row_map(own, lead);
}

Rows Operand::rows() const {
  return {values_.data_ptr(), values_.scalar_type() == torch::kBFloat16,
          row_.empty() ? nullptr : row_.data()};
}

bool fits_kernels(const torch::Tensor& t) {
  return is_cpu_float(t) || (t.device().is_cpu() && t.scalar_type() == torch::kBFloat16);
}

bool is_cpu_float(const torch::Tensor& t) {
  return t.device().is_cpu() && t.scalar_type() == torch::kFloat32;
}

std::vector<int64_t> leading(at::IntArrayRef sizes) {
  return {sizes.begin(), sizes.end() - 1};
}

int64_t count(at::IntArrayRef sizes) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return n;
}

int64_t grain(int64_t width) {
  constexpr int64_t kNumbers = 16384;
  return std::max<int64_t>(1, kNumbers / std::max<int64_t>(1, width));
}

torch::Tensor tensor_of(PartSums<float>& sums, at::IntArrayRef shape, at::ScalarType type) {
  return torch::from_blob(sums.total(), shape).to(type, /*non_blocking=*/false, /*copy=*/true);
}

torch::Tensor column_sums(const torch::Tensor& rows) {
  const int64_t width = rows.size(1);
  const Rows values{rows.data_ptr(), rows.scalar_type() == torch::kBFloat16, nullptr};
  PartSums<float> sums(width);
  parallel_for(rows.size(0), grain(width), [&](int64_t begin, int64_t end) {
    kernels().column_sums(values, width, begin, end, sums.mine());
  });
  return tensor_of(sums, {width}, torch::kFloat32);
}

}  // namespace clade::ops
