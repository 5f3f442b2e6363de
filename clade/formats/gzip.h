#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace clade {

// Decompression by zlib. Without CLADE_WITH_ZLIB each call throws Error saying so. `where` names
// the file in messages; damaged or truncated input throws DataError.

/// Whether `bytes` start as a gzip file does.
bool is_gzip(std::string_view bytes);

/// The content of a gzip file, all its members, checksums verified. Refuses what unpacks to more
/// than `most` bytes, which its own header announces, or than memory holds.
std::string gunzip(std::string_view bytes, const std::string& where,
                   uint64_t most = std::numeric_limits<uint64_t>::max());

// The first `size` bytes of a gzip file, or of a zip entry's raw deflate stream; fewer if it has
// fewer. They tell what it holds before all of it is unpacked.
std::string gunzip_start(std::string_view bytes, size_t size, const std::string& where);
std::string inflate_start(std::string_view bytes, size_t size, const std::string& where);

/// The content of a stream in zlib's own format, its checksum verified.
std::string unpack_zlib(std::string_view bytes, const std::string& where);

/// A zip entry's raw deflate stream, which must give exactly `size` bytes.
std::string inflate(std::string_view bytes, uint64_t size, const std::string& where);

/// CRC-32 as gzip and zip store it.
uint32_t crc32_of(std::string_view bytes, const std::string& where);

}  // namespace clade
