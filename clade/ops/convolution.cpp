#include "clade/ops/convolution.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include "clade/ops/rows.h"

namespace clade {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct WindowSettings {
  Window window;
  bool transposed;
  at::ScalarType out;
};

// [..., H, W, C] as [N, H, W, C].
torch::Tensor folded(const torch::Tensor& maps) {
  return maps.reshape({-1, maps.size(-3), maps.size(-2), maps.size(-1)});
}

// The sizes of [..., H, W, C] with those of `maps`, [N, H', W', O], behind the leading ones.
std::vector<int64_t> unfolded_sizes(at::IntArrayRef sizes, const torch::Tensor& maps) {
  std::vector<int64_t> shape(sizes.begin(), sizes.end() - 3);
  shape.insert(shape.end(), maps.sizes().begin() + 1, maps.sizes().end());
  return shape;
}

struct Convolution : torch::autograd::Function<Convolution> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight,
                               const c10::optional<torch::Tensor>& given_bias,
                               const WindowSettings& settings) {
    const auto bias = given_bias.value_or(torch::Tensor());
    const auto& [window, transposed, out] = settings;
    const auto maps = folded(x).to(activation_type()).contiguous();  // [N, H, W, C]
    const auto places = [&](int64_t pixels) {
      return transposed ? window.back(pixels) : window.places(pixels);
    };
    auto y =
        torch::empty({maps.size(0), places(maps.size(1)), places(maps.size(2)), weight.size(0)},
                     maps.options().dtype(out));
    if (transposed) {
      ops::convolve_to_source(y, maps, weight.transpose(0, 1), window);
      if (bias.defined()) y.add_(bias);
    } else {
      ops::convolve(y, maps, weight, window, bias);
    }
    context->save_for_backward({maps, weight});
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["x"] = x.requires_grad();
    context->saved_data["x_type"] = static_cast<int64_t>(x.scalar_type());
    context->saved_data["weight"] = weight.requires_grad();
    context->saved_data["bias"] = bias.defined() && bias.requires_grad();
    context->saved_data["window"] =
        std::vector<int64_t>{window.size, window.stride, window.before, window.after};
    context->saved_data["transposed"] = transposed;
    return y.view(unfolded_sizes(x.sizes(), y));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& maps = saved[0];
    const auto& weight = saved[1];
    const auto numbers = context->saved_data["window"].toIntVector();
    const Window window{numbers[0], numbers[1], numbers[2], numbers[3]};
    const bool transposed = context->saved_data["transposed"].toBool();
    const auto g = folded(gradients[0]).contiguous();  // [N, H', W', O]
    const auto narrow = g.to(maps.scalar_type());
    torch::Tensor to_x, to_weight, to_bias;
    if (context->saved_data["x"].toBool()) {
      to_x = torch::empty_like(maps);
      if (transposed) {
        ops::convolve(to_x, narrow, weight.transpose(0, 1), window);
      } else {
        ops::convolve_to_source(to_x, narrow, weight, window);
      }
      const auto type = static_cast<at::ScalarType>(context->saved_data["x_type"].toInt());
      to_x = to_x.to(type).view(context->saved_data["shape"].toIntVector());
    }
    if (context->saved_data["weight"].toBool()) {
      to_weight = torch::empty_like(weight);
      if (transposed) {
        ops::convolve_to_weights(to_weight.transpose(0, 1), narrow, maps, window);
      } else {
        ops::convolve_to_weights(to_weight, maps, narrow, window);
      }
    }
    if (context->saved_data["bias"].toBool()) to_bias = ops::column_sums(g.flatten(0, 2));
    return {to_x, to_weight, to_bias, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor convolution_by_aten(const torch::Tensor& x, const torch::Tensor& weight,
                                  const torch::Tensor& bias, const Window& window, bool transposed,
                                  at::ScalarType out) {
  const auto& [size, stride, before, after] = window;
  // ATen pads all sides alike: what one side has more is put on, or taken off, apart.
  const int64_t alike = std::min(before, after);
  const auto maps = folded(x).permute({0, 3, 1, 2});  // [N, C, H, W], channels last in memory
  torch::Tensor y;
  if (transposed) {
    y = torch::conv_transpose2d(maps, weight.transpose(0, 1), bias, stride, alike);
    for (const int64_t d : {2, 3}) y = y.slice(d, before - alike, y.size(d) - (after - alike));
  } else {
    const auto padded =
        before == after ? maps
                        : torch::constant_pad_nd(
                              maps, {before - alike, after - alike, before - alike, after - alike});
    y = torch::conv2d(padded, weight, bias, stride, alike);
  }
  y = y.permute({0, 2, 3, 1}).contiguous();
  return y.view(unfolded_sizes(x.sizes(), y))
      .to(y.scalar_type() == torch::kFloat64 ? torch::kFloat64 : out);
}

torch::Tensor convolution(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const Window& window, bool transposed,
                          at::ScalarType out) {
  if (weight.scalar_type() == torch::kFloat64) {
    return convolution_by_aten(x, weight, bias, window, transposed, out);
  }
  if (!x.device().is_cpu()) {
    const auto type = activation_type();
    return convolution_by_aten(x.to(type), weight.to(type), bias.defined() ? bias.to(type) : bias,
                               window, transposed, out);
  }
  return Convolution::apply(x, weight, ops::if_defined(bias),
                            WindowSettings{window, transposed, out});
}

}  // namespace clade
