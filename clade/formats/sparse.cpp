#include "clade/formats/sparse.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/formats/npz.h"

namespace clade {
namespace {

/// Values that are not zero, and where; a place may be there several times.
struct Entries {
  torch::Tensor rows;     // [n] int64
  torch::Tensor columns;  // [n] int64
  torch::Tensor values;   // [n]
};

class SparseReader {
 public:
  SparseReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  Array read() {
    const std::string format = word("format");
    const auto shape = indices("shape");
    if (shape.numel() != 2 || shape.lt(1).any().item<bool>()) {
      fail("its shape is not that of a matrix [N, D]");
    }
    height_ = shape[0].item<int64_t>();
    width_ = shape[1].item<int64_t>();
    Entries entries = entries_of(format);
    check(entries.rows, height_);
    check(entries.columns, width_);
    const auto sparse =
        torch::sparse_coo_tensor(torch::stack({entries.rows, entries.columns}),
                                 entries.values.to(torch::kFloat64), {height_, width_})
            .coalesce();
    const double filled = static_cast<double>(sparse._nnz()) / static_cast<double>(height_) /
                          static_cast<double>(width_);
    return {
        dense(sparse), {}, {}, "a sparse matrix (" + format + "), " + percent(filled) + " filled"};
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(where_ + " is a broken sparse matrix: " + what +
                    "; save it again with scipy.sparse.save_npz");
  }

  static std::string percent(double part) {
    const double rounded = std::round(1000 * part) / 10;
    char text[16];
    std::snprintf(text, sizeof text, "%.3g %%", rounded > 0 ? rounded : 100 * part);
    return text;
  }

  std::string word(const std::string& name) const {
    const Array array = parse_npz(bytes_, name, where_);
    if (array.words.size() != 1) fail(name + " is not one word");
    return array.words.front();
  }

  torch::Tensor numbers(const std::string& name) const {
    const Array array = parse_npz(bytes_, name, where_);
    if (!array.words.empty()) fail(name + " holds words");
    return array.values;
  }

  /// [n] int64.
  torch::Tensor indices(const std::string& name) const {
    const auto values = numbers(name);
    if (values.dim() != 1 || values.is_floating_point()) fail(name + " is not a list of indices");
    return values.to(torch::kInt64);
  }

  void check(const torch::Tensor& index, int64_t size) const {
    if (index.numel() == 0) return;
    if (index.min().item<int64_t>() < 0 || index.max().item<int64_t>() >= size) {
      fail("an index lies outside its " + std::to_string(height_) + "x" + std::to_string(width_));
    }
  }

  void check_length(const torch::Tensor& values, int64_t dimensions, int64_t length) const {
    if (values.dim() == dimensions && values.size(0) == length) return;
    fail("it has other numbers of values and of indices");
  }

  Entries entries_of(const std::string& format) const {
    if (format == "coo") {
      Entries entries{indices("row"), indices("col"), numbers("data")};
      check_length(entries.values, 1, entries.rows.size(0));
      check_length(entries.columns, 1, entries.rows.size(0));
      return entries;
    }
    if (format == "dia") return diagonals();
    if (format == "bsr") return blocks();
    if (format != "csr" && format != "csc") {
      fail("its format " + format + " is not csr, csc, coo, bsr or dia");
    }
    const auto inner = indices("indices");
    const auto outer = expanded(format == "csr" ? height_ : width_, inner.size(0));
    Entries entries{outer, inner.slice(0, 0, outer.size(0)),
                    numbers("data").slice(0, 0, outer.size(0))};
    check_length(entries.columns, 1, outer.size(0));
    check_length(entries.values, 1, outer.size(0));
    if (format == "csc") std::swap(entries.rows, entries.columns);
    return entries;
  }

  /// The line of each entry, [n], of `entries` that have room.
  torch::Tensor expanded(int64_t lines, int64_t entries) const {
    const auto pointers = indices("indptr");
    check_length(pointers, 1, lines + 1);
    const auto expanded = lines_of_entries(pointers, lines, entries);
    if (!expanded) fail("indptr does not rise from 0 to the number of its entries");
    return *expanded;
  }

  /// Rows and columns of blocks, data: [n, R, C].
  Entries blocks() const {
    const auto data = numbers("data");
    if (data.dim() != 3 || data.size(1) == 0 || data.size(2) == 0) fail("its data are no blocks");
    const int64_t high = data.size(1), wide = data.size(2);
    if (height_ % high != 0) fail("its height is no multiple of its blocks'");
    auto inner = indices("indices");
    const auto outer = expanded(height_ / high, inner.size(0));
    const int64_t n = outer.size(0);
    inner = inner.slice(0, 0, n);
    check(inner, width_ / wide);
    check_length(data.slice(0, 0, n), 3, n);
    const auto rows = outer.mul(high).view({n, 1, 1}) + torch::arange(high).view({1, high, 1});
    const auto columns = inner.mul(wide).view({n, 1, 1}) + torch::arange(wide).view({1, 1, wide});
    return {rows.expand({n, high, wide}).reshape(-1), columns.expand({n, high, wide}).reshape(-1),
            data.slice(0, 0, n).reshape(-1)};
  }

  /// data: [n, L], of which [k, j] stands in row j - offsets[k] and column j.
  Entries diagonals() const {
    const auto data = numbers("data");
    const auto offsets = indices("offsets");
    check_length(data, 2, offsets.size(0));
    const auto columns = torch::arange(data.size(1)).expand_as(data);
    const auto rows = columns - offsets.unsqueeze(1);
    const auto inside = rows.ge(0).logical_and(rows.lt(height_)).logical_and(columns.lt(width_));
    return {rows.masked_select(inside), columns.masked_select(inside), data.masked_select(inside)};
  }

  /// The smallest type that holds the values, [n] float64, exactly.
  static torch::ScalarType smallest_type(const torch::Tensor& values) {
    const bool bytes = values.ge(0).logical_and(values.le(255)).all().item<bool>() &&
                       values.eq(values.round()).all().item<bool>();
    if (bytes) return torch::kUInt8;
    const bool singles = values.eq(values.to(torch::kFloat32)).all().item<bool>();
    return singles ? torch::kFloat32 : torch::kFloat64;
  }

  torch::Tensor dense(const torch::Tensor& sparse) const {  // -> [N, D]
    const auto values = sparse._values();
    const auto type = smallest_type(values);
    const auto size = static_cast<double>(height_) * static_cast<double>(width_) *
                      static_cast<double>(torch::elementSize(type) + sizeof(float));
    require_memory(size,
                   where_ + ", a sparse matrix of " + std::to_string(height_) + "x" +
                       std::to_string(width_) + ", dense",
                   "keep fewer of its rows, or of its columns those that vary most");
    return torch::sparse_coo_tensor(sparse._indices(), values.to(type), {height_, width_})
        .to_dense();
  }

  std::string_view bytes_;
  const std::string& where_;
  int64_t height_ = 0;
  int64_t width_ = 0;
};

}  // namespace

std::optional<torch::Tensor> lines_of_entries(const torch::Tensor& pointers, int64_t lines,
                                              int64_t entries) {
  if (pointers.dim() != 1 || pointers.size(0) != lines + 1) return std::nullopt;
  // Before differences, which of numbers as large as they may be would not be theirs.
  const bool within = pointers.ge(0).logical_and(pointers.le(entries)).all().item<bool>();
  if (!within || pointers[0].item<int64_t>() != 0) return std::nullopt;
  const auto lengths = pointers.diff();
  if (lengths.lt(0).any().item<bool>()) return std::nullopt;
  return torch::arange(lines, torch::kInt64).repeat_interleave(lengths);
}

bool is_sparse_matrix(const std::vector<std::string>& names) {
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return has("format") && has("shape") && has("data");
}

Array parse_sparse_matrix(std::string_view bytes, const std::string& where) {
  return SparseReader(bytes, where).read();
}

}  // namespace clade
