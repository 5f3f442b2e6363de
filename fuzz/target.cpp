// What libFuzzer calls; CLADE_READER names one of readers.h.
#include <cstddef>
#include <cstdint>

#include "fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  clade::fuzz::CLADE_READER({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
