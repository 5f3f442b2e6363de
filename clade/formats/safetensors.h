#pragma once
#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>

namespace clade {

/// Named tensors and a text of metadata in one file, in the safetensors format: an eight-byte
/// header length, a JSON header, the raw data. Any safetensors reader opens it. Its metadata also
/// hold an MD5 of everything else, for a bit flipped in a weight shows nowhere else.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;  ///< On the CPU once read.
  std::string metadata;                          ///< JSON text; "" for none.
};

/// Writes all or nothing (see write_atomically), lasting over a power cut.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// Throws DataError naming the file when it is not a well-formed safetensors file, or not the one
/// its checksum is of; files of 0.1.0 have none.
TensorFile read_safetensors(const std::filesystem::path& path);

/// The metadata alone, without the tensors, and unchecked. Throws as read_safetensors().
std::string read_safetensors_metadata(const std::filesystem::path& path);

}  // namespace clade
