#include "clade/data/row_index.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "clade/core/error.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

using Places = std::unordered_map<std::string, int64_t>;

std::string in_one_spelling(const std::string& cell) {
  constexpr double kMost = 1e15;
  const auto number = parse_number(cell);
  const bool whole = number && *number == std::floor(*number) && std::abs(*number) < kMost;
  return whole ? std::to_string(static_cast<int64_t>(*number)) : cell;
}

bool count_from(int64_t first, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(first + static_cast<int64_t>(i))) return false;
  }
  return true;
}

/// Where each name stands; empty if one stands twice.
Places places_of(const std::vector<std::string>& names) {
  Places places;
  for (const std::string& name : names) {
    if (!places.emplace(name, places.size()).second) return {};
  }
  return places;
}

/// The first of `names` that has no place, or their end.
auto first_lost(const std::vector<std::string>& names, const Places& places) {
  return std::find_if(names.begin(), names.end(),
                      [&](const std::string& name) { return places.count(name) == 0; });
}

bool are_numbers(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), parse_number);
}

}  // namespace

std::vector<std::string> take_cells(const std::vector<std::string>& cells,
                                    const torch::Tensor& rows) {
  const auto packed = rows.contiguous();
  const auto* row = packed.data_ptr<int64_t>();
  return take_cells(cells, std::vector<int64_t>(row, row + packed.numel()));
}

RowIndex RowIndex::of(const torch::Tensor& rows) const {
  return names.empty() ? *this : RowIndex{take_cells(names, rows), counts};
}

RowIndex row_index(std::vector<std::string> cells) {
  RowIndex index{std::move(cells), false};
  std::transform(index.names.begin(), index.names.end(), index.names.begin(), in_one_spelling);
  index.counts = count_from(0, index.names) || count_from(1, index.names);
  return index;
}

bool names_all(const RowIndex& index, const RowIndex& rows) {
  if (index.counts || rows.names.empty()) return false;
  const Places places = places_of(index.names);
  return !places_of(rows.names).empty() && first_lost(rows.names, places) == rows.names.end();
}

std::optional<std::vector<int64_t>> rows_by_name(const RowIndex& rows, const RowIndex& index,
                                                 const std::string& where) {
  if (rows.counts && index.counts) return std::nullopt;
  const Places places = places_of(index.names);
  if (places.empty() || places_of(rows.names).empty()) return std::nullopt;
  const auto lost = first_lost(rows.names, places);
  if (rows.counts || index.counts) {
    if (lost != rows.names.end() || rows.names.size() != index.names.size()) return std::nullopt;
    throw DataError(
        where + ": its rows are numbered as the points are, but " +
        (rows.counts ? "in another order" : "in order, where the points are not") +
        "; put both in one order, or leave the numbers out of one if it is one already");
  }
  if (lost == rows.names.end()) {
    std::vector<int64_t> found;
    for (const std::string& name : rows.names) found.push_back(places.at(name));
    return found;
  }
  if (are_numbers(rows.names) != are_numbers(index.names)) return std::nullopt;
  throw DataError(where + " names its rows, but has no row '" + *lost +
                  "', as the points have; give it their rows, or leave the names out if its order "
                  "is theirs");
}

}  // namespace clade
