#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

struct ZipEntry {
  std::string name;
  uint16_t flags;
  uint16_t method;
  uint32_t crc;
  uint64_t packed_size;
  uint64_t size;
  uint64_t offset;
};

/// A zip file: it ends in a record that points at its directory, whose records point at the
/// entries. Every call throws DataError if it is broken. `bytes` and `where` must outlive it.
class ZipReader {
 public:
  ZipReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::vector<ZipEntry> entries() const;

  /// The first `size` bytes of an entry, unpacked; fewer if it has fewer.
  std::string start(const ZipEntry& entry, size_t size, const std::string& entry_where) const;

  /// All of an entry, unpacked, its checksum verified.
  std::string content(const ZipEntry& entry, const std::string& entry_where) const;

 private:
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void too_large() const;
  std::string_view part(uint64_t at, uint64_t size) const;
  std::string_view packed(const ZipEntry& entry, const std::string& entry_where) const;
  template <class T>
  T number(uint64_t at) const;

  std::string_view bytes_;
  const std::string& where_;
};

}  // namespace clade
