// Compiled once for each instruction set with CLADE_KERNELS naming the result; see ops.cmake. Only
// plain loops that the compiler turns into vector code, and no inline function of another header:
// the linker may keep one instruction set's copy of such a function for all.
#include "clade/ops/kernels.h"

#define CLADE_INLINE static inline __attribute__((always_inline))

namespace clade::ops {
namespace {

CLADE_INLINE float as_float(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}

CLADE_INLINE uint32_t as_bits(float value) {
  return __builtin_bit_cast(uint32_t, value);
}

CLADE_INLINE float from_bf16(uint16_t half) {
  return as_float(static_cast<uint32_t>(half) << 16);
}

CLADE_INLINE uint16_t to_bf16(float value) {
  const uint32_t bits = as_bits(value);
  const uint32_t rounded =
      (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;  // to nearest, ties to even
  const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
  return static_cast<uint16_t>(nan ? 0x7fc0U : rounded);
}

CLADE_INLINE float magnitude(float x) {
  return as_float(as_bits(x) & 0x7fffffffU);
}

// e^x to a few units in the last place: 2^n e^r with |r| <= log(2) / 2. NaN stays NaN.
CLADE_INLINE float exponential(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float scaled = x * 1.44269504F;
  const auto n = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5F : 0.5F));
  const auto whole = static_cast<float>(n);
  const float r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;  // log(2) in two parts
  float series = 1.0F / 5040;
  series = series * r + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  series = series * r + 1.0F;
  return series * as_float(static_cast<uint32_t>(n + 127) << 23);
}

// log(1 + u) for u in [0, 1], as 2 artanh(u / (2 + u)).
CLADE_INLINE float log_one_plus(float u) {
  const float s = u / (2.0F + u);
  const float q = s * s;
  float series = 1.0F / 13;
  series = series * q + 1.0F / 11;
  series = series * q + 1.0F / 9;
  series = series * q + 1.0F / 7;
  series = series * q + 1.0F / 5;
  series = series * q + 1.0F / 3;
  series = series * q + 1.0F;
  return 2.0F * s * series;
}

// log(x) of a positive normal number: x = 2^n m with m within sqrt(2) of 1, then as above.
CLADE_INLINE float logarithm(float x) {
  const uint32_t bits = as_bits(x);
  const int32_t n = static_cast<int32_t>(bits - 0x3f3504f3U) >> 23;
  const float m = as_float(bits - (static_cast<uint32_t>(n) << 23));
  const float s = (m - 1.0F) / (m + 1.0F);
  const float q = s * s;
  float series = 1.0F / 9;
  series = series * q + 1.0F / 7;
  series = series * q + 1.0F / 5;
  series = series * q + 1.0F / 3;
  series = series * q + 1.0F;
  return static_cast<float>(n) * 0.693147181F + 2.0F * s * series;
}

CLADE_INLINE float sigmoid(float x) {
  const float e = exponential(-magnitude(x));
  return (x < 0 ? e : 1.0F) / (1.0F + e);
}

CLADE_INLINE float softplus(float x) {
  return (x > 0 ? x : 0.0F) + log_one_plus(exponential(-magnitude(x)));
}

CLADE_INLINE float hyperbolic_tangent(float x) {
  const float e = exponential(-2.0F * magnitude(x));
  const float t = (1.0F - e) / (1.0F + e);
  return x < 0 ? -t : t;
}

CLADE_INLINE int64_t row_of(const Rows& rows, int64_t r) {
  return rows.row == nullptr ? r : rows.row[r];
}

CLADE_INLINE void load(const Rows& rows, int64_t r, int64_t width, float* to) {
  const int64_t offset = row_of(rows, r) * width;
  if (rows.bf16) {
    const auto* from = static_cast<const uint16_t*>(rows.data) + offset;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) to[j] = from_bf16(from[j]);
  } else {
    const auto* from = static_cast<const float*>(rows.data) + offset;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) to[j] = from[j];
  }
}

CLADE_INLINE void add(const Rows& rows, int64_t r, int64_t width, float* to) {
  const int64_t offset = row_of(rows, r) * width;
  if (rows.bf16) {
    const auto* from = static_cast<const uint16_t*>(rows.data) + offset;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) to[j] += from_bf16(from[j]);
  } else {
    const auto* from = static_cast<const float*>(rows.data) + offset;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) to[j] += from[j];
  }
}

CLADE_INLINE void store(const float* from, void* to, bool bf16, int64_t r, int64_t width) {
  if (bf16) {
    auto* row = static_cast<uint16_t*>(to) + r * width;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) row[j] = to_bf16(from[j]);
  } else {
    auto* row = static_cast<float*>(to) + r * width;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) row[j] = from[j];
  }
}

CLADE_INLINE void joined_row(const JoinedRows& joined, int64_t r, float* h) {
  load(joined.parts[0], r, joined.width, h);
  for (int i = 1; i < joined.count; ++i) add(joined.parts[i], r, joined.width, h);
  if (joined.bias != nullptr) {
    const float* bias = joined.bias;
#pragma omp simd
    for (int64_t j = 0; j < joined.width; ++j) h[j] += bias[j];
  }
}

CLADE_INLINE int64_t out_width(const JoinedRows& joined) {
  return joined.kind == ActivationKind::gated ? joined.width / 2 : joined.width;
}

// h [width] is read and may be overwritten; returns where the result [out_width] lies.
CLADE_INLINE const float* activated(const JoinedRows& joined, float* h) {
  const int64_t width = joined.width;
  if (joined.scale != nullptr) {
    const float* scale = joined.scale;
    const float* shift = joined.shift;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) h[j] = scale[j] * h[j] + shift[j];
  }
  switch (joined.kind) {
    case ActivationKind::identity:
      break;
    case ActivationKind::relu:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) h[j] = h[j] < 0 ? 0.0F : h[j];
      break;
    case ActivationKind::tanh:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) h[j] = hyperbolic_tangent(h[j]);
      break;
    case ActivationKind::elu:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) h[j] = h[j] > 0 ? h[j] : exponential(h[j]) - 1.0F;
      break;
    case ActivationKind::gated: {
      const int64_t half = width / 2;
      float* gate = h + half;
#pragma omp simd
      for (int64_t j = 0; j < half; ++j) h[j] *= sigmoid(gate[j]);
      break;
    }
  }
  return h;
}

// d [width] = the gradient before the affine map, from that of the result g [out_width] and the
// sum h [width], which stays.
CLADE_INLINE void gradient_row(const JoinedRows& joined, const float* h, const float* g, float* d) {
  const int64_t width = joined.width;
  const float* pre = h;
  if (joined.scale != nullptr) {
    const float* scale = joined.scale;
    const float* shift = joined.shift;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) d[j] = scale[j] * h[j] + shift[j];
    pre = d;
  }
  switch (joined.kind) {
    case ActivationKind::identity:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) d[j] = g[j];
      break;
    case ActivationKind::relu:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) d[j] = pre[j] > 0 ? g[j] : 0.0F;
      break;
    case ActivationKind::tanh:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        const float t = hyperbolic_tangent(pre[j]);
        d[j] = g[j] * (1.0F - t * t);
      }
      break;
    case ActivationKind::elu:
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) d[j] = pre[j] > 0 ? g[j] : g[j] * exponential(pre[j]);
      break;
    case ActivationKind::gated: {
      const int64_t half = width / 2;
#pragma omp simd
      for (int64_t j = 0; j < half; ++j) {
        const float s = sigmoid(pre[half + j]);
        const float value = pre[j];
        d[j] = g[j] * s;
        d[half + j] = g[j] * value * s * (1.0F - s);
      }
      break;
    }
  }
}

void joined_forward(const JoinedRows& joined, int64_t begin, int64_t end, void* out, bool out_bf16,
                    float* scratch) {
  for (int64_t r = begin; r < end; ++r) {
    joined_row(joined, r, scratch);
    store(activated(joined, scratch), out, out_bf16, r, out_width(joined));
  }
}

// Float sums over a few rows are exact enough; the sums of those are kept in double.
constexpr int64_t kRowsPerSum = 32;

CLADE_INLINE void flush(float* from, double* to, int64_t width) {
  for (int64_t j = 0; j < width; ++j) {
    to[j] += static_cast<double>(from[j]);
    from[j] = 0;
  }
}

void joined_moments(const JoinedRows& joined, int64_t begin, int64_t end, const float* centre,
                    double* sum, double* square, float* scratch) {
  const int64_t width = joined.width;
  float* h = scratch;
  float* part_sum = scratch + width;
  float* part_square = scratch + 2 * width;
  for (int64_t j = 0; j < 2 * width; ++j) part_sum[j] = 0;
  for (int64_t first = begin; first < end; first += kRowsPerSum) {
    const int64_t last = first + kRowsPerSum < end ? first + kRowsPerSum : end;
    for (int64_t r = first; r < last; ++r) {
      joined_row(joined, r, h);
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        const float x = h[j] - centre[j];
        part_sum[j] += x;
        part_square[j] += x * x;
      }
    }
    flush(part_sum, sum, width);
    flush(part_square, square, width);
  }
}

void joined_gradient_moments(const JoinedRows& joined, const Rows& gradient, int64_t begin,
                             int64_t end, const float* centre, double* sum, double* product,
                             float* scratch) {
  const int64_t width = joined.width;
  float* h = scratch;
  float* g = scratch + width;
  float* d = scratch + 2 * width;
  float* part_sum = scratch + 3 * width;
  float* part_product = scratch + 4 * width;
  for (int64_t j = 0; j < 2 * width; ++j) part_sum[j] = 0;
  for (int64_t first = begin; first < end; first += kRowsPerSum) {
    const int64_t last = first + kRowsPerSum < end ? first + kRowsPerSum : end;
    for (int64_t r = first; r < last; ++r) {
      joined_row(joined, r, h);
      load(gradient, r, out_width(joined), g);
      gradient_row(joined, h, g, d);
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        part_sum[j] += d[j];
        part_product[j] += d[j] * (h[j] - centre[j]);
      }
    }
    flush(part_sum, sum, width);
    flush(part_product, product, width);
  }
}

void joined_backward(const JoinedRows& joined, const Rows& gradient, const NormGradient& norm,
                     int64_t begin, int64_t end, void* full, bool full_bf16, const Sink* sinks,
                     int sink_count, float* scratch) {
  const int64_t width = joined.width;
  float* h = scratch;
  float* g = scratch + width;
  float* d = scratch + 2 * width;
  for (int64_t r = begin; r < end; ++r) {
    joined_row(joined, r, h);
    load(gradient, r, out_width(joined), g);
    gradient_row(joined, h, g, d);
    if (norm.by_gradient != nullptr) {
      const float* a = norm.by_gradient;
      const float* b = norm.by_value;
      const float* c = norm.constant;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) d[j] = a[j] * d[j] + b[j] * h[j] + c[j];
    }
    if (full != nullptr) store(d, full, full_bf16, r, width);
    for (int i = 0; i < sink_count; ++i) {
      const int64_t to = sinks[i].row == nullptr ? 0 : sinks[i].row[r];
      float* sum = sinks[i].sum + to * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) sum[j] += d[j];
    }
  }
}

void bernoulli_forward(const Rows& logits, const Rows& x, int64_t width, int64_t begin, int64_t end,
                       float* out, float* scratch) {
  float* l = scratch;
  float* bits = scratch + width;
  for (int64_t r = begin; r < end; ++r) {
    load(logits, r, width, l);
    load(x, r, width, bits);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; ++j) sum += bits[j] * l[j] - softplus(l[j]);
    out[r] = sum;
  }
}

void bernoulli_backward(const float* gradient, const Rows& logits, const Rows& x, int64_t width,
                        int64_t begin, int64_t end, void* out, bool out_bf16, float* scratch) {
  float* l = scratch;
  float* bits = scratch + width;
  for (int64_t r = begin; r < end; ++r) {
    load(logits, r, width, l);
    load(x, r, width, bits);
    const float g = gradient[r];
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) l[j] = g * (bits[j] - sigmoid(l[j]));
    store(l, out, out_bf16, r, width);
  }
}

constexpr float kLog2Pi = 1.837877066F;

CLADE_INLINE const float* floats(const Rows& rows, int64_t r, int64_t width) {
  return static_cast<const float*>(rows.data) + row_of(rows, r) * width;
}

// Where row r of an operand's gradient goes, cleared first where it belongs to that row alone.
CLADE_INLINE float* sink_row(const Sink& sink, int64_t r, int64_t width) {
  if (sink.row != nullptr) return sink.sum + sink.row[r] * width;
  float* own = sink.sum + r * width;
  for (int64_t j = 0; j < width; ++j) own[j] = 0;
  return own;
}

void gaussian_log_prob(const Rows* operands, int64_t width, int64_t begin, int64_t end,
                       float* out) {
  for (int64_t r = begin; r < end; ++r) {
    const float* z = floats(operands[0], r, width);
    const float* mean = floats(operands[1], r, width);
    const float* log_variance = floats(operands[2], r, width);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; ++j) {
      const float distance = z[j] - mean[j];
      sum += log_variance[j] + kLog2Pi + distance * distance * exponential(-log_variance[j]);
    }
    out[r] = -0.5F * sum;
  }
}

void gaussian_log_prob_backward(const float* gradient, const Rows* operands, int64_t width,
                                int64_t begin, int64_t end, const Sink* sinks) {
  for (int64_t r = begin; r < end; ++r) {
    const float* z = floats(operands[0], r, width);
    const float* mean = floats(operands[1], r, width);
    const float* log_variance = floats(operands[2], r, width);
    float* to_z = sink_row(sinks[0], r, width);
    float* to_mean = sink_row(sinks[1], r, width);
    float* to_log_variance = sink_row(sinks[2], r, width);
    const float g = gradient[r];
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const float distance = z[j] - mean[j];
      const float pull = g * distance * exponential(-log_variance[j]);
      to_z[j] -= pull;
      to_mean[j] += pull;
      to_log_variance[j] += 0.5F * (pull * distance - g);
    }
  }
}

void gaussian_kl(const Rows* operands, int64_t width, int64_t begin, int64_t end, float* out) {
  for (int64_t r = begin; r < end; ++r) {
    const float* q_mean = floats(operands[0], r, width);
    const float* q_log_variance = floats(operands[1], r, width);
    const float* p_mean = floats(operands[2], r, width);
    const float* p_log_variance = floats(operands[3], r, width);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; ++j) {
      const float distance = q_mean[j] - p_mean[j];
      const float log_ratio = q_log_variance[j] - p_log_variance[j];
      sum += exponential(log_ratio) + distance * distance * exponential(-p_log_variance[j]) - 1.0F -
             log_ratio;
    }
    out[r] = 0.5F * sum;
  }
}

void gaussian_kl_backward(const float* gradient, const Rows* operands, int64_t width, int64_t begin,
                          int64_t end, const Sink* sinks) {
  for (int64_t r = begin; r < end; ++r) {
    const float* q_mean = floats(operands[0], r, width);
    const float* q_log_variance = floats(operands[1], r, width);
    const float* p_mean = floats(operands[2], r, width);
    const float* p_log_variance = floats(operands[3], r, width);
    float* to_q_mean = sink_row(sinks[0], r, width);
    float* to_q_log_variance = sink_row(sinks[1], r, width);
    float* to_p_mean = sink_row(sinks[2], r, width);
    float* to_p_log_variance = sink_row(sinks[3], r, width);
    const float g = gradient[r];
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const float distance = q_mean[j] - p_mean[j];
      const float ratio = exponential(q_log_variance[j] - p_log_variance[j]);
      const float pull = distance * exponential(-p_log_variance[j]);
      to_q_mean[j] += g * pull;
      to_p_mean[j] -= g * pull;
      to_q_log_variance[j] += 0.5F * g * (ratio - 1.0F);
      to_p_log_variance[j] += 0.5F * g * (1.0F - ratio - pull * distance);
    }
  }
}

void column_sums(const Rows& values, int64_t width, int64_t begin, int64_t end, float* sum,
                 float* scratch) {
  for (int64_t j = 0; j < width; ++j) scratch[j] = 0;
  for (int64_t r = begin; r < end; ++r) add(values, r, width, scratch);
#pragma omp simd
  for (int64_t j = 0; j < width; ++j) sum[j] += scratch[j];
}

double sum_of_squares(const float* values, int64_t count) {
  double total = 0;
  for (int64_t first = 0; first < count; first += 4096) {
    const int64_t last = first + 4096 < count ? first + 4096 : count;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = first; i < last; ++i) sum += values[i] * values[i];
    total += static_cast<double>(sum);
  }
  return total;
}

void adam(const AdamStep& step, float gradient_scale, const float* gradient, float* value,
          float* first, float* second, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * gradient_scale;
    const float m = step.beta1 * first[i] + (1.0F - step.beta1) * g;
    const float v = step.beta2 * second[i] + (1.0F - step.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    value[i] -= step.rate * m / (__builtin_sqrtf(v) / step.root_correction + step.epsilon);
  }
}

// Philox 2x32 with ten rounds (Salmon et al. 2011): a random number from a key and a counter, so
// that any stretch of the sequence can be computed by itself.
CLADE_INLINE uint32_t philox(uint32_t counter_low, uint32_t counter_high, uint32_t key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product = static_cast<uint64_t>(counter_low) * 0xD256D193U;
    counter_low = static_cast<uint32_t>(product >> 32) ^ key ^ counter_high;
    counter_high = static_cast<uint32_t>(product);
    key += 0x9E3779B9U;
  }
  return counter_low;
}

// The number `i` of the random sequence `key`.
CLADE_INLINE uint32_t random_bits(uint64_t key, int64_t i) {
  return philox(static_cast<uint32_t>(i), static_cast<uint32_t>(key >> 32),
                static_cast<uint32_t>(key));
}

void binarise(const float* p, float* out, uint64_t key, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const uint32_t random = random_bits(key, i);
    const float uniform = static_cast<float>(static_cast<int32_t>(random >> 8)) * 0x1p-24F;
    out[i] = uniform < p[i] ? 1.0F : 0.0F;
  }
}

// The standard normal quantile at 1 - p for p in (0, 1/2], as sqrt(2) erfinv(1 - 2 p), by Giles'
// polynomials in w = -log(1 - (1 - 2 p)^2) (Approximating the erfinv function, 2010).
CLADE_INLINE float upper_quantile(float p) {
  const float w = -logarithm(4.0F * p * (1.0F - p));
  const float near = w - 2.5F;
  float centre = 2.81022636e-08F;
  centre = centre * near + 3.43273939e-07F;
  centre = centre * near - 3.5233877e-06F;
  centre = centre * near - 4.39150654e-06F;
  centre = centre * near + 2.1858087e-04F;
  centre = centre * near - 1.25372503e-03F;
  centre = centre * near - 4.17768164e-03F;
  centre = centre * near + 2.46640727e-01F;
  centre = centre * near + 1.50140941F;
  const float far = __builtin_sqrtf(w > 0 ? w : 0.0F) - 3.0F;
  float tail = -2.00214257e-04F;
  tail = tail * far + 1.00950558e-04F;
  tail = tail * far + 1.34934322e-03F;
  tail = tail * far - 3.67342844e-03F;
  tail = tail * far + 5.73950773e-03F;
  tail = tail * far - 7.6224613e-03F;
  tail = tail * far + 9.43887047e-03F;
  tail = tail * far + 1.00167406F;
  tail = tail * far + 2.83297682F;
  return 1.41421356F * (w < 5.0F ? centre : tail) * (1.0F - 2.0F * p);
}

void normals(float* out, uint64_t key, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const uint32_t random = random_bits(key, i);
    const auto size = static_cast<float>(static_cast<int32_t>(random & 0x7fffffffU));
    const float quantile = upper_quantile((size + 0.5F) * 0x1p-32F);
    out[i] = as_float(as_bits(quantile) ^ (random & 0x80000000U));
  }
}

}  // namespace

extern const Kernels CLADE_KERNELS;
const Kernels CLADE_KERNELS = {
    joined_forward,
    joined_moments,
    joined_gradient_moments,
    joined_backward,
    bernoulli_forward,
    bernoulli_backward,
    gaussian_log_prob,
    gaussian_kl,
    gaussian_log_prob_backward,
    gaussian_kl_backward,
    column_sums,
    sum_of_squares,
    adam,
    binarise,
    normals,
};

}  // namespace clade::ops
