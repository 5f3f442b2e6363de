#include "clade/data/dataset.h"

#include <torch/torch.h>

#include "clade/ops/noise.h"

namespace clade {

torch::Tensor labelled_rows(const torch::Tensor& labels) {
  return labels.ne(kUnknownLabel).nonzero().squeeze(1);
}

PointNames PointNames::of(const torch::Tensor& rows) const {
  PointNames chosen{title, {}};
  for (int64_t i = 0; !names.empty() && i < rows.size(0); ++i) {
    chosen.names.push_back(names.at(static_cast<size_t>(rows.data_ptr<int64_t>()[i])));
  }
  return chosen;
}

bool Dataset::labelled() const {
  return labels.defined() && labels.ne(kUnknownLabel).any().item<bool>();
}

bool is_colour(const std::vector<int64_t>& shape) {
  return shape.size() == 3 && shape[2] == 3;
}

Dataset Dataset::to(const torch::Device& device) const {
  Dataset moved = *this;
  if (x.defined()) moved.x = x.to(device);
  if (labels.defined()) moved.labels = labels.to(device);
  return moved;
}

torch::Tensor Preprocessing::apply(const torch::Tensor& raw) const {
  const auto values = raw.to(torch::kFloat32);
  return (values - shift.to(raw.device())) / scale.to(raw.device());
}

torch::Tensor present(const torch::Tensor& x, bool binarise, Generator& generator) {
  return binarise ? draw_bits(x, generator) : x;
}

}  // namespace clade
