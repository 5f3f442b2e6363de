#pragma once
#include <cstdint>
#include <string>

namespace clade {

/// What seconds were measured on: "AMD EPYC 9R14, 2 threads", or the CUDA device's name.
std::string machine_name(const std::string& device, int64_t threads);

}  // namespace clade
