#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace clade {

/// A value an author wrote, and where it stands.
struct ExperimentSetting {
  std::string where;    ///< "cagem.toml:7", or "--set model.clusters=20".
  std::string section;  ///< "model" or "training.schedule"; "" above the first table.
  std::string key;      ///< Empty: the section itself, with nothing in it.
  nlohmann::json value;
  std::string words = {};  ///< Of an override: the value as typed.

  std::string name() const;  ///< "model.clusters", or "model" for the section itself.
};

/// One [row.NAME], [group.NAME] or [variant.NAME].
struct NamedSettings {
  std::string name;
  std::string where;                ///< "table-3.toml:12", the line it begins on.
  std::vector<std::string> groups;  ///< Of a row or a variant: `groups = ["a", "b"]`.
  std::vector<ExperimentSetting> settings;
};

/// A TOML file of settings as it stands, everything in the order of its lines. What its rows,
/// groups and variants mean is said in experiment_table.h.
struct ExperimentDocument {
  std::vector<ExperimentSetting> settings;  ///< Outside rows, groups and variants.
  std::vector<NamedSettings> rows, groups, variants;
};

/// Throws ConfigError with the line for what is not TOML; for a date or time; for a row, group or
/// variant that is no table or whose name has other characters than letters, digits, - and _; for a
/// group that a row or variant names and the file does not have; and for groups and variants in a
/// file without rows. Throws Error when the file cannot be read.
ExperimentDocument read_experiment_document(const std::filesystem::path& path);

/// The value of an override if it is TOML that a setting can hold, otherwise its text.
nlohmann::json value_of_words(const std::string& words);

}  // namespace clade
