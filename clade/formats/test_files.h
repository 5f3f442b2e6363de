#pragma once
#include <gtest/gtest.h>

#ifdef CLADE_WITH_ZLIB
#include <zlib.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace clade::testing {

// Data files written by hand, byte by byte, for the tests of this room. Little-endian machines
// only.

/// A folder that lives as long as this.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "clade-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

/// That `call` throws Expected and its one line holds every one of `parts`.
template <class Expected, class Call>
void expect_error(Call call, std::initializer_list<const char*> parts) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Expected& error) {
    const std::string message = error.what();
    for (const char* part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in: " << message;
    }
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

template <class T>
std::string little(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) {
    char one[sizeof(T)];
    std::memcpy(one, &value, sizeof(T));
    bytes.append(one, sizeof(T));
  }
  return bytes;
}

template <class T>
std::string big(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) {
    std::string one = little<T>({value});
    std::reverse(one.begin(), one.end());
    bytes += one;
  }
  return bytes;
}

inline std::string idx_bytes(char type, std::initializer_list<uint32_t> shape,
                             const std::string& payload) {
  return std::string("\0\0", 2) + type + static_cast<char>(shape.size()) + big<uint32_t>(shape) +
         payload;
}

inline std::string npy_bytes(const std::string& header, const std::string& payload,
                             char version = 1) {
  const std::string line = header + "\n";
  const std::string length = version == 1 ? little<uint16_t>({static_cast<uint16_t>(line.size())})
                                          : little<uint32_t>({static_cast<uint32_t>(line.size())});
  return std::string("\x93NUMPY") + version + '\0' + length + line + payload;
}

inline std::string npy_header(const std::string& descr, const std::string& shape,
                              bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

#ifdef CLADE_WITH_ZLIB
/// Compressed by zlib: a gzip file, or (window -15) a bare deflate stream.
inline std::string deflated(const std::string& bytes, int window = 31) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// A PNG by its chunks. `lines`: for each of `height` rows a filter byte, 0, and its packed pixels;
/// `before` stands between the header and the pixels.
inline std::string png_bytes(uint32_t width, uint32_t height, char depth, char colour_type,
                             const std::string& lines, const std::string& before = "") {
  const auto chunk = [](const std::string& type, const std::string& content) {
    const std::string body = type + content;
    return big<uint32_t>({static_cast<uint32_t>(content.size())}) + body +
           big<uint32_t>({static_cast<uint32_t>(crc32(
               0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())))});
  };
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR",
               big<uint32_t>({width, height}) + depth + colour_type + std::string("\0\0\0", 3)) +
         (before.empty() ? "" : chunk(before.substr(0, 4), before.substr(4))) +
         chunk("IDAT", deflated(lines, 15)) + chunk("IEND", "");
}

/// 8 bits grey, row by row.
inline std::string grey_png(uint32_t width, uint32_t height, const std::string& pixels) {
  std::string lines;
  for (uint32_t row = 0; row < height; ++row) lines += '\0' + pixels.substr(row * width, width);
  return png_bytes(width, height, 8, 0, lines);
}

inline std::string zip_bytes(const std::vector<std::pair<std::string, std::string>>& entries,
                             bool deflate) {
  std::string bytes;
  std::string directory;
  for (const auto& [name, content] : entries) {
    const std::string packed = deflate ? deflated(content, -15) : content;
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(content.data()),
                                                 static_cast<uInt>(content.size())));
    const std::string common = little<uint16_t>({0, static_cast<uint16_t>(deflate ? 8 : 0), 0, 0}) +
                               little<uint32_t>({crc, static_cast<uint32_t>(packed.size()),
                                                 static_cast<uint32_t>(content.size())}) +
                               little<uint16_t>({static_cast<uint16_t>(name.size())});
    // The entry's own header has an extra field that its directory record lacks, as NumPy writes.
    directory += "PK\1\2" + little<uint16_t>({20, 20}) + common + little<uint16_t>({0, 0, 0, 0}) +
                 little<uint32_t>({0, static_cast<uint32_t>(bytes.size())}) + name;
    bytes += "PK\3\4" + little<uint16_t>({20}) + common + little<uint16_t>({8}) + name +
             std::string("\1\0\4\0abcd", 8) + packed;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  return bytes + directory + "PK\5\6" + little<uint16_t>({0, 0, count, count}) +
         little<uint32_t>(
             {static_cast<uint32_t>(directory.size()), static_cast<uint32_t>(bytes.size())}) +
         little<uint16_t>({0});
}
#endif

}  // namespace clade::testing
