#pragma once
// The loops under the operations of this room, on plain memory. kernels.cpp is compiled once for
// each instruction set; `kernels()` gives the best one that the machine has.
#include <cstdint>
#include <vector>

namespace clade::ops {

/// Rows of float32 or bfloat16 numbers. `row` maps a row of the result to the row read here, so
/// that a broadcast operand is never copied out; null: the same row.
struct Rows {
  const void* data;
  bool bf16;
  const int32_t* row;
};

enum class ActivationKind { identity, relu, leaky_relu, tanh, elu, gated };

constexpr float kLeak = 0.1F;  // the slope of leaky_relu below zero

constexpr int kMostParts = 8;
constexpr int kMostSinks = kMostParts + 1;  // and one for the bias

/// act(scale ⊙ (Σ parts + bias) + shift), row by row. A gated row of `width` gives width / 2.
struct JoinedRows {
  const Rows* parts;  // at most kMostParts
  int count;
  const float* bias;  // [width] or null
  int64_t width;
  const float* scale;  // [width] or null, with shift: batch normalisation as an affine map
  const float* shift;
  ActivationKind kind;
  /// [rows] or null: how often each row counts in the moments of all, once on average.
  const float* share = nullptr;
};

/// Where a row of the gradient is added: row `row[r]` of `sum`, [.., width]; row 0 if null.
struct Sink {
  float* sum;
  const int32_t* row;
};

/// The gradient of the sum inside JoinedRows is by_gradient ⊙ d + share (by_value ⊙ h + constant),
/// where d is the gradient before the affine map and h the sum itself; all null: d.
struct NormGradient {
  const float* by_gradient;  // [width]
  const float* by_value;
  const float* constant;
};

/// Constants of one Adam step.
struct AdamStep {
  float beta1, beta2, epsilon;
  float rate;             // learning rate over the first moment's bias correction
  float root_correction;  // square root of the second moment's bias correction
};

/// Positions of a layout have a whole number of these numbers, the last of them zeros.
constexpr int64_t kLayoutLanes = 16;
constexpr int64_t kMostLayoutPushes = 8;

/// A pass over edges of a graph of neighbours whose points are laid out: an edge pulls at both its
/// ends, and points drawn at random push its head from where they were before the pass.
struct LayoutPass {
  const int32_t* head;  // of each edge
  const int32_t* tail;
  const float* share;   // of the passes, in which an edge is taken
  float* position;      // [points, stride]
  const float* before;  // the same before the pass
  int64_t points;
  int64_t stride;
  int64_t number;  // of passes before this one
  int64_t pushes;  // an edge, at most kMostLayoutPushes
  float a, b;      // points at distance d are as likely neighbours as 1 / (1 + a d^2b)
  float step;
  uint64_t key;  // of the random numbers
};

// Rows begin to end; scratch has kScratchRows * width floats.
constexpr int64_t kScratchRows = 2;

/// A density or divergence summed over a row, of operands that are rows of float32.
struct RowDensity {
  void (*forward)(const Rows* operands, int64_t width, int64_t begin, int64_t end, float* out);
  /// Its gradients, one sink an operand. A sink without a row map is written, not added to: its row
  /// r.
  void (*backward)(const float* gradient, const Rows* operands, int64_t width, int64_t begin,
                   int64_t end, const Sink* sinks);
};

struct Kernels {
  void (*joined_forward)(const JoinedRows&, int64_t begin, int64_t end, void* out, bool out_bf16);
  /// Adds to sum and square, [width], those of (row - centre).
  void (*joined_moments)(const JoinedRows&, int64_t begin, int64_t end, const float* centre,
                         double* sum, double* square, float* scratch);
  /// Adds to sum and product, [width], the gradient d and d ⊙ (h − centre).
  void (*joined_gradient_moments)(const JoinedRows&, const Rows& gradient, int64_t begin,
                                  int64_t end, const float* centre, double* sum, double* product,
                                  float* scratch);
  /// Writes the gradient of the sum to `full` where that is not null and adds it to the sinks.
  void (*joined_backward)(const JoinedRows&, const Rows& gradient, const NormGradient&,
                          int64_t begin, int64_t end, void* full, bool full_bf16, const Sink* sinks,
                          int sink_count);

  void (*bernoulli_forward)(const Rows& logits, const Rows& x, int64_t width, int64_t begin,
                            int64_t end, float* out, float* scratch);
  void (*bernoulli_backward)(const float* gradient, const Rows& logits, const Rows& x,
                             int64_t width, int64_t begin, int64_t end, void* out, bool out_bf16,
                             float* scratch);

  RowDensity gaussian_log_prob;  ///< log N(z; mean, log variance).
  RowDensity gaussian_kl;  ///< KL(q ‖ p) of mean, log variance of q, mean, log variance of p.
  /// log P(level nearest to x; location, log scale), of levels k / 255.
  RowDensity discretised_logistic_log_prob;

  /// Adds rows begin to end to sum, [width].
  void (*column_sums)(const Rows& values, int64_t width, int64_t begin, int64_t end, float* sum);

  double (*sum_of_squares)(const float* values, int64_t count);
  void (*adam)(const AdamStep&, float gradient_scale, const float* gradient, float* value,
               float* first, float* second, int64_t count);

  /// out[i] = 1 where the number `i` of the random sequence `key` is below p[i], else 0.
  void (*binarise)(const float* p, float* out, uint64_t key, int64_t begin, int64_t end);
  /// out[i] = the standard normal number that the number `i` of the random sequence `key` gives.
  void (*normals)(float* out, uint64_t key, int64_t begin, int64_t end);

  /// Edges begin to end, one after another.
  void (*layout_pass)(const LayoutPass&, int64_t begin, int64_t end);
};

/// Those this machine can run, best first.
std::vector<const Kernels*> kernel_sets();
const Kernels& kernels();

}  // namespace clade::ops
