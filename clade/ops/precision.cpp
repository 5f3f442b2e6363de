#include "clade/ops/precision.h"

#include <ATen/Context.h>

#include "clade/core/error.h"

#ifdef CLADE_WITH_ONEDNN
#include <dnnl.hpp>
#endif

namespace clade {
namespace {

thread_local Precision current = Precision::fp32;

bool has_fast_bf16(const torch::Device& device) {
  if (!device.is_cpu()) return true;
#ifdef CLADE_WITH_ONEDNN
  // Instruction sets are sets of bits: each holds those it extends.
  constexpr auto kBf16 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kBf16) == kBf16;
#else
  return false;
#endif
}

void allow_tf32(bool allowed) {
  at::globalContext().setAllowTF32CuBLAS(allowed);
  at::globalContext().setAllowTF32CuDNN(allowed);
}

// libtorch begins with TF32 forbidden in matrix products, but allowed in cuDNN's convolutions.
[[maybe_unused]] const bool begun_in_fp32 = (allow_tf32(false), true);

}  // namespace

at::ScalarType activation_type() {
  return current == Precision::bf16 ? torch::kBFloat16 : torch::kFloat32;
}

PrecisionScope::PrecisionScope(Precision precision)
    : before_(current), tf32_before_(at::globalContext().allowTF32CuBLAS()) {
  current = precision;
  allow_tf32(precision == Precision::tf32);
}

PrecisionScope::~PrecisionScope() {
  current = before_;
  allow_tf32(tf32_before_);
}

const std::vector<std::string>& precisions() {
  static const std::vector<std::string> names = {"fp32", "tf32", "bf16"};
  return names;
}

Precision precision_for(const std::string& key, const std::string& name,
                        const torch::Device& device) {
  if (name == "fp32") return Precision::fp32;
  if (name == "tf32") {
    if (!device.is_cuda()) throw ConfigError(key + ": tf32 is a CUDA device's; use fp32 or bf16");
    return Precision::tf32;
  }
  if (!has_fast_bf16(device)) {
    throw ConfigError(key + ": this machine's CPU has no bf16 products; use fp32");
  }
  return Precision::bf16;
}

}  // namespace clade
