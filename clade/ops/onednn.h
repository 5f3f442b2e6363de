#pragma once
// Inside this room: what products by oneDNN share.
#include <torch/types.h>

#include <dnnl.hpp>

namespace clade::ops {

struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

/// This thread's.
inline OneDnn& onednn() {
  thread_local OneDnn cpu;
  return cpu;
}

/// float32 or bfloat16, which are all that fits_kernels() lets through.
inline dnnl::memory::data_type onednn_type(at::ScalarType type) {
  return type == torch::kBFloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}
inline dnnl::memory::data_type onednn_type(const torch::Tensor& t) {
  return onednn_type(t.scalar_type());
}

inline dnnl::memory onednn_memory(const dnnl::memory::desc& layout, const torch::Tensor& t) {
  return {layout, onednn().engine, t.data_ptr()};
}

}  // namespace clade::ops
