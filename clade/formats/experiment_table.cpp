#include "clade/formats/experiment_table.h"

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

}  // namespace

std::string ExperimentAddress::row_name() const {
  return variant.empty() ? row : row + "-" + variant;
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
  const size_t plus = row.find('+');
  if (plus == std::string::npos || plus + 1 == row.size()) return {text.substr(0, colon), row};
  return {text.substr(0, colon), row.substr(0, plus), row.substr(plus + 1)};
}

std::vector<ExperimentSetting> settings_at(const ExperimentDocument& document,
                                           const ExperimentAddress& address) {
  const std::string file = address.from + address.file.string();
  const bool of_row = !address.row.empty() || !address.variant.empty();
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
  if (address.variant.empty()) return settings;

  const NamedSettings& variant =
      require(document.variants, address.variant, file + " has no variant " + address.variant);
  if (!is_variant_of(variant, row)) {
    throw ConfigError(address.from + variant.where + ": variant " + variant.name +
                      " is for rows of the group " + one_of(variant.groups) + ", and " + row.name +
                      " is not one; leave out +" + variant.name);
  }
  add(variant);
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

}  // namespace clade
