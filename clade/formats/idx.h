#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "clade/formats/array.h"

namespace clade {

/// IDX, the format of MNIST: uint8, int8, int16, int32, float32 and float64, big-endian.
Array parse_idx(std::string_view bytes, const std::string& where);

/// Bytes of the whole file, as its header announces them, which is all that `start` must hold.
uint64_t idx_announced(std::string_view start, const std::string& where);

}  // namespace clade
