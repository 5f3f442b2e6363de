#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace clade {

/// What a column of a table says to tell its rows apart, as the index of a data frame.
struct RowIndex {
  std::vector<std::string> names;  ///< One a row, numbers in one spelling; empty if there is none.
  bool counts = false;             ///< Whether they are 0, 1, 2, … or 1, 2, 3, … of all rows.

  /// Of these rows, [n] int64.
  RowIndex of(const torch::Tensor& rows) const;
};

/// The index whose cells these are.
RowIndex row_index(std::vector<std::string> cells);

/// Whether `index`, which does not count, has all rows of `rows`, and none twice.
bool names_all(const RowIndex& index, const RowIndex& rows);

/// For each of `rows` the row of `index`, that of the file `where`, that bears its name; nothing if
/// the names say nothing against the order: one of them has none, or has them twice, or counts.
/// Throws DataError where they do: rows that `index` does not have, or the same numbers in order in
/// one and not in the other, of which nobody knows which order is the points'.
std::optional<std::vector<int64_t>> rows_by_name(const RowIndex& rows, const RowIndex& index,
                                                 const std::string& where);

/// Of these rows, from 0, [n] int64.
std::vector<std::string> take_cells(const std::vector<std::string>& cells,
                                    const torch::Tensor& rows);
template <class Rows>
std::vector<std::string> take_cells(const std::vector<std::string>& cells, const Rows& rows) {
  std::vector<std::string> taken;
  for (const auto row : rows) taken.push_back(cells.at(static_cast<size_t>(row)));
  return taken;
}

}  // namespace clade
