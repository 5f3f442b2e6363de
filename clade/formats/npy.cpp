#include "clade/formats/npy.h"

#include <algorithm>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/bytes.h"
#include "clade/formats/encoding.h"
#include "clade/formats/npy_header.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr const char* kSaveAgain = "; save it again with numpy.save(path, ";

[[noreturn]] void refuse_type(const NpyType& type, const std::string& where) {
  switch (type.kind) {
    case 'O':
      throw DataError(where + " has dtype object, a pickle of Python objects, which is not read" +
                      kSaveAgain + "array.astype('float32')), or words by array.astype(str)");
    case 'c':
      throw DataError(where + " has dtype '" + type.descr + "', complex numbers" + kSaveAgain +
                      "numpy.concatenate([array.real, array.imag], axis=1))");
    case 'f':
      throw DataError(where + " has dtype '" + type.descr +
                      "', of another size than machines have" + kSaveAgain +
                      "array.astype('float64'))");
    case 'M':
    case 'm':
      throw DataError(where + " has dtype '" + type.descr + "', dates or times" + kSaveAgain +
                      "array.astype('int64'))");
    default:
      throw DataError(where + " has dtype '" + type.descr + "', which holds no plain numbers" +
                      kSaveAgain + "array.astype('float32'))");
  }
}

NumberFormat number_format(const NpyType& type, const std::string& where) {
  const std::string_view sizes = type.kind == 'f'                       ? "248"
                                 : type.kind == 'b'                     ? "1"
                                 : type.kind == 'i' || type.kind == 'u' ? "1248"
                                                                        : "";
  const bool known =
      type.bytes < 10 && sizes.find(static_cast<char>('0' + type.bytes)) != std::string_view::npos;
  if (!known) refuse_type(type, where);
  return {type.kind, static_cast<int64_t>(type.bytes), type.big_endian};
}

void append_utf8(uint32_t letter, std::string& text) {
  const auto tail = [&](int shift) {
    text += static_cast<char>(0x80 | ((letter >> shift) & 0x3f));
  };
  if (letter < 0x80) {
    text += static_cast<char>(letter);
  } else if (letter < 0x800) {
    text += static_cast<char>(0xc0 | (letter >> 6));
    tail(0);
  } else if (letter < 0x10000) {
    text += static_cast<char>(0xe0 | (letter >> 12));
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xf0 | (letter >> 18));
    tail(12), tail(6), tail(0);
  }
}

/// One word of a 'U' array, which ends in zeros.
std::string word_of(std::string_view bytes, bool big_endian, const std::string& where) {
  std::string word;
  size_t zeros = 0;
  for (; bytes.size() >= 4; bytes.remove_prefix(4)) {
    const auto letter = load_number<uint32_t>(bytes.data(), big_endian);
    if (letter > 0x10ffff || (letter >= 0xd800 && letter < 0xe000)) {
      throw DataError(where + " holds words with letters that are no Unicode; it is damaged: " +
                      "copy or write it again");
    }
    zeros = letter == 0 ? zeros + 1 : 0;
    append_utf8(letter, word);
  }
  word.resize(word.size() - zeros);
  return word;
}

std::vector<std::string> read_words(std::string_view bytes, const NpyHeader& header,
                                    const std::string& where) {
  const NpyType& type = header.type;
  // An array of no dimensions is one word.
  const auto shape = header.shape.empty() ? std::vector<uint64_t>{1} : header.shape;
  check_size(bytes.size(), type.bytes, shape, where);
  std::vector<std::string> words;
  for (; !bytes.empty(); bytes.remove_prefix(type.bytes)) {
    const auto one = bytes.substr(0, type.bytes);
    words.push_back(type.kind == 'U'
                        ? word_of(one, type.big_endian, where)
                        : as_utf8(one.substr(0, one.find_last_not_of('\0') + 1), where).text);
  }
  return words;
}

/// The fields of records as columns, [N, fields].
Array read_records(std::string_view bytes, const NpyHeader& header, const std::string& where) {
  if (header.shape.size() != 1) {
    throw DataError(where + " holds records (a structured dtype) in " +
                    std::to_string(header.shape.size()) + " dimensions, not one; save its " +
                    "columns as one array: numpy.save(path, numpy.column_stack(columns))");
  }
  check_size(bytes.size(), header.type.bytes, header.shape, where);
  Array table;
  std::vector<torch::Tensor> columns;  // [N] each
  size_t offset = 0;
  for (const NpyField& field : header.fields) {
    const size_t from = offset;
    offset += field.type.bytes;
    if (field.name.empty()) continue;
    const std::string column_where = where + ", field '" + field.name + "',";
    if (field.type.kind == 'U' || field.type.kind == 'S') {
      throw DataError(column_where + " has dtype '" + field.type.descr +
                      "', words; save the fields of numbers, numpy.save(path, array[['a', 'b']]), "
                      "and labels beside them, numpy.save(path, array['" +
                      field.name + "'])");
    }
    const auto format = number_format(field.type, column_where);
    std::string column;
    for (size_t at = from; at < bytes.size(); at += header.type.bytes) {
      column += bytes.substr(at, field.type.bytes);
    }
    columns.push_back(read_numbers(column, format, header.shape, column_where));
    table.columns.push_back(field.name);
  }
  if (columns.empty()) throw DataError(where + " holds records without fields; give it columns");
  const bool alike = std::all_of(columns.begin(), columns.end(), [&](const torch::Tensor& column) {
    return column.scalar_type() == columns.front().scalar_type();
  });
  if (!alike) {
    for (torch::Tensor& column : columns) column = column.to(torch::kFloat64);
  }
  table.values = torch::stack(columns, 1);
  return table;
}

}  // namespace

Array parse_npy(std::string_view bytes, const std::string& where) {
  NpyHeader header = parse_npy_header(bytes, where);
  bytes.remove_prefix(header.size);
  if (!header.fields.empty()) return read_records(bytes, header, where);
  if (header.type.kind == 'U' || header.type.kind == 'S') {
    return {{}, {}, read_words(bytes, header, where)};
  }
  const auto format = number_format(header.type, where);
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
    out.write("\x93NUMPY\x01\x00", 8);
    out.put(static_cast<char>(header.size() & 0xff)).put(static_cast<char>(header.size() >> 8));
    out << header;
    out.write(static_cast<const char*>(data.data_ptr()),
              static_cast<std::streamsize>(data.nbytes()));
  });
}

}  // namespace clade
