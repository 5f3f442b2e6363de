#include "clade/core/random.h"

#include <ATen/ATen.h>

namespace clade {
namespace {

constexpr uint64_t kRowsSeed = 1957;  // Any constant does.

}  // namespace

Generator make_generator(uint64_t seed, const torch::Device& device) {
  // Cloning the default generator is the one way to make a generator for any device without
  // including that device's headers.
  Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

torch::Tensor random_rows(int64_t n, int64_t size, const torch::Device& device,
                          Generator& generator) {
  return torch::empty({n}, torch::dtype(torch::kInt64).device(device)).random_(0, size, generator);
}

torch::Tensor some_rows(const torch::Tensor& x, int64_t count) {
  if (x.size(0) <= count) return x;
  Generator generator = make_generator(kRowsSeed);
  const auto order = at::randperm(x.size(0), generator, at::kLong);
  return x.index_select(0, std::get<0>(order.slice(0, 0, count).sort()).to(x.device()));
}

uint64_t derive_seed(uint64_t seed, std::string_view purpose) {
  // FNV-1a over the purpose, then the finaliser of SplitMix64 over both.
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  uint64_t z = seed + hash + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace clade
