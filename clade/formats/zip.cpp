#include "clade/formats/zip.h"

#include "clade/core/error.h"
#include "clade/formats/bytes.h"
#include "clade/formats/gzip.h"

namespace clade {
namespace {

constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;

}  // namespace

std::vector<ZipEntry> ZipReader::entries() const {
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
    all.push_back(entry);
    at += 46 + uint64_t{name_size} + number<uint16_t>(at + 30) + number<uint16_t>(at + 32);
  }
  return all;
}

std::string ZipReader::start(const ZipEntry& entry, size_t size,
                             const std::string& entry_where) const {
  const auto bytes = packed(entry, entry_where);
  return entry.method == kStored ? std::string(bytes.substr(0, size))
                                 : inflate_start(bytes, size, entry_where);
}

std::string ZipReader::content(const ZipEntry& entry, const std::string& entry_where) const {
  const auto bytes = packed(entry, entry_where);
  std::string content =
      entry.method == kStored ? std::string(bytes) : inflate(bytes, entry.size, entry_where);
  if (content.size() != entry.size || crc32_of(content, entry_where) != entry.crc) {
    throw DataError(entry_where + " is damaged: its checksum is wrong; copy or download it again");
  }
  return content;
}

void ZipReader::fail(const std::string& what) const {
  throw DataError(where_ + " is not a whole npz file: " + what +
                  "; save it again with numpy.savez_compressed");
}

void ZipReader::too_large() const {
  throw DataError(where_ + " has entries over 4 GiB; save the array by itself with numpy.save");
}

std::string_view ZipReader::part(uint64_t at, uint64_t size) const {
  if (at > bytes_.size() || size > bytes_.size() - at) fail("it points past its end");
  return bytes_.substr(at, size);
}

std::string_view ZipReader::packed(const ZipEntry& entry, const std::string& entry_where) const {
  if (part(entry.offset, 4) != std::string_view("PK\3\4", 4)) fail("an entry is broken");
  const uint64_t start =
      entry.offset + 30 + number<uint16_t>(entry.offset + 26) + number<uint16_t>(entry.offset + 28);
  const auto bytes = part(start, entry.packed_size);
  if ((entry.flags & kEncrypted) != 0 || (entry.method != kStored && entry.method != kDeflated)) {
    throw DataError(entry_where +
                    " is encrypted or packed by an unknown method; save it again with "
                    "numpy.savez_compressed");
  }
  return bytes;
}

template <class T>
T ZipReader::number(uint64_t at) const {
  return load_number<T>(part(at, sizeof(T)).data(), /*big_endian=*/false);
}

}  // namespace clade
