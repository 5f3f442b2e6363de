#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"

namespace clade {

/// An experiment as its author wrote it: a TOML file with one table a section, overridden by
/// `--set`.
///
///     ExperimentFile file = ExperimentFile::parse("cagem.toml");
///     file.override("model.clusters=20");
///     const auto name = file.string("model", "name");
///     file.read("", run);        // the keys above the first table: seed, device, …
///     file.read("model", model_options);
///     file.finish();             // whatever nobody has asked for is a mistake
///
/// A file may build on another, `extends = "../base.toml"`, a path from its own folder: that one's
/// settings are read first, and its own replace them key by key.
///
/// Sections are named as in the file, "model" or "training.schedule"; "" has the keys above the
/// first table. Errors are ConfigError and name FILE:LINE, or the override, and the key.
class ExperimentFile {
 public:
  /// An experiment that leaves every setting at its default.
  ExperimentFile() = default;

  /// Throws ConfigError with the line for what is not TOML and for an `extends` that leads nowhere
  /// or in a circle, Error when the file cannot be read.
  static ExperimentFile parse(const std::filesystem::path& path);

  /// Takes "section.key=value" in place of what the file says; a later override replaces an
  /// earlier. The value is TOML, and text needs no quotes: data.path=points.csv, data.labels=7 (a
  /// column of that name). Throws ConfigError where there is no key or no "=".
  void override(const std::string& assignment);

  /// Assigns every key of `section` that is one of `options`; the others keep their defaults. A
  /// section may be read more than once, so keys that are nobody's wait for finish(). Throws
  /// ConfigError for a value of the wrong type.
  void read(const std::string& section, Options& options);

  /// The text of a key that belongs to no Options (model.name), or nothing where it is absent.
  /// Throws ConfigError when it is not text.
  std::optional<std::string> string(const std::string& section, const std::string& key);

  /// Throws ConfigError for the first section or key that was never asked for, with the nearest one
  /// that was.
  void finish() const;

 private:
  struct Setting {
    std::string where;  ///< "cagem.toml:7", or "--set model.clusters=20".
    std::string section;
    std::string key;  ///< Empty: the section itself, with nothing in it.
    nlohmann::json value;
    std::string words;  ///< Of an override: the value as typed.
  };

  static std::vector<Setting> settings_in(const std::filesystem::path& path);
  static void assign_setting(const Setting& setting, const Option& option);

  /// `path` and what it extends; `chain` are the files that led here.
  void add(const std::filesystem::path& path, std::vector<std::filesystem::path> chain);
  void put(Setting setting);

  std::vector<Setting> settings_;  // in the order of the file, then of the overrides
  std::map<std::string, std::vector<std::string>> known_;  // section -> keys asked for
};

/// One table of an experiment file to be written.
struct ExperimentSection {
  std::string name;  ///< "" for the keys above the first table: only as the first section.
  Options* options = nullptr;  ///< May be null where `strings` say everything.
  std::vector<std::pair<std::string, std::string>> strings = {};  ///< Keys read by string().
};

/// The resolved experiment: every setting with its present value, read back equal by
/// ExperimentFile. Throws ConfigError for a value TOML cannot hold (see spelled()).
std::string to_toml(const std::vector<ExperimentSection>& sections);

}  // namespace clade
