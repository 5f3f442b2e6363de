#include "clade/formats/npy_header.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "clade/core/error.h"
#include "clade/formats/bytes.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

/// Reads the Python dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        has_descr = true;
        read_descr(header);
      } else if (key == "fortran_order") {
        has_order = true;
        header.fortran_order = boolean();
      } else if (key == "shape") {
        has_shape = true;
        header.shape = shape();
      } else {
        fail("unknown key '" + key + "'");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (!has_descr || !has_order || !has_shape) fail("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(where_ + ": bad npy header: " + what +
                    "; save it again with numpy.save(path, array)");
  }

  void skip_space() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front()))) {
      text_.remove_prefix(1);
    }
  }

  bool take(char c) {
    skip_space();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!take(c)) fail("no '" + std::string(1, c) + "' where one belongs");
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (text_.substr(0, word.size()) != word) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  std::string quoted() {
    if (!take('u')) take('b');  // Python 2's u'…', and what str() makes of bytes
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const size_t end = text_.find(quote);
    if (end == std::string_view::npos) fail("a quote is never closed");
    std::string word(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return word;
  }

  void read_descr(NpyHeader& header) {
    if (!take('[')) {
      header.type = type();
      return;
    }
    header.type = {'V', 0, false, "a structured dtype"};
    while (!take(']')) {
      header.fields.push_back(field());
      header.type.bytes += header.fields.back().type.bytes;
      if (!take(',')) {
        expect(']');
        break;
      }
    }
    if (header.fields.empty()) fail("a structured dtype without fields");
  }

  /// ('name', '<f4'), or (('title', 'name'), '<f4').
  NpyField field() {
    expect('(');
    NpyField field;
    if (take('(')) {
      quoted();
      expect(',');
      field.name = quoted();
      expect(')');
    } else {
      field.name = quoted();
    }
    expect(',');
    skip_space();
    const bool nested = !text_.empty() && text_.front() == '[';
    if (!nested) field.type = type();
    if (nested || take(',')) {
      throw DataError(where_ + " holds records (a structured dtype) whose field '" + field.name +
                      "' is no single value; save its columns as one array: numpy.save(path, " +
                      "numpy.column_stack(columns))");
    }
    expect(')');
    return field;
  }

  /// '<f4': byte order, kind, bytes, of 'U' characters of four. '|' stands where bytes have no
  /// order, and old versions leave it out.
  NpyType type() {
    NpyType type{0, 0, false, quoted()};
    std::string_view rest = type.descr;
    if (!rest.empty() && std::string_view("<>|=").find(rest[0]) != std::string_view::npos) {
      type.big_endian = rest[0] == '>';
      rest.remove_prefix(1);
    }
    if (rest.empty()) fail("no dtype in '" + type.descr + "'");
    type.kind = rest[0];
    constexpr uint64_t most = uint64_t{1} << 30;
    const auto [end, error] =
        std::from_chars(rest.data() + 1, rest.data() + rest.size(), type.bytes);
    if (error == std::errc::result_out_of_range || type.bytes > most) {
      fail("values of more than a gigabyte");
    }
    if (type.kind == 'U') type.bytes *= 4;
    return type;
  }

  bool boolean() {
    if (take_word("True")) return true;
    if (!take_word("False")) fail("fortran_order is neither True nor False");
    return false;
  }

  std::vector<uint64_t> shape() {
    std::vector<uint64_t> sizes;
    expect('(');
    while (!take(')')) {
      skip_space();
      uint64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc()) fail("a size in the shape is not a whole number");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      take_word("L");  // Python 2's long
      sizes.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view text_;
  const std::string& where_;
};

}  // namespace

uint64_t NpyHeader::announced() const {
  const bool pickled =
      type.kind == 'O' ||
      std::any_of(fields.begin(), fields.end(), [](auto& field) { return field.type.kind == 'O'; });
  if (pickled) return std::numeric_limits<uint64_t>::max();
  return announced_bytes(size, type.bytes, shape);
}

NpyHeader parse_npy_header(std::string_view bytes, const std::string& where) {
  constexpr size_t kVersion = kMagic.size();
  if (bytes.size() < kVersion + 4 || bytes.substr(0, kVersion) != kMagic) {
    throw DataError(where + " is not an npy file or is truncated: it must start with \\x93NUMPY " +
                    "and a version; save it again with numpy.save(path, array)");
  }
  const int version = static_cast<unsigned char>(bytes[kVersion]);
  if (version < 1 || version > 3) {
    throw DataError(where + " is npy version " + std::to_string(version) +
                    "; versions 1 to 3 are known: save it again with numpy.save(path, array)");
  }
  const size_t width = version == 1 ? 2 : 4;
  const size_t start = kVersion + 2 + width;
  const size_t length = bytes.size() < start ? bytes.size()
                        : version == 1
                            ? load_number<uint16_t>(&bytes[kVersion + 2], /*big_endian=*/false)
                            : load_number<uint32_t>(&bytes[kVersion + 2], /*big_endian=*/false);
  if (bytes.size() < start || bytes.size() - start < length) {
    throw DataError(where + " ends within its npy header; it is truncated: copy or download it " +
                    "again");
  }
  NpyHeader header = HeaderParser(bytes.substr(start, length), where).parse();
  header.size = start + length;
  return header;
}

}  // namespace clade
