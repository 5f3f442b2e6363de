#include "clade/formats/gzip.h"

#include "clade/core/error.h"

#ifdef CLADE_WITH_ZLIB
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "clade/core/memory.h"
#endif

namespace clade {

bool is_gzip(std::string_view bytes) {
  return bytes.substr(0, 2) == "\x1f\x8b";
}

#ifdef CLADE_WITH_ZLIB
namespace {

constexpr size_t kChunk = size_t{1} << 18;
constexpr int kGzipWindow = 15 + 16;  // zlib's code for "expect a gzip header"
constexpr int kZlibWindow = 15;       // ... for its own
constexpr int kRawWindow = -15;       // ... and for a bare deflate stream

class Inflater {
 public:
  Inflater(int window, const std::string& where) : where_(where) {
    if (inflateInit2(&stream_, window) != Z_OK) throw Error(where + ": zlib is out of memory");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends one whole stream to `out`, at most `limit` bytes in all, and returns how many bytes of
  /// `bytes` it took. Growing with what comes out, never by what a header promises.
  size_t run(std::string_view bytes, std::string& out, uint64_t limit) {
    inflateReset(&stream_);
    std::vector<char> chunk(kChunk);
    uint64_t weighed = 0;
    size_t given = 0;
    stream_.avail_in = 0;
    for (;;) {
      if (stream_.avail_in == 0) {
        const size_t part = std::min<size_t>(bytes.size() - given, size_t{1} << 30);
        // zlib's C interface lacks const; it does not write to its input.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + given));
        stream_.avail_in = static_cast<uInt>(part);
        given += part;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream_.avail_out = static_cast<uInt>(chunk.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      out.append(chunk.data(), chunk.size() - stream_.avail_out);
      if (out.size() > limit) {
        throw DataError(where_ + " is damaged: it unpacks to more than the " +
                        std::to_string(limit) + " bytes it announces; copy or download it again");
      }
      if (out.size() > weighed) {
        weighed = 2 * out.size();
        require_memory(weighed, where_ + ", unpacked,", "give a smaller file");
      }
      if (result == Z_STREAM_END) return given - stream_.avail_in;
      const bool starved = stream_.avail_in == 0 && given == bytes.size();
      if (result == Z_BUF_ERROR || (result == Z_OK && starved && stream_.avail_out > 0)) {
        throw DataError(where_ + " is truncated: its compressed data end after " +
                        std::to_string(bytes.size()) + " bytes; copy or download it again");
      }
      if (result != Z_OK) fail();
    }
  }

  /// Appends to `out` the first bytes of a stream, until it has `size` or the stream or `bytes`
  /// end. Returns how many of `bytes` it took, all if they end in the stream.
  size_t start(std::string_view bytes, size_t size, std::string& out) {
    inflateReset(&stream_);
    const size_t before = out.size();
    out.resize(size);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(std::min<size_t>(bytes.size(), size_t{1} << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = static_cast<uInt>(size - before);
    const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) fail();
    out.resize(size - stream_.avail_out);
    return result == Z_STREAM_END ? stream_.total_in : bytes.size();
  }

 private:
  [[noreturn]] void fail() const {
    throw DataError(where_ + " is damaged (" +
                    (stream_.msg != nullptr ? stream_.msg : "not a deflate stream") +
                    "); copy or download it again");
  }

  const std::string& where_;
  z_stream stream_{};
};

/// Whether a gzip file goes on: its members stand one after another, and blocks of a tape end in
/// zeros.
bool has_member(std::string_view bytes) {
  return bytes.find_first_not_of('\0') != std::string_view::npos;
}

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& where, uint64_t most) {
  Inflater inflater(kGzipWindow, where);
  std::string out;
  do {
    bytes.remove_prefix(inflater.run(bytes, out, most));
  } while (has_member(bytes));
  return out;
}

std::string gunzip_start(std::string_view bytes, size_t size, const std::string& where) {
  Inflater inflater(kGzipWindow, where);
  std::string out;
  while (out.size() < size && has_member(bytes)) {
    bytes.remove_prefix(inflater.start(bytes, size, out));
  }
  return out;
}

std::string inflate_start(std::string_view bytes, size_t size, const std::string& where) {
  std::string out;
  Inflater(kRawWindow, where).start(bytes, size, out);
  return out;
}

std::string inflate(std::string_view bytes, uint64_t size, const std::string& where) {
  Inflater inflater(kRawWindow, where);
  std::string out;
  inflater.run(bytes, out, size);
  if (out.size() != size) {
    throw DataError(where + " is damaged: it unpacks to " + std::to_string(out.size()) +
                    " bytes but announces " + std::to_string(size) + "; copy or download it again");
  }
  return out;
}

std::string unpack_zlib(std::string_view bytes, const std::string& where) {
  std::string out;
  Inflater(kZlibWindow, where).run(bytes, out, std::numeric_limits<uint64_t>::max());
  return out;
}

uint32_t crc32_of(std::string_view bytes, const std::string&) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

#else

namespace {
[[noreturn]] void refuse(const std::string& where) {
  throw Error(
      where +
      " is compressed, and this Clade was built without zlib; unpack the file, or build with "
      "-DCLADE_WITH_ZLIB=ON");
}
}  // namespace

std::string gunzip(std::string_view, const std::string& where, uint64_t) {
  refuse(where);
}
std::string gunzip_start(std::string_view, size_t, const std::string& where) {
  refuse(where);
}
std::string inflate_start(std::string_view, size_t, const std::string& where) {
  refuse(where);
}
std::string inflate(std::string_view, uint64_t, const std::string& where) {
  refuse(where);
}
std::string unpack_zlib(std::string_view, const std::string& where) {
  refuse(where);
}
uint32_t crc32_of(std::string_view, const std::string& where) {
  refuse(where);
}

#endif

}  // namespace clade
