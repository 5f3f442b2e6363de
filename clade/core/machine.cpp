#include "clade/core/machine.h"

#include <dlfcn.h>

#include <array>
#include <fstream>

namespace clade {
namespace {

std::string processor_name() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

// From the driver, so that no header of CUDA is needed to build.
std::string cuda_name() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver != nullptr) {
    const auto initialise = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
    const auto name_of =
        reinterpret_cast<int (*)(char*, int, int)>(dlsym(driver, "cuDeviceGetName"));
    std::array<char, 256> name{};
    if (initialise != nullptr && name_of != nullptr && initialise(0) == 0 &&
        name_of(name.data(), static_cast<int>(name.size()), /*device=*/0) == 0) {
      return name.data();
    }
  }
  return "unknown CUDA device";
}

}  // namespace

std::string machine_name(const std::string& device, int64_t threads) {
  if (device == "cuda") return cuda_name();
  return processor_name() + ", " + std::to_string(threads) +
         (threads == 1 ? " thread" : " threads");
}

}  // namespace clade
