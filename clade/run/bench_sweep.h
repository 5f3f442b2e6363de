#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace clade {

/// What --sweep asks for: a setting, and the values it takes one after the other.
struct Sweep {
  std::string key;  ///< "model.clusters"
  /// Numbers, or lists of them such as "[5,5]", in the order given; none: no sweep.
  std::vector<std::string> values;

  bool is_of_clusters() const;  ///< model.clusters, or what mixtures p(z) call them.
  std::string name_of(const std::string& value) const;     ///< "clusters-10", "clusters-5-5"
  std::string setting_of(const std::string& value) const;  ///< "model.clusters=10"
};

/// Reads "model.clusters=5,10,20". Throws ConfigError for values that are neither numbers nor lists
/// of them, fewer than two, or one twice.
Sweep parse_sweep(const std::string& word);

/// A file that was written of several runs, and what is to be said of it.
struct Written {
  std::filesystem::path file;
  std::string text;  ///< Of a table, what is in it.
  std::vector<std::string> notes;
};

/// Writes what the finished runs in `folders`, those of each value, give into `out`: sweep.md, with
/// the value to take and why, and sweep.png. Nothing if no value has a run.
std::optional<Written> write_sweep(const Sweep& sweep,
                                   const std::vector<std::vector<std::filesystem::path>>& folders,
                                   const std::filesystem::path& out);

}  // namespace clade
