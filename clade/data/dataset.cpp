#include "clade/data/dataset.h"

#include <torch/torch.h>

#include "clade/ops/noise.h"

namespace clade {
namespace {

constexpr int64_t kRowsAtATime = 1000;

}  // namespace

torch::Tensor labelled_rows(const torch::Tensor& labels) {
  return labels.ne(kUnknownLabel).nonzero().squeeze(1);
}

PointNames PointNames::of(const torch::Tensor& rows) const {
  return names.empty() ? *this : PointNames{title, take_cells(names, rows)};
}

bool Dataset::labelled() const {
  return labels.defined() && labels.ne(kUnknownLabel).any().item<bool>();
}

bool is_colour(const std::vector<int64_t>& shape) {
  return shape.size() == 3 && shape[2] == 3;
}

bool is_image(const std::vector<int64_t>& shape) {
  return shape.size() == 2 || is_colour(shape);
}

Dataset Dataset::to(const torch::Device& device) const {
  Dataset moved = *this;
  if (x.defined()) moved.x = x.to(device);
  if (labels.defined()) moved.labels = labels.to(device);
  return moved;
}

torch::Tensor Preprocessing::apply(const torch::Tensor& raw) const {
  const auto m = shift.to(raw.device()), s = scale.to(raw.device());  // [D]
  auto x = torch::empty(raw.sizes(), raw.options().dtype(torch::kFloat32));
  // By blocks of rows: all at once would need the memory of the data again, twice.
  for (int64_t start = 0; start < raw.size(0); start += kRowsAtATime) {
    auto rows = raw.slice(0, start, start + kRowsAtATime).to(m.scalar_type());
    if (constant.defined()) {
      const auto value = constant.to(rows.options());
      rows = torch::where(value.isnan(), rows, value);
    }
    x.slice(0, start, start + kRowsAtATime).copy_(counts ? rows.log1p() : (rows - m) / s);
  }
  return x;
}

torch::Tensor Preprocessing::restore(const torch::Tensor& x) const {
  if (counts) return x.to(shift.scalar_type()).expm1();
  return x.to(shift.scalar_type()) * scale.to(x.device()) + shift.to(x.device());
}

torch::Tensor Preprocessing::as_data_are(const torch::Tensor& raw) const {
  if (!whole.defined()) return raw;
  const auto values = torch::where(whole.to(raw.device()), raw.round() + 0.0, raw);  // no -0
  if (!range.defined()) return values;
  const auto limits = range.to(raw.options());
  return torch::minimum(torch::maximum(values, limits[0]), limits[1]);
}

torch::Tensor Preprocessing::constant_as_read() const {
  return constant.defined() ? ((constant - shift) / scale).to(torch::kFloat32) : constant;
}

torch::Tensor present(const torch::Tensor& x, bool binarise, Generator& generator) {
  return binarise ? draw_bits(x, generator) : x;
}

Dataset held_back(const Splits& splits) {
  Dataset all = splits.test;
  all.x = torch::Tensor();
  all.labels = torch::Tensor();
  all.rows = torch::Tensor();
  all.names.names.clear();
  all.index = {};
  std::vector<torch::Tensor> x, labels, rows;
  for (const Dataset* part : {&splits.test, &splits.validation}) {
    if (part->size() == 0 || !part->labelled()) continue;
    const auto known = labelled_rows(part->labels);  // [n]
    x.push_back(part->x.index_select(0, known));
    labels.push_back(part->labels.index_select(0, known));
    rows.push_back(part->rows.index_select(0, known.cpu()));
    const auto names = part->names.of(known.cpu()).names;
    all.names.names.insert(all.names.names.end(), names.begin(), names.end());
  }
  if (x.empty()) return all;
  all.x = torch::cat(x);
  all.labels = torch::cat(labels);
  all.rows = torch::cat(rows);
  return all;
}

}  // namespace clade
