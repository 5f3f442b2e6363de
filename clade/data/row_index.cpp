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

/// "3", "a/3" or "a/3.png" of "a/3.png".
std::string file_name_of(const std::string& name, RowIndex::Of of_what) {
  const auto path = std::filesystem::path(name).lexically_normal();
  if (of_what == RowIndex::Of::whole_paths) return path.string();
  const bool folders = of_what == RowIndex::Of::paths;
  return in_one_spelling((folders ? path.parent_path() / path.stem() : path.stem()).string());
}

/// `name` without as many of its first folders as it takes to have a place; if none do, as it is.
std::string below_a_folder(const std::string& name, const Places& places) {
  for (std::string rest = name;;) {
    if (places.count(rest) == 1) return rest;
    const size_t slash = rest.find('/');
    if (slash == std::string::npos) return name;
    rest.erase(0, slash + 1);
  }
}

/// `index` as the names of `rows` are written.
RowIndex spelled_like(const RowIndex& rows, RowIndex index) {
  if (rows.of_what == RowIndex::Of::rows) return index;
  const Places places = places_of(rows.names);
  for (std::string& name : index.names) {
    name = below_a_folder(file_name_of(name, rows.of_what), places);
  }
  return index;
}

/// Whether they are 0, 1, 2, … or 1, 2, 3, … in some order.
bool count_in_some_order(const std::vector<std::string>& names) {
  const Places places = places_of(names);
  const auto n = static_cast<int64_t>(names.size());
  const auto has_all_from = [&](int64_t first) {
    for (int64_t i = first; i < first + n; ++i) {
      if (places.count(std::to_string(i)) == 0) return false;
    }
    return true;
  };
  return has_all_from(0) || has_all_from(1);
}

/// "img#.png" of "img10.png".
std::string without_numbers(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit || text.empty() || text.back() != '#') text += digit ? '#' : c;
  }
  return text;
}

/// Whether two names are alike but for their numbers, and the first of those that differs is larger
/// in `a`.
bool is_of_larger_number(const std::string& a, const std::string& b) {
  if (without_numbers(a) != without_numbers(b)) return false;
  size_t at =
      static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  while (at > 0 && a[at - 1] >= '0' && a[at - 1] <= '9') --at;
  const auto number = [&](const std::string& name) {
    const size_t end = std::min(name.find_first_not_of("0123456789", at), name.size());
    return parse_number(name.substr(at, end - at)).value_or(0);
  };
  return number(a) > number(b);
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
  for (const auto of_what : {RowIndex::Of::files, RowIndex::Of::paths, RowIndex::Of::whole_paths}) {
    index = {files, false, of_what};
    for (std::string& name : index.names) name = file_name_of(name, of_what);
    if (places_of(index.names).size() == files.size()) break;
  }
  return index;
}

std::string said_of_file_order(const std::vector<std::string>& files) {
  const auto step = std::adjacent_find(files.begin(), files.end(), is_of_larger_number);
  if (step == files.end()) return "";
  return "labels are taken in the order of the files' names, in which " + *step +
         " stands before " + *(step + 1) +
         "; if theirs is another, give them a column of file names";
}

bool names_rows(const RowIndex& index, const RowIndex& rows) {
  if (index.counts || index.names.empty() || rows.names.empty()) return false;
  const auto names = spelled_like(rows, index).names;
  const Places places = places_of(names);
  if (rows.counts && places.size() < names.size())
    return false;  // small numbers, of something else
  return mostly_placed(rows.names, places) || mostly_placed(names, places_of(rows.names));
}

std::optional<std::vector<int64_t>> rows_by_name(const RowIndex& rows, RowIndex index,
                                                 const std::string& where, bool some) {
  if (rows.counts && index.counts) return std::nullopt;
  if (rows.names.empty() && !index.counts && !index.names.empty() &&
      count_in_some_order(index.names)) {
    throw DataError(where +
                    ": its rows are numbered, but out of order, and the points have no numbers; "
                    "sort it by them, or leave them out if its order is the points'");
  }
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
  const bool belong = mostly_placed(index.names, own) || mostly_placed(rows.names, places);
  if (lost != rows.names.end() && (!belong || !some)) {
    const bool alike = are_numbers(rows.names) == are_numbers(index.names);
    if (!alike && !belong) return std::nullopt;
    throw DataError(where + " names its rows, but has no row '" + *lost +
                    "', as the points have; give it their rows, or leave the names out if its "
                    "order is theirs");
  }
  for (size_t i = 0; i < index.names.size(); ++i) {
    if (own.count(index.names[i]) == 0) continue;
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
