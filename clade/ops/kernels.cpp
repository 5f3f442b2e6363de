// Compiled once for each instruction set with CLADE_KERNELS naming the result; see ops.cmake. Loops
// over registers of numbers, or plain ones that the compiler turns into vector code; and of other
// headers' functions only what is inlined for certain: the linker may keep one instruction set's
// copy of another for all.
#include "clade/ops/kernels.h"

#include <type_traits>

#include "clade/ops/lanes.h"
#include "clade/ops/layout_pass.h"

namespace clade::ops {
namespace {

template <ActivationKind kind>
using Kind = std::integral_constant<ActivationKind, kind>;
template <int64_t count>
using RowCount = std::integral_constant<int64_t, count>;

CLADE_INLINE int64_t row_of(const Rows& rows, int64_t r) {
  return rows.row == nullptr ? r : rows.row[r];
}

CLADE_INLINE const void* begin_of(const Rows& rows, int64_t r, int64_t width) {
  const int64_t offset = row_of(rows, r) * width;
  if (rows.bf16) return static_cast<const uint16_t*>(rows.data) + offset;
  return static_cast<const float*>(rows.data) + offset;
}

template <class L>
CLADE_INLINE Lanes lanes_of(const void* row, bool bf16, int64_t j, L lanes) {
  if (bf16) return from_bf16(read<HalfLanes>(static_cast<const uint16_t*>(row) + j, lanes));
  return read<Lanes>(static_cast<const float*>(row) + j, lanes);
}

template <class L>
CLADE_INLINE void put_lanes(Lanes values, void* row, bool bf16, int64_t j, L lanes) {
  if (bf16) return write(to_bf16(values), static_cast<uint16_t*>(row) + j, lanes);
  write(values, static_cast<float*>(row) + j, lanes);
}

template <class L>
CLADE_INLINE void add_lanes(Lanes values, float* to, L lanes) {
  write(read<Lanes>(to, lanes) + values, to, lanes);
}

CLADE_INLINE void load(const Rows& rows, int64_t r, int64_t width, float* to) {
  const void* row = begin_of(rows, r, width);
  by_lanes(
      width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
        write(lanes_of(row, rows.bf16, j, lanes), to + j, lanes);
      });
}

CLADE_INLINE void add(const Rows& rows, int64_t r, int64_t width, float* to) {
  const void* row = begin_of(rows, r, width);
  by_lanes(
      width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
        add_lanes(lanes_of(row, rows.bf16, j, lanes), to + j, lanes);
      });
}

CLADE_INLINE void store(const float* from, void* to, bool bf16, int64_t r, int64_t width) {
  by_lanes(
      width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
        put_lanes(read<Lanes>(from + j, lanes), to, bf16, r * width + j, lanes);
      });
}

// Where the numbers of one row of every part begin.
struct PartRows {
  const void* at[kMostParts];
};

CLADE_INLINE PartRows parts_of(const JoinedRows& joined, int64_t r) {
  PartRows rows{};
  for (int i = 0; i < joined.count; ++i) rows.at[i] = begin_of(joined.parts[i], r, joined.width);
  return rows;
}

// The sum inside JoinedRows.
template <class L>
CLADE_INLINE Lanes joined_lanes(const JoinedRows& joined, const PartRows& rows, int64_t j,
                                L lanes) {
  Lanes h = lanes_of(rows.at[0], joined.parts[0].bf16, j, lanes);
  for (int i = 1; i < joined.count; ++i) {
    h += lanes_of(rows.at[i], joined.parts[i].bf16, j, lanes);
  }
  if (joined.bias != nullptr) h += read<Lanes>(joined.bias + j, lanes);
  return h;
}

template <class L>
CLADE_INLINE Lanes mapped(const JoinedRows& joined, Lanes h, int64_t j, L lanes) {
  if (joined.scale == nullptr) return h;
  return read<Lanes>(joined.scale + j, lanes) * h + read<Lanes>(joined.shift + j, lanes);
}

// An activation reads one number of a row, a gated one its value and its gate, half a row apart.
template <ActivationKind kind>
constexpr int kInputs = kind == ActivationKind::gated ? 2 : 1;

template <ActivationKind kind>
CLADE_INLINE Lanes activated(const Lanes* in) {
  const Lanes x = in[0];
  if constexpr (kind == ActivationKind::relu) return x < 0.0F ? 0.0F : x;
  if constexpr (kind == ActivationKind::leaky_relu) return x < 0.0F ? kLeak * x : x;
  if constexpr (kind == ActivationKind::tanh) return hyperbolic_tangent(x);
  if constexpr (kind == ActivationKind::elu) return x > 0.0F ? x : exponential(x) - 1.0F;
  if constexpr (kind == ActivationKind::gated) return x * sigmoid(in[1]);
  return x;
}

// d = the gradient of what the activation read, from that of what it gave.
template <ActivationKind kind>
CLADE_INLINE void gradient_lanes(const Lanes* in, Lanes g, Lanes* d) {
  const Lanes x = in[0];
  d[0] = g;
  if constexpr (kind == ActivationKind::relu) d[0] = x > 0.0F ? g : 0.0F;
  if constexpr (kind == ActivationKind::leaky_relu) d[0] = x > 0.0F ? g : kLeak * g;
  if constexpr (kind == ActivationKind::tanh) {
    const Lanes t = hyperbolic_tangent(x);
    d[0] = g * (1.0F - t * t);
  }
  if constexpr (kind == ActivationKind::elu) d[0] = x > 0.0F ? g : g * exponential(x);
  if constexpr (kind == ActivationKind::gated) {
    const Lanes s = sigmoid(in[1]);
    d[0] = g * s;
    d[1] = d[0] * x * (1.0F - s);
  }
}

// What the gradient of one stretch of a row is made of: the sums h and the gradients d before the
// affine map, [kInputs].
template <ActivationKind kind, class L>
CLADE_INLINE void differentiated(const JoinedRows& joined, const PartRows& rows, const void* g,
                                 bool g_bf16, int64_t j, L lanes, Lanes* h, Lanes* d) {
  const int64_t half = joined.width / 2;
  Lanes in[kInputs<kind>];
  for (int i = 0; i < kInputs<kind>; ++i) {
    h[i] = joined_lanes(joined, rows, j + i * half, lanes);
    in[i] = mapped(joined, h[i], j + i * half, lanes);
  }
  gradient_lanes<kind>(in, lanes_of(g, g_bf16, j, lanes), d);
}

template <ActivationKind kind>
void forward_of(const JoinedRows& joined, int64_t begin, int64_t end, void* out, bool out_bf16) {
  const int64_t half = joined.width / 2;
  const int64_t out_width = joined.width / kInputs<kind>;
  for (int64_t r = begin; r < end; ++r) {
    const PartRows rows = parts_of(joined, r);
    by_lanes(
        out_width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
          Lanes in[kInputs<kind>];
          for (int i = 0; i < kInputs<kind>; ++i) {
            const int64_t column = j + i * half;
            in[i] = mapped(joined, joined_lanes(joined, rows, column, lanes), column, lanes);
          }
          put_lanes(activated<kind>(in), out, out_bf16, r * out_width + j, lanes);
        });
  }
}

// Float sums over a few rows are exact enough; the sums of those are kept in double.
constexpr int64_t kRowsPerSum = 32;
// Rows that share one read and write of such a sum.
constexpr int64_t kRowsAtOnce = 4;

CLADE_INLINE void flush(float* from, double* to, int64_t width) {
  for (int64_t j = 0; j < width; ++j) {
    to[j] += static_cast<double>(from[j]);
    from[j] = 0;
  }
}

// add(r, count) over stretches of `count` rows, an integral constant, to two sums in scratch that
// move on to `first` and `second` before they are of too many rows.
template <class F>
CLADE_INLINE void sum_rows(int64_t begin, int64_t end, int64_t width, double* first, double* second,
                           float* scratch, const F& add) {
  for (int64_t j = 0; j < 2 * width; ++j) scratch[j] = 0;
  for (int64_t r = begin; r < end;) {
    const int64_t last = r + kRowsPerSum < end ? r + kRowsPerSum : end;
    for (; r + kRowsAtOnce <= last; r += kRowsAtOnce) add(r, RowCount<kRowsAtOnce>{});
    for (; r < last; ++r) add(r, RowCount<1>{});
    flush(scratch, first, width);
    flush(scratch + width, second, width);
  }
}

// How often each row counts. Rows that count alike read one number over and over: a choice between
// that and memory at each row becomes a masked load, which at a null pointer takes hundreds of
// cycles although it reads nothing.
class Shares {
 public:
  explicit Shares(const JoinedRows& joined)
      : at_(joined.share == nullptr ? &kAlike : joined.share),
        step_(joined.share == nullptr ? 0 : 1) {}
  float operator[](int64_t r) const { return at_[r * step_]; }

 private:
  static constexpr float kAlike = 1;
  const float* at_;
  int64_t step_;
};

void joined_moments(const JoinedRows& joined, int64_t begin, int64_t end, const float* centre,
                    double* sum, double* square, float* scratch) {
  const int64_t width = joined.width;
  const Shares shares(joined);
  const auto add = [&]<int64_t N>(int64_t r, RowCount<N>) __attribute__((always_inline)) {
    PartRows rows[N];
    float share[N];
    for (int64_t i = 0; i < N; ++i) {
      rows[i] = parts_of(joined, r + i);
      share[i] = shares[r + i];
    }
    by_lanes(
        width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
          const Lanes c = read<Lanes>(centre + j, lanes);
          Lanes s = read<Lanes>(scratch + j, lanes);
          Lanes q = read<Lanes>(scratch + width + j, lanes);
          for (int64_t i = 0; i < N; ++i) {
            const Lanes x = joined_lanes(joined, rows[i], j, lanes) - c;
            s += share[i] * x;
            q += share[i] * x * x;
          }
          write(s, scratch + j, lanes);
          write(q, scratch + width + j, lanes);
        });
  };
  sum_rows(begin, end, width, sum, square, scratch, add);
}

template <ActivationKind kind>
void gradient_moments_of(const JoinedRows& joined, const Rows& gradient, int64_t begin, int64_t end,
                         const float* centre, double* sum, double* product, float* scratch) {
  const int64_t width = joined.width;
  const int64_t out_width = width / kInputs<kind>;
  const auto add = [&]<int64_t N>(int64_t r, RowCount<N>) __attribute__((always_inline)) {
    PartRows rows[N];
    const void* g[N];
    for (int64_t i = 0; i < N; ++i) {
      rows[i] = parts_of(joined, r + i);
      g[i] = begin_of(gradient, r + i, out_width);
    }
    by_lanes(
        out_width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
          Lanes c[kInputs<kind>], s[kInputs<kind>], p[kInputs<kind>];
          for (int k = 0; k < kInputs<kind>; ++k) {
            const int64_t column = j + k * (width / 2);
            c[k] = read<Lanes>(centre + column, lanes);
            s[k] = read<Lanes>(scratch + column, lanes);
            p[k] = read<Lanes>(scratch + width + column, lanes);
          }
          for (int64_t i = 0; i < N; ++i) {
            Lanes h[kInputs<kind>], d[kInputs<kind>];
            differentiated<kind>(joined, rows[i], g[i], gradient.bf16, j, lanes, h, d);
            for (int k = 0; k < kInputs<kind>; ++k) {
              s[k] += d[k];
              p[k] += d[k] * (h[k] - c[k]);
            }
          }
          for (int k = 0; k < kInputs<kind>; ++k) {
            const int64_t column = j + k * (width / 2);
            write(s[k], scratch + column, lanes);
            write(p[k], scratch + width + column, lanes);
          }
        });
  };
  sum_rows(begin, end, width, sum, product, scratch, add);
}

template <ActivationKind kind>
void backward_of(const JoinedRows& joined, const Rows& gradient, const NormGradient& norm,
                 int64_t begin, int64_t end, void* full, bool full_bf16, const Sink* sinks,
                 int sink_count) {
  const int64_t width = joined.width;
  const int64_t out_width = width / kInputs<kind>;
  const Shares shares(joined);
  for (int64_t r = begin; r < end; ++r) {
    const PartRows rows = parts_of(joined, r);
    const void* g = begin_of(gradient, r, out_width);
    const float share = shares[r];
    float* sums[kMostSinks];
    for (int s = 0; s < sink_count; ++s) {
      sums[s] = sinks[s].sum + (sinks[s].row == nullptr ? 0 : sinks[s].row[r]) * width;
    }
    by_lanes(
        out_width, [&](int64_t j, auto lanes) __attribute__((always_inline)) {
          Lanes h[kInputs<kind>], d[kInputs<kind>];
          differentiated<kind>(joined, rows, g, gradient.bf16, j, lanes, h, d);
          for (int k = 0; k < kInputs<kind>; ++k) {
            const int64_t column = j + k * (width / 2);
            if (norm.by_gradient != nullptr) {
              d[k] = read<Lanes>(norm.by_gradient + column, lanes) * d[k] +
                     share * (read<Lanes>(norm.by_value + column, lanes) * h[k] +
                              read<Lanes>(norm.constant + column, lanes));
            }
            if (full != nullptr) put_lanes(d[k], full, full_bf16, r * width + column, lanes);
            for (int s = 0; s < sink_count; ++s) {
              add_lanes(d[k], sums[s] + column, lanes);
            }
          }
        });
  }
}

// f with the kind as a type, so that each has loops of its own.
template <class F>
CLADE_INLINE void by_kind(ActivationKind kind, const F& f) {
  switch (kind) {
    case ActivationKind::identity:
      return f(Kind<ActivationKind::identity>{});
    case ActivationKind::relu:
      return f(Kind<ActivationKind::relu>{});
    case ActivationKind::leaky_relu:
      return f(Kind<ActivationKind::leaky_relu>{});
    case ActivationKind::tanh:
      return f(Kind<ActivationKind::tanh>{});
    case ActivationKind::elu:
      return f(Kind<ActivationKind::elu>{});
    case ActivationKind::gated:
      return f(Kind<ActivationKind::gated>{});
  }
}

void joined_forward(const JoinedRows& joined, int64_t begin, int64_t end, void* out,
                    bool out_bf16) {
  by_kind(joined.kind, [&]<ActivationKind kind>(Kind<kind>) {
    forward_of<kind>(joined, begin, end, out, out_bf16);
  });
}

void joined_gradient_moments(const JoinedRows& joined, const Rows& gradient, int64_t begin,
                             int64_t end, const float* centre, double* sum, double* product,
                             float* scratch) {
  by_kind(joined.kind, [&]<ActivationKind kind>(Kind<kind>) {
    gradient_moments_of<kind>(joined, gradient, begin, end, centre, sum, product, scratch);
  });
}

void joined_backward(const JoinedRows& joined, const Rows& gradient, const NormGradient& norm,
                     int64_t begin, int64_t end, void* full, bool full_bf16, const Sink* sinks,
                     int sink_count) {
  by_kind(joined.kind, [&]<ActivationKind kind>(Kind<kind>) {
    backward_of<kind>(joined, gradient, norm, begin, end, full, full_bf16, sinks, sink_count);
  });
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

constexpr float kLast = 255;  // the last level
constexpr float kHalf = 0.5F / kLast;

// The cell of x's level in a logistic distribution, its sides and width in units of the scale.
struct Cell {
  float below, above, width, inverse_scale;
  float has_below, has_above;  // 0 for the side that an outermost cell does not have, else 1
};

CLADE_INLINE Cell cell_of(float x, float location, float log_scale) {
  const float rounded = (x * kLast + kRounding) - kRounding;
  const float level = (rounded < 0.0F ? 0.0F : (rounded > kLast ? kLast : rounded)) / kLast;
  const float inverse_scale = exponential(-log_scale);
  return {(level - kHalf - location) * inverse_scale,
          (level + kHalf - location) * inverse_scale,
          2 * kHalf * inverse_scale,
          inverse_scale,
          level > 0.0F ? 1.0F : 0.0F,
          level < 1.0F ? 1.0F : 0.0F};
}

// log(1 - e^-d) for d > 0; near 0 the difference would lose d's digits.
CLADE_INLINE float log_one_minus_exponential(float d) {
  return logarithm(d < 0.5F ? d * exponential_slope(-d) : 1.0F - bounded_exponential(-d));
}

// d / (e^d - 1) for d > 0, likewise.
CLADE_INLINE float over_exponential_minus_one(float d) {
  const float e = bounded_exponential(-d);
  return d < 0.5F ? 1.0F / exponential_slope(d) : d * e / (1.0F - e);
}

// log of sigmoid(above) sigmoid(-below) (1 - e^(below - above)).
void discretised_logistic_log_prob(const Rows* operands, int64_t width, int64_t begin, int64_t end,
                                   float* out) {
  for (int64_t r = begin; r < end; ++r) {
    const float* x = floats(operands[0], r, width);
    const float* location = floats(operands[1], r, width);
    const float* log_scale = floats(operands[2], r, width);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; ++j) {
      const Cell cell = cell_of(x[j], location[j], log_scale[j]);
      // An outermost cell has no outer side, and of the product the factor without it.
      sum += cell.has_below * cell.has_above * log_one_minus_exponential(cell.width) -
             cell.has_above * softplus(-cell.above) - cell.has_below * softplus(cell.below);
    }
    out[r] = sum;
  }
}

void discretised_logistic_log_prob_backward(const float* gradient, const Rows* operands,
                                            int64_t width, int64_t begin, int64_t end,
                                            const Sink* sinks) {
  for (int64_t r = begin; r < end; ++r) {
    const float* x = floats(operands[0], r, width);
    const float* location = floats(operands[1], r, width);
    const float* log_scale = floats(operands[2], r, width);
    float* to_location = sink_row(sinks[1], r, width);
    float* to_log_scale = sink_row(sinks[2], r, width);
    const float g = gradient[r];
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const Cell cell = cell_of(x[j], location[j], log_scale[j]);
      const float up = cell.has_above * sigmoid(-cell.above);
      const float down = cell.has_below * sigmoid(cell.below);
      const float inner = cell.has_below * cell.has_above * over_exponential_minus_one(cell.width);
      to_location[j] += g * cell.inverse_scale * (down - up);
      to_log_scale[j] += g * (cell.below * down - cell.above * up - inner);
    }
  }
}

void column_sums(const Rows& values, int64_t width, int64_t begin, int64_t end, float* sum) {
  for (int64_t r = begin; r < end; ++r) add(values, r, width, sum);
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
    {gaussian_log_prob, gaussian_log_prob_backward},
    {gaussian_kl, gaussian_kl_backward},
    {discretised_logistic_log_prob, discretised_logistic_log_prob_backward},
    column_sums,
    sum_of_squares,
    adam,
    binarise,
    normals,
    layout_pass,
};

}  // namespace clade::ops
