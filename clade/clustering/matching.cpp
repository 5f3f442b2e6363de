#include "clade/clustering/matching.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>

namespace clade {

// Kuhn-Munkres with potentials, one shortest augmenting path a row, O(rows^2 columns) with the
// fewer dimension as rows.
std::vector<int64_t> best_matching(const torch::Tensor& all) {
  const bool turned = all.size(0) > all.size(1);
  const auto gains = (turned ? all.t() : all).contiguous();
  const auto gain = gains.accessor<int64_t, 2>();
  const size_t rows = static_cast<size_t>(gains.size(0));
  const size_t columns = static_cast<size_t>(gains.size(1));

  // Rows and columns count from 1; column 0 stands for "the row being placed" and row 0 for "free".
  // The potentials keep every reduced cost -gain - row_potential - column_potential >= 0.
  std::vector<int64_t> row_potential(rows + 1, 0), column_potential(columns + 1, 0);
  for (size_t row = 1; row <= rows; ++row) {
    row_potential[row] = -*std::max_element(gain[row - 1].data(), gain[row - 1].data() + columns);
  }
  std::vector<size_t> row_of(columns + 1, 0), previous(columns + 1, 0);
  for (size_t row = 1; row <= rows; ++row) {
    std::vector<int64_t> distance(columns + 1, std::numeric_limits<int64_t>::max());
    std::vector<bool> reached(columns + 1, false);
    row_of[0] = row;
    size_t column = 0;
    do {
      reached[column] = true;
      const size_t from = row_of[column];
      size_t next = 0;
      for (size_t j = 1; j <= columns; ++j) {
        if (reached[j]) continue;
        const int64_t reduced = -gain[from - 1][j - 1] - row_potential[from] - column_potential[j];
        if (reduced < distance[j]) {
          distance[j] = reduced;
          previous[j] = column;
        }
        if (next == 0 || distance[j] < distance[next]) next = j;
      }
      const int64_t step = distance[next];
      for (size_t j = 0; j <= columns; ++j) {
        if (reached[j]) {
          row_potential[row_of[j]] += step;
          column_potential[j] -= step;
        } else {
          distance[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = previous[column]) row_of[column] = row_of[previous[column]];
  }
  std::vector<int64_t> matched(static_cast<size_t>(all.size(0)), -1);
  for (size_t j = 1; j <= columns; ++j) {
    if (row_of[j] == 0) continue;
    const size_t row = row_of[j] - 1, column = j - 1;
    matched[turned ? column : row] = static_cast<int64_t>(turned ? row : column);
  }
  return matched;
}

}  // namespace clade
