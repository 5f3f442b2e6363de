#include "clade/ops/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <mutex>
#include <utility>
#include <vector>

#include "clade/ops/rows.h"

namespace clade {
namespace {

// Names a random sequence of its own.
uint64_t draw_key(Generator& generator) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

thread_local bool same_for_every_row = false;

// The shape to draw, of which `shape` is an expansion.
std::vector<int64_t> drawn(at::IntArrayRef shape) {
  auto own = shape.vec();
  if (same_for_every_row && own.size() > 1) own[own.size() - 2] = 1;
  return own;
}

}  // namespace

torch::Tensor draw_bits(const torch::Tensor& p, Generator& generator) {
  torch::NoGradGuard no_grad;
  if (!ops::is_cpu_float(p)) return torch::bernoulli(p, generator);
  const uint64_t key = draw_key(generator);
  const auto values = p.contiguous();
  auto bits = torch::empty(values.sizes(), values.options());
  const auto* from = values.data_ptr<float>();
  auto* to = bits.data_ptr<float>();
  parallel_for(values.numel(), ops::grain(1), [&](int64_t begin, int64_t end) {
    ops::kernels().binarise(from, to, key, begin, end);
  });
  return bits;
}

torch::Tensor draw_normals(at::IntArrayRef shape, const torch::Tensor& like, Generator& generator) {
  torch::NoGradGuard no_grad;
  auto noise = torch::empty(drawn(shape), like.options().requires_grad(false));
  if (!ops::is_cpu_float(noise)) return noise.normal_(0, 1, generator).expand(shape);
  const uint64_t key = draw_key(generator);
  auto* to = noise.data_ptr<float>();
  parallel_for(noise.numel(), ops::grain(1),
               [&](int64_t begin, int64_t end) { ops::kernels().normals(to, key, begin, end); });
  return noise.expand(shape);
}

torch::Tensor draw_uniforms(at::IntArrayRef shape, const torch::Tensor& like,
                            Generator& generator) {
  torch::NoGradGuard no_grad;
  return torch::empty(drawn(shape), like.options().requires_grad(false))
      .uniform_(0, 1, generator)
      .expand(shape);
}

SameForEveryRow::SameForEveryRow() : before_(std::exchange(same_for_every_row, true)) {}

SameForEveryRow::~SameForEveryRow() {
  same_for_every_row = before_;
}

Generator SameForEveryRow::of_part(const Generator& generator) {
  return same_for_every_row ? generator.clone() : generator;
}

}  // namespace clade
