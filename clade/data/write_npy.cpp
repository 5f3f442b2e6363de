#include "clade/data/write_npy.h"

#include <string>

#include "clade/core/files.h"

namespace clade {

void write_npy(const std::filesystem::path& path, const torch::Tensor& values) {
  const auto data = values.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  std::string shape;
  for (const int64_t size : data.sizes()) shape += std::to_string(size) + ", ";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Format 1.0: magic, version and header length are 10 bytes; data start at a multiple of 64.
  constexpr size_t kPrefix = 10;
  constexpr size_t kAlignment = 64;
  const size_t padded = (kPrefix + header.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  header.resize(padded - kPrefix - 1, ' ');
  header += '\n';
  write_atomically(path, [&](std::ostream& out) {
    out.write("\x93NUMPY\x01\x00", 8);
    out.put(static_cast<char>(header.size() & 0xff)).put(static_cast<char>(header.size() >> 8));
    out << header;
    out.write(static_cast<const char*>(data.data_ptr()),
              static_cast<std::streamsize>(data.nbytes()));
  });
}

}  // namespace clade
