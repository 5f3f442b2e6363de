#include "clade/formats/data_file.h"

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/gzip.h"

namespace clade {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::optional<Format> format_of_content(std::string_view bytes) {
  if (bytes.substr(0, 6) == "\x93NUMPY") return Format::kNpy;
  if (bytes.substr(0, 4) == "PK\3\4" || bytes.substr(0, 4) == "PK\5\6") return Format::kNpz;
  if (bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0) return Format::kIdx;
  if (bytes.substr(0, 2) == "\xff\xfe" || bytes.substr(0, 2) == "\xfe\xff") {
    return Format::kCsv;  // UTF-16
  }
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t';
  };
  for (const char c : bytes.substr(0, 4096)) {
    if (is_control(c)) return std::nullopt;
  }
  // Text in an encoding of its own is CSV only where it is not one of the other formats, cut short.
  const bool marked_binary =
      static_cast<unsigned char>(bytes.front()) >= 0x80 && bytes.substr(0, 3) != "\xef\xbb\xbf";
  return marked_binary ? std::nullopt : std::optional(Format::kCsv);
}

std::optional<Format> format_of_name(std::string name) {
  if (ends_with(name, ".gz")) name.resize(name.size() - 3);
  if (ends_with(name, ".npy")) return Format::kNpy;
  if (ends_with(name, ".npz")) return Format::kNpz;
  for (const char* end : {".idx", "-ubyte", "-int"}) {
    if (ends_with(name, end)) return Format::kIdx;
  }
  for (const char* end : {".csv", ".tsv", ".txt"}) {
    if (ends_with(name, end)) return Format::kCsv;
  }
  return std::nullopt;
}

}  // namespace

DataFile read_data_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    throw DataError("there is no file " + path + "; check the path");
  }
  std::string bytes = read_file(path);
  if (bytes.empty()) throw DataError(path + " is empty (0 bytes); copy or download it again");
  if (is_gzip(bytes)) {
    bytes = gunzip(bytes, path);
    if (bytes.empty()) throw DataError(path + " unpacks to nothing; copy or download it again");
  } else if (ends_with(path, ".gz")) {
    throw DataError(path + " is not a gzip file; copy or download it again, or drop the .gz");
  }
  if (bytes.substr(0, 8) == "\x89HDF\r\n\x1a\n") {
    throw DataError(path + " is HDF5 (.h5, .h5ad), which is not read; save its matrix with " +
                    "numpy.save");
  }
  // What looks like text but is called .npy is a broken .npy, and its reader says so best.
  const auto content = format_of_content(bytes);
  const auto name = format_of_name(path);
  if (content && (*content != Format::kCsv || !name)) return {*content, std::move(bytes)};
  if (name) return {*name, std::move(bytes)};
  throw DataError(path + " is of no known format; give .npy, .npz, IDX, CSV, TSV " +
                  "or a folder of PNG or JPEG images");
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
  const size_t colon = path.rfind(".npz:");
  if (colon == std::string::npos) return {path, ""};
  return {path.substr(0, colon + 4), path.substr(colon + 5)};
}

}  // namespace clade
