#pragma once
#include <torch/types.h>

#include <filesystem>

namespace clade {

/// Writes a tensor of any shape as float32 .npy, all or nothing.
void write_npy(const std::filesystem::path& path, const torch::Tensor& values);

}  // namespace clade
