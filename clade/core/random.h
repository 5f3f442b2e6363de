#pragma once
#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <string_view>

namespace clade {

/// Everything random takes one of these; nothing draws from torch's global generator.
using Generator = at::Generator;

/// A generator on `device`. The same seed, device and thread count give the same numbers.
Generator make_generator(uint64_t seed, const torch::Device& device = torch::kCPU);

/// n whole numbers from 0 to size − 1, each as likely: int64 [n], on `device`, the generator's.
torch::Tensor random_rows(int64_t n, int64_t size, const torch::Device& device,
                          Generator& generator);

/// As many rows of x, [N, …], as `count` at most: all of them, in their order, or some drawn by a
/// seed that is the same everywhere, for x may be sorted. -> [min(N, count), …]
torch::Tensor some_rows(const torch::Tensor& x, int64_t count);

/// An independent seed for one purpose ("init", "split", …), so that adding a draw for one purpose
/// leaves the numbers of all others alone.
uint64_t derive_seed(uint64_t seed, std::string_view purpose);

}  // namespace clade
