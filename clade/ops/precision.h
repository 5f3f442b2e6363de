#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

namespace clade {

/// What matrix products and convolutions are computed in. Sums, parameters, optimiser and densities
/// stay in float32.
enum class Precision {
  fp32,
  tf32,  ///< On CUDA devices: products of numbers with ten bits of mantissa, summed in float32.
  bf16,  ///< Products of bfloat16 numbers, summed in float32; activations are kept in bfloat16.
};

/// What activations between two products are kept in at the present precision.
at::ScalarType activation_type();

/// Sets the precision of products begun on this thread, else fp32, for as long as it lives. On CUDA
/// devices tf32 is libtorch's to allow, to all threads at once: let none ask for another meanwhile.
/// A thread of a backward pass, for which another waits, may: it leaves that as it finds it.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  Precision before_;
  bool tf32_before_;
};

/// The words settings call them by.
const std::vector<std::string>& precisions();

/// The precision called `name`. Throws ConfigError, naming the setting `key`, where `device` would
/// only emulate it, which is slower than fp32.
Precision precision_for(const std::string& key, const std::string& name,
                        const torch::Device& device);

}  // namespace clade
