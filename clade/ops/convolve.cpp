#include "clade/ops/convolve.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>

#include "clade/ops/gemm.h"
#include "clade/ops/rows.h"

#ifdef CLADE_WITH_ONEDNN
#include <atomic>
#include <map>
#include <optional>

#include "clade/ops/onednn.h"
#endif

namespace clade::ops {
namespace {

enum class Pass { forward, to_source, to_weights };

// By ATen, for shapes that oneDNN has nothing for and builds without it. In float32, as ATen sums
// bfloat16 products in bfloat16.

torch::Tensor wide(const torch::Tensor& t) {
  return t.to(torch::kFloat32);
}

torch::Tensor channels_first(const torch::Tensor& maps) {  // [N, H, W, C] -> [N, C, H, W]
  return maps.permute({0, 3, 1, 2});
}

torch::Tensor padded(const torch::Tensor& src, const Window& window) {  // [N, C, H, W]
  const auto& [size, stride, before, after] = window;
  return torch::constant_pad_nd(src, {before, after, before, after});
}

torch::Tensor rounded_like(const torch::Tensor& weights, const torch::Tensor& maps) {
  return wide(weights.to(maps.scalar_type())).contiguous();
}

void reference_convolve(const torch::Tensor& dst, const torch::Tensor& src,
                        const torch::Tensor& weights, const Window& window,
                        const torch::Tensor& bias) {
  channels_first(dst).copy_(torch::conv2d(padded(channels_first(wide(src)), window),
                                          rounded_like(weights, src), bias, window.stride));
}

// Gradients of the padded source and of the weights, as `mask` asks.
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> reference_gradients(
    const torch::Tensor& src, const torch::Tensor& dst, const torch::Tensor& weights,
    const Window& window, std::array<bool, 3> mask) {
  return at::convolution_backward(
      channels_first(wide(dst)), padded(channels_first(wide(src)), window),
      rounded_like(weights, dst), c10::nullopt, {window.stride, window.stride}, {0, 0}, {1, 1},
      /*transposed=*/false, {0, 0}, /*groups=*/1, mask);
}

void reference_to_source(const torch::Tensor& src, const torch::Tensor& dst,
                         const torch::Tensor& weights, const Window& window) {
  const auto all =
      std::get<0>(reference_gradients(src, dst, weights, window, {true, false, false}));
  const auto rows = all.slice(2, window.before, window.before + src.size(1));
  channels_first(src).copy_(rows.slice(3, window.before, window.before + src.size(2)));
}

void reference_to_weights(const torch::Tensor& weights, const torch::Tensor& src,
                          const torch::Tensor& dst, const Window& window) {
  weights.copy_(std::get<1>(reference_gradients(src, dst, weights, window, {false, true, false})));
}

// to = from, both [O, C, k, k], in any order and type: libtorch alone would copy in one thread.
// Rounded first, as it rounds and reorders slowly at once.
void copy_weights(const torch::Tensor& to, const torch::Tensor& from) {
  parallel_for(to.size(0), grain(to[0].numel()), [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;
    to.slice(0, begin, end).copy_(from.slice(0, begin, end).to(to.scalar_type()));
  });
}

#ifdef CLADE_WITH_ONEDNN
using dnnl::memory;

// One of the three at one shape, and how the caller's weights become those it reads, or the other
// way round. Maps stay channels last: see docs/performance.md.
struct WindowProduct {
  dnnl::primitive primitive;
  memory::desc src, dst, weights, bias;
  memory::desc given_weights;
  dnnl::reorder reorder;
};

#if DNNL_VERSION_MAJOR >= 3
template <class P, class... Arguments>
typename P::primitive_desc described(const Arguments&... arguments) {
  return {onednn().engine, arguments...};
}
template <class P, class Hint, class... Arguments>
typename P::primitive_desc described_backward(const Hint& hint, const Arguments&... arguments) {
  return {onednn().engine, arguments..., hint};
}
#else
template <class P, class... Arguments>
typename P::primitive_desc described(const Arguments&... arguments) {
  return {typename P::desc(arguments...), onednn().engine};
}
template <class P, class Hint, class... Arguments>
typename P::primitive_desc described_backward(const Hint& hint, const Arguments&... arguments) {
  return {typename P::desc(arguments...), onednn().engine, hint};
}
#endif

memory::desc layout_of(const torch::Tensor& maps, memory::data_type type) {  // [N, H, W, C]
  return {{maps.size(0), maps.size(3), maps.size(1), maps.size(2)}, type, memory::format_tag::nhwc};
}

WindowProduct make(Pass pass, const torch::Tensor& src, const torch::Tensor& dst,
                   const torch::Tensor& weights, const Window& window, bool with_bias) {
  const auto float32 = memory::data_type::f32;
  const auto narrow = onednn_type(pass == Pass::to_source ? dst : src);  // what products are of
  WindowProduct product;
  product.src = layout_of(src, onednn_type(src));
  product.dst = layout_of(dst, onednn_type(dst));
  if (with_bias) product.bias = {{dst.size(3)}, float32, memory::format_tag::x};
  product.given_weights = {weights.sizes().vec(), float32, weights.strides().vec()};
  const memory::desc chosen(weights.sizes().vec(), pass == Pass::to_weights ? float32 : narrow,
                            memory::format_tag::any);
  const memory::dims strides(2, window.stride), before(2, window.before), after(2, window.after);
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto forward = [&](const memory::desc& from, const memory::desc& to) {
    const memory::desc any(weights.sizes().vec(), narrow, memory::format_tag::any);
    return described<dnnl::convolution_forward>(dnnl::prop_kind::forward_training, direct, from,
                                                any, product.bias, to, strides, before, after);
  };
  if (pass == Pass::forward) {
    const auto description = forward(product.src, product.dst);
    product.primitive = dnnl::convolution_forward(description);
    product.weights = description.weights_desc();
  } else {
    const auto hint = forward(layout_of(src, narrow), layout_of(dst, narrow));
    if (pass == Pass::to_source) {
      const auto description = described_backward<dnnl::convolution_backward_data>(
          hint, direct, product.src, chosen, product.dst, strides, before, after);
      product.primitive = dnnl::convolution_backward_data(description);
      product.weights = description.weights_desc();
    } else {
      const auto description = described_backward<dnnl::convolution_backward_weights>(
          hint, direct, product.src, chosen, product.dst, strides, before, after);
      product.primitive = dnnl::convolution_backward_weights(description);
      product.weights = description.diff_weights_desc();
    }
  }
  const auto& engine = onednn().engine;
  const bool read = pass != Pass::to_weights;
  product.reorder = dnnl::reorder(
      dnnl::reorder::primitive_desc(engine, read ? product.given_weights : product.weights, engine,
                                    read ? product.weights : product.given_weights));
  return product;
}

// Nothing where oneDNN has nothing for it, as for bfloat16 on processors without AVX-512.
const std::optional<WindowProduct>& product_for(Pass pass, const torch::Tensor& src,
                                                const torch::Tensor& dst,
                                                const torch::Tensor& weights, const Window& window,
                                                bool with_bias) {
  // Everything a product depends on: making one costs more than a small product.
  const std::array<int64_t, 19> key = {static_cast<int64_t>(pass),
                                       src.size(0),
                                       src.size(1),
                                       src.size(2),
                                       src.size(3),
                                       dst.size(1),
                                       dst.size(2),
                                       dst.size(3),
                                       static_cast<int64_t>(src.scalar_type()),
                                       static_cast<int64_t>(dst.scalar_type()),
                                       window.size,
                                       window.stride,
                                       window.before,
                                       window.after,
                                       weights.stride(0),
                                       weights.stride(1),
                                       weights.stride(2),
                                       weights.stride(3),
                                       static_cast<int64_t>(with_bias)};
  thread_local std::map<std::array<int64_t, 19>, std::optional<WindowProduct>> made;
  // Shapes are few in training; evaluation on odd sizes must not pile them up for ever.
  if (made.size() > 512) made.clear();
  const auto found = made.find(key);
  if (found != made.end()) return found->second;
  std::optional<WindowProduct> product;
  try {
    product = make(pass, src, dst, weights, window, with_bias);
  } catch (const dnnl::error&) {
  }
  return made.emplace(key, std::move(product)).first->second;
}

bool whole_by_onednn(Pass pass, const torch::Tensor& src, const torch::Tensor& dst,
                     const torch::Tensor& weights, const Window& window,
                     const torch::Tensor& bias) {
  const auto& product = product_for(pass, src, dst, weights, window, bias.defined());
  if (!product) return false;
  const auto& stream = onednn().stream;
  const auto given = onednn_memory(product->given_weights, weights);
  const bool reorder = product->weights != product->given_weights;
  torch::Tensor room;
  memory own = given;
  if (reorder) {
    room = torch::empty({static_cast<int64_t>(product->weights.get_size())}, torch::kUInt8);
    own = onednn_memory(product->weights, room);
  }
  if (reorder && pass != Pass::to_weights) {
    product->reorder.execute(stream, {{DNNL_ARG_FROM, given}, {DNNL_ARG_TO, own}});
  }
  const auto from = onednn_memory(product->src, src);
  const auto to = onednn_memory(product->dst, dst);
  std::unordered_map<int, memory> arguments;
  switch (pass) {
    case Pass::forward:
      arguments = {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, own}, {DNNL_ARG_DST, to}};
      if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, onednn_memory(product->bias, bias));
      break;
    case Pass::to_source:
      arguments = {{DNNL_ARG_DIFF_SRC, from}, {DNNL_ARG_WEIGHTS, own}, {DNNL_ARG_DIFF_DST, to}};
      break;
    case Pass::to_weights:
      arguments = {{DNNL_ARG_SRC, from}, {DNNL_ARG_DIFF_WEIGHTS, own}, {DNNL_ARG_DIFF_DST, to}};
      break;
  }
  product->primitive.execute(stream, arguments);
  if (reorder && pass == Pass::to_weights) {
    product->reorder.execute(stream, {{DNNL_ARG_FROM, own}, {DNNL_ARG_TO, given}});
  }
  onednn().stream.wait();
  return true;
}

// Each thread takes some of the maps; gradients of the weights are summed over them.
bool by_onednn(Pass pass, const torch::Tensor& src, const torch::Tensor& dst,
               const torch::Tensor& weights, const Window& window, const torch::Tensor& bias = {}) {
  if (src.numel() == 0 || dst.numel() == 0) return false;
  constexpr int64_t kWork = 1 << 18;  // multiplications worth handing to another thread
  const int64_t maps = src.size(0);
  const int64_t work_of_one = weights.numel() * dst.size(1) * dst.size(2);
  PartSums<float> sums(pass == Pass::to_weights ? weights.numel() : 0);
  std::atomic<bool> done = true;
  parallel_for(maps, std::max<int64_t>(1, kWork / work_of_one), [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;
    const auto to =
        pass == Pass::to_weights ? torch::from_blob(sums.mine(), weights.sizes()) : weights;
    if (!whole_by_onednn(pass, src.slice(0, begin, end), dst.slice(0, begin, end), to, window,
                         bias)) {
      done = false;
    }
  });
  if (done && pass == Pass::to_weights) {
    copy_weights(weights, torch::from_blob(sums.total(), weights.sizes()));
  }
  return done;
}
#else
template <class... Operands>
bool by_onednn(const Operands&...) {
  return false;
}
#endif

// Which places of a window one of its pixels, `at` from its start, meets the map from, begin to
// end.
struct Met {
  int64_t begin, end;
};

Met met(int64_t at, int64_t pixels, int64_t places, const Window& window) {
  const int64_t beyond = pixels + window.before - at;  // the first place · stride that is too far
  const int64_t short_of = std::max<int64_t>(0, window.before - at);
  return {(short_of + window.stride - 1) / window.stride,
          std::clamp((beyond + window.stride - 1) / window.stride, int64_t{0}, places)};
}

// The source's pixel under pixel `at` of the window, from the first of these places to the last.
Met under(const Met& places, int64_t at, const Window& window) {
  const int64_t offset = at - window.before;
  return {places.begin * window.stride + offset, (places.end - 1) * window.stride + offset + 1};
}

torch::Tensor part_of(const torch::Tensor& maps, const Met& rows, const Met& columns,
                      int64_t step) {
  return maps.slice(1, rows.begin, rows.end, step).slice(2, columns.begin, columns.end, step);
}

// f(i, j, source, destination) for each pixel (i, j) of the window: the source's pixels that it
// meets, and those that they count for.
template <class F>
void for_each_pixel(const torch::Tensor& src, const torch::Tensor& dst, const Window& window,
                    const F& f) {
  for (int64_t i = 0; i < window.size; ++i) {
    const Met rows = met(i, src.size(1), dst.size(1), window);
    for (int64_t j = 0; j < window.size; ++j) {
      const Met columns = met(j, src.size(2), dst.size(2), window);
      if (rows.begin >= rows.end || columns.begin >= columns.end) continue;
      f(i, j, part_of(src, under(rows, i, window), under(columns, j, window), window.stride),
        part_of(dst, rows, columns, 1));
    }
  }
}

torch::Tensor rows_of(const torch::Tensor& maps) {  // [n, h, w, C] -> [n·h·w, C]
  return maps.reshape({-1, maps.size(3)});
}

void convolve_by_products(const torch::Tensor& dst, const torch::Tensor& src,
                          const torch::Tensor& weights, const Window& window,
                          const torch::Tensor& bias) {
  const auto by_pixel =
      torch::empty({window.size, window.size, weights.size(1), weights.size(0)}, src.options());
  copy_weights(by_pixel.permute({3, 2, 0, 1}), weights);
  const auto sum = torch::zeros(dst.sizes(), torch::kFloat32);
  for_each_pixel(src, sum, window, [&](int64_t i, int64_t j, const auto& from, const auto& to) {
    const auto product = torch::empty(to.sizes(), torch::kFloat32);
    gemm(rows_of(product), rows_of(from), by_pixel[i][j]);
    to.add_(product);
  });
  if (bias.defined()) sum.add_(bias);
  dst.copy_(sum);
}

void products_to_weights(const torch::Tensor& weights, const torch::Tensor& src,
                         const torch::Tensor& dst, const Window& window) {
  const auto by_pixel = torch::zeros({window.size, window.size, weights.size(0), weights.size(1)});
  for_each_pixel(src, dst, window, [&](int64_t i, int64_t j, const auto& from, const auto& to) {
    gemm(by_pixel[i][j], rows_of(to).t(), rows_of(from));
  });
  copy_weights(weights, by_pixel.permute({2, 3, 0, 1}));
}

// oneDNN goes through all weights for each map of a batch, and multiplies the zeros around it too:
// where weights are many and the map's pixels few, both take longer than a product for each pixel
// of the window, over those that it meets.
bool has_few_pixels(const torch::Tensor& dst, const torch::Tensor& weights) {
  constexpr int64_t kFew = 8;
  constexpr int64_t kMany = 1 << 18;
  return dst.size(1) * dst.size(2) <= kFew && weights.numel() >= kMany;
}

}  // namespace

void convolve(const torch::Tensor& dst, const torch::Tensor& src, const torch::Tensor& weights,
              const Window& window, const torch::Tensor& bias) {
  if (has_few_pixels(dst, weights)) return convolve_by_products(dst, src, weights, window, bias);
  if (by_onednn(Pass::forward, src, dst, weights, window, bias)) return;
  reference_convolve(dst, src, weights, window, bias);
}

void convolve_to_source(const torch::Tensor& src, const torch::Tensor& dst,
                        const torch::Tensor& weights, const Window& window) {
  if (by_onednn(Pass::to_source, src, dst, weights, window)) return;
  reference_to_source(src, dst, weights, window);
}

void convolve_to_weights(const torch::Tensor& weights, const torch::Tensor& src,
                         const torch::Tensor& dst, const Window& window) {
  if (has_few_pixels(dst, weights)) return products_to_weights(weights, src, dst, window);
  if (by_onednn(Pass::to_weights, src, dst, weights, window)) return;
  reference_to_weights(weights, src, dst, window);
}

}  // namespace clade::ops
