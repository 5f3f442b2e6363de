#pragma once
#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>

namespace clade {

/// Named tensors and a text of metadata in one file, in the safetensors format: an eight-byte
/// header length, a JSON header, the raw data. Any safetensors reader opens it.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;  ///< On the CPU once read.
  std::string metadata;                          ///< JSON text; "" for none.
};

/// Writes all or nothing (see write_atomically).
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// Throws DataError naming the file when it is not a well-formed safetensors file.
TensorFile read_safetensors(const std::filesystem::path& path);

}  // namespace clade
