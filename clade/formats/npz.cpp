#include "clade/formats/npz.h"

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/foreign.h"
#include "clade/formats/npy.h"
#include "clade/formats/npy_header.h"
#include "clade/formats/numbers.h"
#include "clade/formats/zip.h"

namespace clade {
namespace {

constexpr std::string_view kArrayEnd = ".npy";

/// The entries that are arrays, without their ".npy".
std::vector<ZipEntry> arrays_of(const ZipReader& zip, const std::string& where) {
  std::vector<ZipEntry> arrays;
  std::vector<std::string> names;
  for (ZipEntry& entry : zip.entries()) {
    names.push_back(entry.name);
    if (entry.name.size() == kArrayEnd.size() || !entry.name.ends_with(kArrayEnd)) continue;
    entry.name.resize(entry.name.size() - kArrayEnd.size());
    arrays.push_back(std::move(entry));
  }
  if (arrays.empty()) throw DataError(where + " is " + foreign_archive(names));
  return arrays;
}

}  // namespace

std::vector<std::string> npz_names(std::string_view bytes, const std::string& where) {
  std::vector<std::string> names;
  for (const ZipEntry& entry : arrays_of(ZipReader(bytes, where), where)) {
    names.push_back(entry.name);
  }
  return names;
}

std::vector<std::string> npz_contents(std::string_view bytes, const std::string& where) {
  const ZipReader zip(bytes, where);
  std::vector<std::string> contents;
  for (const ZipEntry& entry : arrays_of(zip, where)) {
    const std::string entry_where = where + ":" + entry.name;
    const auto header =
        parse_npy_header(zip.start(entry, kMostHeaderBytes, entry_where), entry_where);
    contents.push_back(entry.name + " (" +
                       (header.shape.empty() ? "one value" : shape_text(header.shape)) + ")");
  }
  return contents;
}

Array parse_npz(std::string_view bytes, const std::string& entry, const std::string& where) {
  const ZipReader zip(bytes, where);
  const auto entries = arrays_of(zip, where);
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const ZipEntry& e) { return e.name == entry; });
  if (found == entries.end()) {
    throw DataError(where + " has no array \"" + entry + "\"; " +
                    suggest(entry, npz_names(bytes, where)));
  }
  const std::string entry_where = where + ":" + entry;
  const auto header =
      parse_npy_header(zip.start(*found, kMostHeaderBytes, entry_where), entry_where);
  if (found->size > header.announced()) {
    throw DataError(entry_where + " announces " + std::to_string(header.announced()) +
                    " bytes and holds " + std::to_string(found->size) +
                    ", too many; it is damaged: write it again");
  }
  return parse_npy(zip.content(*found, entry_where), entry_where);
}

}  // namespace clade
