#pragma once
#include <torch/types.h>

namespace clade {

// Readers of data files. `where` names the file in messages. Whatever the bytes are, a reader
// returns or throws DataError; sizes are checked against the bytes there are before anything is
// allocated for them.

/// One array of numbers.
struct Array {
  torch::Tensor values;  ///< [N, ...] uint8 (also bool), int64, float32 or float64
};

}  // namespace clade
