#include "clade/data/row_index.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
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

/// Where each name stands first.
Places places_of(const std::vector<std::string>& names) {
  Places places;
  for (size_t i = 0; i < names.size(); ++i) places.emplace(names[i], static_cast<int64_t>(i));
  return places;
}

/// The first of `names` that has no place, or their end.
auto first_lost(const std::vector<std::string>& names, const Places& places) {
  return std::find_if(names.begin(), names.end(),
                      [&](const std::string& name) { return places.count(name) == 0; });
}

/// Whether at least half of `names` have a place.
bool mostly_placed(const std::vector<std::string>& names, const Places& places) {
  const auto placed = std::count_if(
      names.begin(), names.end(), [&](const std::string& name) { return places.count(name) == 1; });
  return 2 * static_cast<size_t>(placed) >= names.size();
}

/// "3" of "a/3.png", or with its folders "a/3".
std::string without_ending(const std::string& name, bool folders) {
  const std::filesystem::path path(name);
  return ((folders ? path.parent_path() : std::filesystem::path()) / path.stem())
      .lexically_normal()
      .string();
}

/// `index` as the names of `rows` are written.
RowIndex spelled_like(const RowIndex& rows, RowIndex index) {
  if (rows.of_what == RowIndex::Of::rows) return index;
  for (std::string& name : index.names) {
    name = in_one_spelling(without_ending(name, rows.of_what == RowIndex::Of::paths));
  }
  return index;
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
  return names.empty() ? *this : RowIndex{take_cells(names, rows), counts, of_what};
}

RowIndex row_index(std::vector<std::string> cells) {
  RowIndex index{std::move(cells), false};
  std::transform(index.names.begin(), index.names.end(), index.names.begin(), in_one_spelling);
  index.counts = count_from(0, index.names) || count_from(1, index.names);
  return index;
}

RowIndex file_index(const std::vector<std::string>& files) {
  RowIndex index;
  for (const auto of_what : {RowIndex::Of::files, RowIndex::Of::paths}) {
    const RowIndex written{files, false, of_what};
    index = spelled_like(written, written);
    if (places_of(index.names).size() == files.size()) break;
  }
  return index;
}

bool names_rows(const RowIndex& index, const RowIndex& rows) {
  if (index.counts || rows.names.empty()) return false;
  const auto names = spelled_like(rows, index).names;
  return first_lost(rows.names, places_of(names)) == rows.names.end() ||
         mostly_placed(names, places_of(rows.names));
}

std::optional<std::vector<int64_t>> rows_by_name(const RowIndex& rows, RowIndex index,
                                                 const std::string& where, bool some) {
  if (rows.counts && index.counts) return std::nullopt;
  if (rows.names.empty() || index.names.empty()) return std::nullopt;
  index = spelled_like(rows, std::move(index));
  if (rows.names == index.names) return std::nullopt;
  const Places places = places_of(index.names);
  const auto lost = first_lost(rows.names, places);
  // Files are no numbers of rows, whatever they are called.
  if (rows.of_what == RowIndex::Of::rows && (rows.counts || index.counts)) {
    if (lost != rows.names.end() || rows.names.size() != index.names.size()) return std::nullopt;
    throw DataError(
        where + ": its rows are numbered as the points are, but " +
        (rows.counts ? "in another order" : "in order, where the points are not") +
        "; put both in one order, or leave the numbers out of one if it is one already");
  }
  const Places own = places_of(rows.names);
  const bool of_others = first_lost(index.names, own) != index.names.end();
  if (lost != rows.names.end() && (of_others || !some)) {
    const bool alike = are_numbers(rows.names) == are_numbers(index.names);
    if (!alike && !mostly_placed(index.names, own)) return std::nullopt;
    throw DataError(where + " names its rows, but has no row '" + *lost +
                    "', as the points have; give it their rows, or leave the names out if its "
                    "order is theirs");
  }
  for (size_t i = 0; i < index.names.size(); ++i) {
    if (places.at(index.names[i]) == static_cast<int64_t>(i)) continue;
    throw DataError(where + " has several rows called '" + index.names[i] +
                    "', by which rows are told apart; leave one of each");
  }
  std::vector<int64_t> found;
  for (const std::string& name : rows.names) {
    const auto place = places.find(name);
    found.push_back(place == places.end() ? kNoRow : place->second);
  }
  return found;
}

}  // namespace clade
