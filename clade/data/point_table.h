#pragma once
#include <torch/types.h>

#include <iosfwd>
#include <string>
#include <vector>

#include "clade/data/dataset.h"

namespace clade {

/// A table about points, a row each, that can be joined to what was read. It begins with `index`, a
/// point's row in its file, from 0; then its name, under that column's or "file", if it has one;
/// and `label`, if any is known.
///
///     PointTable table(points);
///     table.add("cluster", q_y.argmax(1));
///     table.write(out);
class PointTable {
 public:
  explicit PointTable(const Dataset& points);

  /// numbers: [N]; whole ones are written as such, others to six digits.
  void add(const std::string& title, const torch::Tensor& numbers);

  /// One text a point.
  void add(const std::string& title, std::vector<std::string> texts);

  int64_t points() const { return points_; }

  /// As CSV after RFC 4180, with a header.
  void write(std::ostream& out) const;

 private:
  struct Column {
    std::string title;
    torch::Tensor numbers;  // [N] int64 or float64 on the CPU; undefined where there are texts
    std::vector<std::string> texts;

    std::string cell(int64_t point) const;
  };

  void add(Column added);

  int64_t points_;
  std::vector<Column> columns_;
};

/// The names of numbered things, [N] int64 -> N texts; an unknown one is an empty cell, as it is
/// read.
std::vector<std::string> names_of(const torch::Tensor& numbers,
                                  const std::vector<std::string>& names);

}  // namespace clade
