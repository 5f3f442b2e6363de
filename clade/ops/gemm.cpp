#include "clade/ops/gemm.h"

#include "clade/ops/rows.h"

#ifdef CLADE_WITH_ONEDNN
#include <algorithm>
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

// A matrix as it lies in memory, or a stretch of its rows or columns.
struct Matrix {
  char* data;
  std::array<int64_t, 2> sizes, strides;
  at::ScalarType type;

  explicit Matrix(const torch::Tensor& t)  // [rows, columns]
      : data(static_cast<char*>(t.data_ptr())),
        sizes{t.size(0), t.size(1)},
        strides{t.stride(0), t.stride(1)},
        type(t.scalar_type()) {}

  Matrix stretch(size_t dimension, int64_t begin, int64_t end) const {
    Matrix part = *this;
    part.data += begin * strides[dimension] * static_cast<int64_t>(c10::elementSize(type));
    part.sizes[dimension] = end - begin;
    return part;
  }

  memory::desc layout() const {
    return {{sizes[0], sizes[1]}, onednn_type(type), {strides[0], strides[1]}};
  }
};

// c = a · b + bias, which is [columns of c] or null.
struct Operands {
  Matrix c, a, b;
  float* bias;

  /// That part of it which computes a stretch of c's rows (dimension 0) or columns (1).
  Operands stretch(size_t dimension, int64_t begin, int64_t end) const {
    Operands part = *this;
    part.c = c.stretch(dimension, begin, end);
    if (dimension == 0) {
      part.a = a.stretch(0, begin, end);
    } else {
      part.b = b.stretch(1, begin, end);
      if (bias != nullptr) part.bias += begin;
    }
    return part;
  }
};

// Everything a primitive depends on: making one costs more than a small product.
using Shape = std::array<int64_t, 11>;

Shape shape_of(const Operands& in) {
  return {in.c.sizes[0],
          in.a.sizes[1],
          in.c.sizes[1],
          in.a.strides[0],
          in.a.strides[1],
          in.b.strides[0],
          in.b.strides[1],
          in.c.strides[0],
          static_cast<int64_t>(in.a.type),
          static_cast<int64_t>(in.c.type),
          static_cast<int64_t>(in.bias != nullptr)};
}

struct Product {
  memory::desc a, b, bias, c;
  dnnl::matmul primitive;
};

const Product& product_for(const Operands& in) {
  thread_local std::map<Shape, Product> made;
  // Shapes are few in training; evaluation on odd sizes must not pile them up for ever.
  if (made.size() > 4096) made.clear();
  const Shape shape = shape_of(in);
  if (const auto found = made.find(shape); found != made.end()) return found->second;
  const int64_t width = in.c.sizes[1];
  const bool with_bias = in.bias != nullptr;
  Product product;
  product.a = in.a.layout();
  product.b = in.b.layout();
  product.c = in.c.layout();
  if (with_bias) product.bias = {{1, width}, memory::data_type::f32, memory::dims{width, 1}};
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

void multiply(const Operands& in) {
  const Product& product = product_for(in);
  const auto& [engine, stream] = onednn();
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, {product.a, engine, in.a.data}},
                                               {DNNL_ARG_WEIGHTS, {product.b, engine, in.b.data}},
                                               {DNNL_ARG_DST, {product.c, engine, in.c.data}}};
  if (in.bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, memory(product.bias, engine, in.bias));
  product.primitive.execute(stream, arguments);
  onednn().stream.wait();
}

// Each thread computes rows of c, or columns where it has more of those, and sums over all of k.
void multiply_in_parts(const Operands& in) {
  constexpr int64_t kUnit = 16;       // rows or columns: oneDNN's kernels compute no fewer at once
  constexpr int64_t kWork = 1 << 18;  // multiplications worth handing to another thread
  const size_t dimension = in.c.sizes[0] >= in.c.sizes[1] ? 0 : 1;
  const int64_t size = in.c.sizes[dimension];
  const int64_t unit_work = kUnit * in.c.sizes[1 - dimension] * in.a.sizes[1];
  parallel_for((size + kUnit - 1) / kUnit, std::max<int64_t>(1, kWork / unit_work),
               [&](int64_t begin, int64_t end) {
                 multiply(in.stretch(dimension, begin * kUnit, std::min(end * kUnit, size)));
               });
}

// On processors without AVX-512 oneDNN has no bfloat16 products at all.
bool has_bf16_products() {
  static const bool has = [] {
    const auto matrix = torch::zeros({2, 2}, torch::kBFloat16);
    try {
      product_for({Matrix(matrix), Matrix(matrix), Matrix(matrix), /*bias=*/nullptr});
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
    multiply_in_parts({Matrix(c), Matrix(left), Matrix(right),
                       bias.defined() ? bias.data_ptr<float>() : nullptr});
    return;
  }
#endif
  reference_gemm(c, a, b, bias);
}

}  // namespace clade::ops
