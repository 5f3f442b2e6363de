#include "clade/formats/npz.h"

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/bytes.h"
#include "clade/formats/gzip.h"
#include "clade/formats/npy.h"

namespace clade {
namespace {

// A zip file ends in a record that points at its directory, whose records point at the entries.
struct ZipEntry {
  std::string name;  ///< Without ".npy".
  uint16_t flags;
  uint16_t method;
  uint32_t crc;
  uint64_t packed_size;
  uint64_t size;
  uint64_t offset;
};

class ZipReader {
 public:
  ZipReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::vector<ZipEntry> entries() const {
    constexpr uint64_t kEndSize = 22;
    const size_t end = bytes_.rfind(std::string_view("PK\5\6", 4));
    if (end == std::string_view::npos || bytes_.size() - end < kEndSize) {
      fail("its directory is missing, it is truncated");
    }
    const auto count = number<uint16_t>(end + 10);
    uint64_t at = number<uint32_t>(end + 16);
    if (count == 0xffff || at == 0xffffffff) too_large();
    std::vector<ZipEntry> all;
    for (uint16_t i = 0; i < count; ++i) {
      if (part(at, 4) != std::string_view("PK\1\2", 4)) fail("its directory is broken");
      ZipEntry entry;
      entry.flags = number<uint16_t>(at + 8);
      entry.method = number<uint16_t>(at + 10);
      entry.crc = number<uint32_t>(at + 16);
      entry.packed_size = number<uint32_t>(at + 20);
      entry.size = number<uint32_t>(at + 24);
      entry.offset = number<uint32_t>(at + 42);
      if (entry.packed_size == 0xffffffff || entry.size == 0xffffffff) too_large();
      const auto name_size = number<uint16_t>(at + 28);
      entry.name = part(at + 46, name_size);
      if (entry.name.size() > 4 && entry.name.substr(entry.name.size() - 4) == ".npy") {
        entry.name.resize(entry.name.size() - 4);
        all.push_back(entry);
      }
      at += 46 + uint64_t{name_size} + number<uint16_t>(at + 30) + number<uint16_t>(at + 32);
    }
    if (all.empty()) fail("it holds no arrays (.npy)");
    return all;
  }

  std::string content(const ZipEntry& entry, const std::string& entry_where) const {
    constexpr uint16_t kEncrypted = 1;
    constexpr uint16_t kStored = 0;
    constexpr uint16_t kDeflated = 8;
    if (part(entry.offset, 4) != std::string_view("PK\3\4", 4)) fail("an entry is broken");
    const uint64_t start = entry.offset + 30 + number<uint16_t>(entry.offset + 26) +
                           number<uint16_t>(entry.offset + 28);
    const auto packed = part(start, entry.packed_size);
    if ((entry.flags & kEncrypted) != 0 || (entry.method != kStored && entry.method != kDeflated)) {
      throw DataError(entry_where +
                      " is encrypted or packed by an unknown method; save it again with "
                      "numpy.savez_compressed");
    }
    std::string bytes =
        entry.method == kStored ? std::string(packed) : inflate(packed, entry.size, entry_where);
    if (bytes.size() != entry.size || crc32_of(bytes, entry_where) != entry.crc) {
      throw DataError(entry_where +
                      " is damaged: its checksum is wrong; copy or download it again");
    }
    return bytes;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(where_ + " is not a whole npz file: " + what +
                    "; save it again with numpy.savez_compressed");
  }
  [[noreturn]] void too_large() const {
    throw DataError(where_ + " has entries over 4 GiB; save the array by itself with numpy.save");
  }

  std::string_view part(uint64_t at, uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("it points past its end");
    return bytes_.substr(at, size);
  }

  template <class T>
  T number(uint64_t at) const {
    return load_number<T>(part(at, sizeof(T)).data(), /*big_endian=*/false);
  }

  std::string_view bytes_;
  const std::string& where_;
};

}  // namespace

std::vector<std::string> npz_names(std::string_view bytes, const std::string& where) {
  std::vector<std::string> names;
  for (const ZipEntry& entry : ZipReader(bytes, where).entries()) names.push_back(entry.name);
  return names;
}

Array parse_npz(std::string_view bytes, const std::string& entry, const std::string& where) {
  const ZipReader zip(bytes, where);
  const auto entries = zip.entries();
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const ZipEntry& e) { return e.name == entry; });
  if (found == entries.end()) {
    throw DataError(where + " has no array \"" + entry + "\"; " +
                    suggest(entry, npz_names(bytes, where)));
  }
  const std::string entry_where = where + ":" + entry;
  return parse_npy(zip.content(*found, entry_where), entry_where);
}

}  // namespace clade
