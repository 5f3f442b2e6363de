#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

namespace clade {

// Readers of data files. `where` names the file in messages. Whatever the bytes are, a reader
// returns or throws DataError; sizes are checked against the bytes there are before anything is
// allocated for them.

/// One array of numbers, or of words.
struct Array {
  torch::Tensor values;                   ///< [N, ...] uint8 (also bool), int64, float32 or float64
  std::vector<std::string> columns = {};  ///< Names of the D columns of records; else none.
  std::vector<std::string> words = {};    ///< Of an array of words, whose values are undefined.
  std::string note = {};                  ///< What its reader found; may be empty.
  std::vector<std::string> rows = {};     ///< Names of the N rows, if the file has them.
};

}  // namespace clade
