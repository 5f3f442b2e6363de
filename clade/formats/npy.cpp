#include "clade/formats/npy.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/bytes.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<uint64_t> shape;
};

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
        header.descr = descr();
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
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const size_t end = text_.find(quote);
    if (end == std::string_view::npos) fail("a quote is never closed");
    std::string word(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return word;
  }

  std::string descr() {
    skip_space();
    if (!text_.empty() && text_.front() == '[') {
      throw DataError(where_ +
                      " holds records (a structured dtype), not numbers; save its columns " +
                      "as one array: numpy.save(path, numpy.column_stack(columns))");
    }
    return quoted();
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

NumberFormat npy_number_format(const std::string& descr, const std::string& where) {
  // '<f4': byte order, kind, bytes. Python's own order mark '|' stands where bytes have none.
  if (descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos) {
    const NumberFormat format{descr[1], descr[2] - '0', descr[0] == '>'};
    const std::string_view sizes = format.kind == 'f'                         ? "248"
                                   : format.kind == 'b'                       ? "1"
                                   : format.kind == 'i' || format.kind == 'u' ? "1248"
                                                                              : "";
    if (sizes.find(descr[2]) != std::string_view::npos) return format;
  }
  const bool object = descr.find('O') != std::string::npos;
  throw DataError(where + " has dtype " + (object ? "object" : "'" + descr + "'") +
                  ", which holds no plain numbers; save it again with numpy.save(path, " +
                  "array.astype('float32'))");
}

}  // namespace

Array parse_npy(std::string_view bytes, const std::string& where) {
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
  bytes.remove_prefix(kVersion + 2);
  const size_t width = version == 1 ? 2 : 4;
  const char* const length = bytes.data();
  const size_t header_size = bytes.size() < width ? bytes.size()
                             : version == 1 ? load_number<uint16_t>(length, /*big_endian=*/false)
                                            : load_number<uint32_t>(length, /*big_endian=*/false);
  if (bytes.size() < width || bytes.size() - width < header_size) {
    throw DataError(where + " ends within its npy header; it is truncated: copy or download it " +
                    "again");
  }
  NpyHeader header = HeaderParser(bytes.substr(width, header_size), where).parse();
  bytes.remove_prefix(width + header_size);
  const auto format = npy_number_format(header.descr, where);
  if (!header.fortran_order) return {read_numbers(bytes, format, header.shape, where)};

  // Fortran order is C order with the dimensions reversed.
  std::reverse(header.shape.begin(), header.shape.end());
  auto values = read_numbers(bytes, format, header.shape, where);
  std::vector<int64_t> reversed;
  for (int64_t i = values.dim() - 1; i >= 0; --i) reversed.push_back(i);
  return {values.permute(reversed).contiguous()};
}

void write_npy(const std::filesystem::path& path, const torch::Tensor& values) {
  const bool wide = values.scalar_type() == torch::kFloat64;
  const auto data =
      values.detach().to(torch::kCPU, wide ? torch::kFloat64 : torch::kFloat32).contiguous();
  std::string shape;
  for (const int64_t size : data.sizes()) shape += std::to_string(size) + ", ";
  std::string header = std::string("{'descr': ") + (wide ? "'<f8'" : "'<f4'") +
                       ", 'fortran_order': False, 'shape': (" + shape + "), }";
  // Format 1.0: magic, version and header length are 10 bytes; data start at a multiple of 64.
  constexpr size_t kPrefix = 10;
  constexpr size_t kAlignment = 64;
  const size_t padded = (kPrefix + header.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  header.resize(padded - kPrefix - 1, ' ');
  header += '\n';
  write_atomically(path, [&](std::ostream& out) {
    out << kMagic;
    out.write("\x01\x00", 2);
    out.put(static_cast<char>(header.size() & 0xff)).put(static_cast<char>(header.size() >> 8));
    out << header;
    out.write(static_cast<const char*>(data.data_ptr()),
              static_cast<std::streamsize>(data.nbytes()));
  });
}

}  // namespace clade
