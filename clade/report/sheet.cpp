#include "clade/report/sheet.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>

#include "clade/core/error.h"
#include "clade/data/dataset.h"

namespace clade {

int64_t sheet_zoom(const std::vector<int64_t>& shape) {
  constexpr int64_t smallest_tile = 56;
  const int64_t side = std::max<int64_t>(1, std::max(shape[0], shape[1]));
  return std::max<int64_t>(1, (smallest_tile + side - 1) / side);
}

torch::Tensor make_sheet(const torch::Tensor& points, const std::vector<int64_t>& shape) {
  const int64_t channels = is_colour(shape) ? 3 : 1;
  if (!is_image(shape) || points.dim() != 3 || points.numel() == 0 ||
      points.size(2) != shape[0] * shape[1] * channels) {
    std::ostringstream what;
    what << "points " << points.sizes() << " cannot be drawn as pictures of shape "
         << torch::IntArrayRef(shape)
         << "; a sheet takes [rows, columns, H * W] with {H, W} or [rows, columns, H * W * 3] with "
            "{H, W, 3}";
    throw Error(what.str());
  }
  const int64_t rows = points.size(0), columns = points.size(1), zoom = sheet_zoom(shape);
  const int64_t height = shape[0] * zoom + gutter_width, width = shape[1] * zoom + gutter_width;
  const auto values = points.to(torch::kFloat32);  // [rows, columns, D]
  auto tiles = torch::where(values.isnan(), torch::full_like(values, gutter_grey),
                            values.clamp(0, 1).mul(255).round())
                   .to(torch::kUInt8)
                   .reshape({rows, columns, shape[0], shape[1], channels})
                   .repeat_interleave(zoom, 2)
                   .repeat_interleave(zoom, 3);
  tiles = torch::constant_pad_nd(tiles, {0, 0, 0, gutter_width, 0, gutter_width}, gutter_grey);
  const auto sheet = tiles
                         .permute({0, 2, 1, 3, 4})  // [rows, height, columns, width, channels]
                         .reshape({rows * height, columns * width, channels})
                         .narrow(0, 0, rows * height - gutter_width)
                         .narrow(1, 0, columns * width - gutter_width);
  return is_colour(shape) ? sheet.contiguous() : sheet.squeeze(2).contiguous();
}

}  // namespace clade
