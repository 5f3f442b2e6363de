#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace clade {

enum class Format { kIdx, kNpy, kNpz, kMat, kH5ad, kCsv };

/// A data file in memory, unpacked where it was gzipped.
struct DataFile {
  Format format;
  std::string bytes;  ///< Only the first of a .mat or .h5ad file, whose reader takes its path.

  /// Whether it holds arrays with names.
  bool is_archive() const {
    return format == Format::kNpz || format == Format::kMat || format == Format::kH5ad;
  }
};

/// Reads `path` and tells its format from its content first, from its name second. What a header
/// announces is read or unpacked, and no more. Throws DataError where the file is missing, empty,
/// truncated, larger than memory or of no format above; of many others it says which and what to
/// do. So it does of a .mat or .h5ad file that is gzipped or a pipe.
DataFile read_data_file(const std::string& path);

/// folder/name or folder/name.gz, whichever is there.
std::optional<std::filesystem::path> find_data_file(const std::filesystem::path& folder,
                                                    const std::string& name);

/// A file and the array of it to take: "cells.npz:counts" is {"cells.npz", "counts"}, and so with
/// .mat and .h5ad.
struct ArrayPath {
  std::string file;
  std::string entry;  ///< "" where none is named.
};
ArrayPath split_array_path(const std::string& path);

}  // namespace clade
