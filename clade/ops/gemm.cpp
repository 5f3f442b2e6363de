#include "clade/ops/gemm.h"

#include "clade/ops/rows.h"

#ifdef CLADE_WITH_ONEDNN
#include <array>
#include <map>

#include "clade/ops/onednn.h"
#endif

namespace clade::ops {
namespace {

// ATen's own product, for other devices and types, and builds without oneDNN.
void reference_gemm(const torch::Tensor& c, const torch::Tensor& a, const torch::Tensor& b,
                    const torch::Tensor& bias) {
  const auto wide = [](const torch::Tensor& t) {  // ATen sums bfloat16 products in bfloat16
    return t.scalar_type() == torch::kBFloat16 ? t.to(torch::kFloat32) : t;
  };
  const auto product = torch::matmul(wide(a), wide(b));
  c.copy_(bias.defined() ? product + bias : product);
}

#ifdef CLADE_WITH_ONEDNN
using dnnl::memory;

bool plain(const torch::Tensor& t) {  // row after row, or column after column
  return (t.stride(1) == 1 && t.stride(0) >= t.size(1)) ||
         (t.stride(0) == 1 && t.stride(1) >= t.size(0));
}

// oneDNN reads a matrix of one row or column by either stride; torch leaves that stride arbitrary.
torch::Tensor readable(const torch::Tensor& t) {
  return plain(t) && t.size(0) > 1 && t.size(1) > 1 ? t : t.contiguous();
}

memory::desc layout_of(const torch::Tensor& t) {
  return {{t.size(0), t.size(1)}, onednn_type(t), {t.stride(0), t.stride(1)}};
}

// Everything a primitive depends on: making one costs more than a small product.
using Shape = std::array<int64_t, 10>;

Shape shape_of(const torch::Tensor& c, const torch::Tensor& a, const torch::Tensor& b, bool bias) {
  return {a.size(0),
          a.size(1),
          b.size(1),
          a.stride(0),
          a.stride(1),
          b.stride(0),
          b.stride(1),
          static_cast<int64_t>(a.scalar_type()),
          static_cast<int64_t>(c.scalar_type()),
          static_cast<int64_t>(bias)};
}

struct Product {
  memory::desc a, b, bias, c;
  dnnl::matmul primitive;
};

const Product& product_for(const torch::Tensor& c, const torch::Tensor& a, const torch::Tensor& b,
                           bool with_bias) {
  thread_local std::map<Shape, Product> made;
  // Shapes are few in training; evaluation on odd sizes must not pile them up for ever.
  if (made.size() > 4096) made.clear();
  const Shape shape = shape_of(c, a, b, with_bias);
  if (const auto found = made.find(shape); found != made.end()) return found->second;
  Product product;
  product.a = layout_of(a);
  product.b = layout_of(b);
  product.c = layout_of(c);
  if (with_bias)
    product.bias = {{1, c.size(1)}, memory::data_type::f32, memory::dims{c.size(1), 1}};
#if DNNL_VERSION_MAJOR >= 3
  using Description = dnnl::matmul::primitive_desc;
  const auto description =
      with_bias ? Description(onednn().engine, product.a, product.b, product.bias, product.c)
                : Description(onednn().engine, product.a, product.b, product.c);
#else
  const auto operation = with_bias
                             ? dnnl::matmul::desc(product.a, product.b, product.bias, product.c)
                             : dnnl::matmul::desc(product.a, product.b, product.c);
  const dnnl::matmul::primitive_desc description(operation, onednn().engine);
#endif
  product.primitive = dnnl::matmul(description);
  return made.emplace(shape, std::move(product)).first->second;
}

// On processors without AVX-512 oneDNN has no bfloat16 products at all.
bool has_bf16_products() {
  static const bool has = [] {
    const auto matrix = torch::zeros({2, 2}, torch::kBFloat16);
    try {
      product_for(matrix, matrix, matrix, /*with_bias=*/false);
    } catch (const dnnl::error&) {
      return false;
    }
    return true;
  }();
  return has;
}

bool fits_onednn(const torch::Tensor& t) {
  return fits_kernels(t) && (t.scalar_type() != torch::kBFloat16 || has_bf16_products());
}
#endif

}  // namespace

void gemm(const torch::Tensor& c, const torch::Tensor& a, const torch::Tensor& b,
          const torch::Tensor& bias) {
#ifdef CLADE_WITH_ONEDNN
  if (fits_onednn(a) && fits_onednn(c) && c.numel() > 0 && a.size(1) > 0) {
    const auto left = readable(a);
    const auto right = readable(b);
    const Product& product = product_for(c, left, right, bias.defined());
    std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, onednn_memory(product.a, left)},
        {DNNL_ARG_WEIGHTS, onednn_memory(product.b, right)},
        {DNNL_ARG_DST, onednn_memory(product.c, c)}};
    if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, onednn_memory(product.bias, bias));
    product.primitive.execute(onednn().stream, arguments);
    onednn().stream.wait();
    return;
  }
#endif
  reference_gemm(c, a, b, bias);
}

}  // namespace clade::ops
