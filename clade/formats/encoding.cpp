#include "clade/formats/encoding.h"

#include <iconv.h>

#include <array>
#include <memory>
#include <optional>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

/// `bytes` in UTF-8, or nothing if they are no text in `encoding`.
std::optional<std::string> converted(std::string_view bytes, const char* encoding) {
  const iconv_t opened = ::iconv_open("UTF-8", encoding);
  if (opened == reinterpret_cast<iconv_t>(-1)) return std::nullopt;
  const std::unique_ptr<void, int (*)(iconv_t)> conversion(opened, ::iconv_close);
  std::string text;
  std::array<char, 1 << 16> buffer;
  auto* from = const_cast<char*>(bytes.data());  // iconv() does not write there.
  for (size_t left = bytes.size(); left > 0;) {
    const size_t left_before = left;
    char* to = buffer.data();
    size_t room = buffer.size();
    const bool done = ::iconv(opened, &from, &left, &to, &room) != static_cast<size_t>(-1);
    text.append(buffer.data(), buffer.size() - room);
    if (!done && left == left_before) return std::nullopt;
  }
  return text;
}

struct Utf16 {
  const char* name;
  size_t mark;  ///< Bytes of the byte order mark.
};

std::optional<Utf16> find_utf16(std::string_view bytes) {
  if (bytes.substr(0, 2) == "\xff\xfe") return Utf16{"UTF-16LE", 2};
  if (bytes.substr(0, 2) == "\xfe\xff") return Utf16{"UTF-16BE", 2};
  if (bytes.size() < 2) return std::nullopt;
  if (bytes[1] == '\0') return Utf16{"UTF-16LE", 0};
  if (bytes[0] == '\0') return Utf16{"UTF-16BE", 0};
  return std::nullopt;
}

}  // namespace

Utf8Text as_utf8(std::string_view bytes, const std::string& where) {
  if (bytes.substr(0, 3) == "\xef\xbb\xbf") bytes.remove_prefix(3);
  std::optional<std::string> text;
  std::string note;
  if (const auto utf16 = find_utf16(bytes)) {
    text = converted(bytes.substr(utf16->mark), utf16->name);
    note = "converted from UTF-16";
  } else if (is_utf8(bytes)) {
    text = std::string(bytes);
  } else {
    text = converted(bytes, "WINDOWS-1252");
    note = "not UTF-8, so read as Windows-1252";
  }
  if (!text || text->find('\0') != std::string::npos) {
    throw DataError(where + " is not plain text; save it as CSV in UTF-8");
  }
  return {std::move(*text), note};
}

}  // namespace clade
