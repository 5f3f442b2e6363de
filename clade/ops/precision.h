#pragma once
#include <torch/types.h>

namespace clade {

/// What matrix products are computed in. Sums, parameters, optimiser and densities stay in float32.
enum class Precision {
  fp32,
  bf16,  ///< Products of bfloat16 numbers, summed in float32; activations are kept in bfloat16.
};

/// The precision of products begun on this thread; fp32 unless a PrecisionScope says otherwise.
Precision precision();

/// What activations between two products are kept in at the present precision.
at::ScalarType activation_type();

/// Sets this thread's precision for as long as it lives.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  Precision before_;
};

/// Whether products in bf16 gain anything on `device`; where not, they are emulated, and slower.
bool has_fast_bf16(const torch::Device& device);

}  // namespace clade
