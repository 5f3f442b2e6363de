#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace clade {

/// What a column of a table says to tell its rows apart, as the index of a data frame; or the files
/// of images.
struct RowIndex {
  std::vector<std::string> names;  ///< One a row, numbers in one spelling; empty if there is none.
  bool counts = false;             ///< Whether they are 0, 1, 2, … or 1, 2, 3, … of all rows.
  /// Whether they are files: without ending and folders, or, if those tell no two apart, without
  /// ending, or whole.
  enum class Of { rows, files, paths, whole_paths } of_what = Of::rows;

  /// Of these rows, [n] int64.
  RowIndex of(const torch::Tensor& rows) const;
};

/// The index whose cells these are.
RowIndex row_index(std::vector<std::string> cells);

/// That of images, by their files relative to the folder.
RowIndex file_index(const std::vector<std::string>& files);

/// Says in which order labels are joined to `files`, which are in byte order, if by the numbers in
/// their names it would be another; "" otherwise.
std::string said_of_file_order(const std::vector<std::string>& files);

/// Whether `index`, which does not count, is of rows that `rows` names: it has half of those or
/// more, or half of its own names or more are among them; of rows that count it names none twice.
/// Names of files are compared as those of `rows` are written, "photos/a/3.png" being "3", or
/// "a/3".
bool names_rows(const RowIndex& index, const RowIndex& rows);

/// A row that a file does not have.
inline constexpr int64_t kNoRow = -1;

/// For each of `rows` the row of `index`, that of the file `where`, that bears its name; nothing if
/// the names say nothing against the order: one of them has none, or counts, or they are the same.
/// If `some` is enough, kNoRow stands for those that `index` does not have. Throws DataError where
/// they do: rows that `index` does not have, or has twice, or the same numbers in order in one and
/// not in the other, of which nobody knows which order is the points'. So it does for numbers out
/// of order beside points that have none.
std::optional<std::vector<int64_t>> rows_by_name(const RowIndex& rows, RowIndex index,
                                                 const std::string& where, bool some = false);

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
