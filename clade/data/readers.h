#pragma once
#include <torch/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

// Readers of data files. `where` names the file in messages. Whatever the bytes are, a reader
// returns or throws DataError; sizes are checked against the bytes there are before anything is
// allocated for them.

/// One array of numbers.
struct Array {
  torch::Tensor values;  ///< [N, ...] uint8 (also bool), int64 or float32 (float64 narrowed)
};

/// Rows of numbers and, where a column holds labels, those as they are written.
struct Table {
  std::vector<std::string> columns;  ///< Names of the D columns of numbers; "" without a header.
  torch::Tensor values;              ///< [N, D] float32; D = 0 where all columns are labels.
  std::vector<std::string> labels;   ///< [N], or empty where no column was asked for.
  std::string note;                  ///< What was left out and why; empty where nothing was.
};

/// IDX, the format of MNIST: uint8, int8, int16, int32, float32 and float64, big-endian.
Array parse_idx(std::string_view bytes, const std::string& where);

/// NumPy's .npy, versions 1 to 3: floating 2, 4 and 8 bytes, whole numbers and bool, either byte
/// order, C and Fortran order.
Array parse_npy(std::string_view bytes, const std::string& where);

/// The array called `entry` of NumPy's .npz, stored or deflated.
Array parse_npz(std::string_view bytes, const std::string& entry, const std::string& where);

/// The names of the arrays in a .npz.
std::vector<std::string> npz_names(std::string_view bytes, const std::string& where);

enum class Header { kGuess, kNo };

/// CSV after RFC 4180, separated by commas, semicolons or tabs, whichever splits the first line
/// most. `label_column` is a name, or a number that counts columns from 1; "" for none. All other
/// columns must be finite numbers. The first line is taken for a header where it holds
/// `label_column` or nothing numeric, or where numbers stand below its words and its own numbers
/// only count columns. An unnamed first column that counts the rows is left out, and noted. Where
/// there is a header and `wanted` names columns, they are taken, in that order, and no others.
Table parse_csv(std::string_view bytes, const std::string& label_column, const std::string& where,
                Header header = Header::kGuess, const std::vector<std::string>& wanted = {});

enum class Format { kIdx, kNpy, kNpz, kCsv };

/// A data file in memory, unpacked where it was gzipped.
struct DataFile {
  Format format;
  std::string bytes;
};

/// Reads `path` and tells its format from its content first, from its name second. Throws DataError
/// where the file is missing, empty, truncated or of no format above.
DataFile read_data_file(const std::string& path);

/// folder/name or folder/name.gz, whichever is there.
std::optional<std::filesystem::path> find_data_file(const std::filesystem::path& folder,
                                                    const std::string& name);

/// A file and the array of it to take: "cells.npz:counts" is {"cells.npz", "counts"}.
struct ArrayPath {
  std::string file;
  std::string entry;  ///< "" where none is named.
};
ArrayPath split_array_path(const std::string& path);

}  // namespace clade
