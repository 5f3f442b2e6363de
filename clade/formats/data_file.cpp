#include "clade/formats/data_file.h"

#include <limits>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/formats/foreign.h"
#include "clade/formats/gzip.h"
#include "clade/formats/h5ad.h"
#include "clade/formats/idx.h"
#include "clade/formats/jpeg.h"
#include "clade/formats/mat.h"
#include "clade/formats/npy_header.h"
#include "clade/formats/png.h"

namespace clade {
namespace {

std::optional<Format> format_of_content(std::string_view bytes) {
  if (bytes.substr(0, 6) == "\x93NUMPY") return Format::kNpy;
  if (bytes.substr(0, 4) == "PK\3\4" || bytes.substr(0, 4) == "PK\5\6") return Format::kNpz;
  if (bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0) return Format::kIdx;
  if (is_mat(bytes)) return Format::kMat;
  if (bytes.substr(0, 2) == "\xff\xfe" || bytes.substr(0, 2) == "\xfe\xff") {
    return Format::kCsv;  // UTF-16
  }
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t';
  };
  for (const char c : bytes.substr(0, 4096)) {
    if (is_control(c)) return std::nullopt;
  }
  // What begins with a byte of no character may be one of the other formats, cut short.
  for (const size_t length : {1, 2, 3, 4}) {
    if (is_utf8(bytes.substr(0, length))) return Format::kCsv;
  }
  return std::nullopt;
}

std::optional<Format> format_of_name(const std::string& path) {
  std::string name = in_small_letters(path);
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (name.ends_with(".npy")) return Format::kNpy;
  if (name.ends_with(".npz")) return Format::kNpz;
  for (const char* end : {".idx", "-ubyte", "-int"}) {
    if (name.ends_with(end)) return Format::kIdx;
  }
  for (const char* end : {".csv", ".tsv", ".txt"}) {
    if (name.ends_with(end)) return Format::kCsv;
  }
  return std::nullopt;
}

/// Whether a reader takes the path: a library reads the file.
bool is_read_by_path(Format format) {
  return format == Format::kMat || format == Format::kH5ad;
}

/// `start`: the first bytes of `path`, unpacked.
Format format_of(std::string_view start, const std::string& path) {
  if (is_png(start) || is_jpeg(start)) {
    throw DataError(path + " is one image; give the folder of images that it is in");
  }
  if (is_hdf5(start)) return Format::kH5ad;
  if (const auto foreign = foreign_format(start)) throw DataError(path + " is " + *foreign);
  // What looks like text but is called .npy is a broken .npy, and its reader says so best.
  const auto content = format_of_content(start);
  const auto name = format_of_name(path);
  if (content && (*content != Format::kCsv || !name)) return *content;
  if (name) return *name;
  throw DataError(path + " is of no known format; give .npy, .npz, .mat, .h5ad, IDX, CSV, TSV " +
                  "or a folder of PNG or JPEG images");
}

/// Bytes of the whole file by its header; boundless if it has none.
uint64_t announced(Format format, std::string_view start, const std::string& path) {
  if (format == Format::kNpy) return parse_npy_header(start, path).announced();
  if (format == Format::kIdx) return idx_announced(start, path);
  return std::numeric_limits<uint64_t>::max();
}

void check_announced(Format format, std::string_view start, uint64_t size,
                     const std::string& path) {
  const uint64_t expected = announced(format, start, path);
  if (size <= expected) return;
  throw DataError(path + " announces " + std::to_string(expected) + " bytes and holds " +
                  std::to_string(size) + ", too many; it is damaged: copy or write it again");
}

void refuse_packed(Format format, const std::string& path) {
  if (!is_read_by_path(format)) return;
  throw DataError(path + " is " + (format == Format::kMat ? "a MATLAB" : "an HDF5") +
                  " file in a pipe or gzipped, which is not read; give the file itself, unpacked");
}

}  // namespace

DataFile read_data_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    const bool relative = std::filesystem::path(path).is_relative();
    throw DataError("there is no file " + path +
                    (relative ? " in " + std::filesystem::current_path(ignored).string() : "") +
                    "; check the path");
  }
  // A pipe gives its bytes only once.
  const bool again = std::filesystem::is_regular_file(path, ignored);
  std::string bytes = again ? read_start(path, kMostHeaderBytes) : read_file(path);
  if (bytes.empty()) throw DataError(path + " is empty (0 bytes); copy or download it again");
  if (!is_gzip(bytes)) {
    if (path.ends_with(".gz")) {
      throw DataError(path + " is not a gzip file; copy or download it again, or drop the .gz");
    }
    const Format format = format_of(bytes, path);
    if (!again) refuse_packed(format, path);
    if (again && !is_read_by_path(format)) {
      check_announced(format, bytes, std::filesystem::file_size(path, ignored), path);
      bytes = read_file(path);
    }
    return {format, std::move(bytes)};
  }
  const std::string packed = again ? read_file(path) : std::move(bytes);
  const std::string start = gunzip_start(packed, kMostHeaderBytes, path);
  if (start.empty()) {
    gunzip(packed, path, /*most=*/0);  // says if it is damaged
    throw DataError(path + " unpacks to nothing; copy or download it again");
  }
  const Format format = format_of(start, path);
  refuse_packed(format, path);
  return {format, gunzip(packed, path, announced(format, start, path))};
}

std::optional<std::filesystem::path> find_data_file(const std::filesystem::path& folder,
                                                    const std::string& name) {
  std::error_code ignored;
  for (const char* end : {"", ".gz"}) {
    const std::filesystem::path path = folder / (name + end);
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return std::nullopt;
}

ArrayPath split_array_path(const std::string& path) {
  const std::string name = in_small_letters(path);
  for (const std::string archive : {".npz:", ".mat:", ".h5ad:"}) {
    const size_t found = name.rfind(archive);
    if (found == std::string::npos) continue;
    const size_t colon = found + archive.size() - 1;
    return {path.substr(0, colon), path.substr(colon + 1)};
  }
  return {path, ""};
}

}  // namespace clade
