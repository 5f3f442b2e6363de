#include "clade/formats/experiment_table.h"

#include <fnmatch.h>

#include <algorithm>
#include <string_view>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

constexpr std::string_view kEnding = ".toml";

std::vector<std::string> names_of(const std::vector<NamedSettings>& all) {
  std::vector<std::string> names;
  for (const NamedSettings& one : all) names.push_back(one.name);
  return names;
}

/// `subject` begins the message if there is none of that name: "table-3.toml has no row mnist-11".
const NamedSettings& require(const std::vector<NamedSettings>& all, const std::string& name,
                             const std::string& subject) {
  for (const NamedSettings& one : all) {
    if (one.name == name) return one;
  }
  throw ConfigError(subject + "; " + suggest(name, names_of(all)));
}

/// A variant that names no groups is one of every row.
bool is_variant_of(const NamedSettings& variant, const NamedSettings& row) {
  return variant.groups.empty() ||
         std::find_first_of(variant.groups.begin(), variant.groups.end(), row.groups.begin(),
                            row.groups.end()) != variant.groups.end();
}

/// "mnist-10+start+short" is mnist-10, start and short.
std::vector<std::string> parts_of(const std::string& row) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t plus; (plus = row.find('+', begin)) != std::string::npos; begin = plus + 1) {
    parts.push_back(row.substr(begin, plus - begin));
  }
  parts.push_back(row.substr(begin));
  return parts;
}

bool is_like(const std::string& name, const std::string& pattern) {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace

std::string ExperimentAddress::row_name() const {
  std::string name = row;
  for (const std::string& variant : variants) name += "-" + variant;
  return name;
}

bool is_experiment_address(const std::string& text) {
  return parse_address(text).file.extension() == kEnding;
}

ExperimentAddress parse_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  const bool has_row = colon != std::string::npos && colon + 1 < text.size() &&
                       text.substr(0, colon).ends_with(kEnding) && !text.ends_with(kEnding);
  if (!has_row) return {text};
  const std::string row = text.substr(colon + 1);
  std::vector<std::string> parts = parts_of(row);
  if (parts.back().empty()) return {text.substr(0, colon), row};
  return {text.substr(0, colon), parts.front(), {parts.begin() + 1, parts.end()}};
}

std::vector<ExperimentSetting> settings_at(const ExperimentDocument& document,
                                           const ExperimentAddress& address) {
  const std::string file = address.from + address.file.string();
  const bool of_row = !address.row.empty() || !address.variants.empty();
  if (document.rows.empty() && of_row)
    throw ConfigError(file + " has no rows; leave out :" + address.row);
  if (!document.rows.empty() && !of_row) {
    throw ConfigError(file + " is a table; name a row of it, " + address.file.string() +
                      ":ROW, ROW being " + one_of(names_of(document.rows)));
  }
  std::vector<ExperimentSetting> settings = document.settings;
  if (!of_row) return settings;

  const auto add = [&](const NamedSettings& more) {
    settings.insert(settings.end(), more.settings.begin(), more.settings.end());
  };
  const NamedSettings& row =
      require(document.rows, address.row, file + " has no row " + address.row);
  for (const std::string& group : row.groups) {
    add(require(document.groups, group, file + " has no group " + group));
  }
  add(row);
  for (const std::string& name : address.variants) {
    const NamedSettings& variant =
        require(document.variants, name, file + " has no variant " + name);
    if (!is_variant_of(variant, row)) {
      throw ConfigError(address.from + variant.where + ": variant " + name +
                        " is for rows of the group " + one_of(variant.groups) + ", and " +
                        row.name + " is not one; leave out +" + name);
    }
    add(variant);
  }
  return settings;
}

std::vector<std::string> rows_of(const ExperimentDocument& document) {
  std::vector<std::string> rows;
  for (const NamedSettings& row : document.rows) {
    rows.push_back(row.name);
    for (const NamedSettings& variant : document.variants) {
      if (is_variant_of(variant, row)) rows.push_back(row.name + "+" + variant.name);
    }
  }
  return rows;
}

std::vector<std::string> rows_like(const std::string& pattern, const ExperimentDocument& document) {
  const std::vector<std::string> parts = parts_of(pattern);
  std::vector<std::string> all;
  for (const NamedSettings& row : document.rows) {
    if (!is_like(row.name, parts.front())) continue;
    std::vector<std::string> rows = {row.name};
    for (size_t i = 1; i < parts.size(); ++i) {
      std::vector<std::string> longer;
      for (const std::string& name : rows) {
        for (const NamedSettings& variant : document.variants) {
          if (!is_variant_of(variant, row) || !is_like(variant.name, parts[i])) continue;
          longer.push_back(name + "+" + variant.name);
        }
      }
      rows = std::move(longer);
    }
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace clade
