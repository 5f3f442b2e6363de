#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/formats/experiment_table.h"

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
/// A file with rows is a table of experiments, such as a paper has: what stands outside them is
/// shared, and a row holds what differs.
///
///     [group.clustered]
///     train.warmup = 5
///
///     [variant.gumbel]
///     groups = ["clustered"]       # the rows it is for; without this line, all
///     model.estimator = "gumbel"
///
///     [row.mnist-10]
///     groups = ["clustered"]       # settings shared by some rows, which its own replace
///     data.name = "mnist"
///     published.bound = 87.15
///
/// A row is named by FILE:ROW, table-3.toml:mnist-10, and a variant of it by FILE:ROW+VARIANT,
/// table-3.toml:mnist-10+gumbel, or by more than one of them, +start+short, in `extends` too.
///
/// Sections are named as in the file, "model" or "training.schedule"; "" has the keys above the
/// first table. Errors are ConfigError and name FILE:LINE, or the override, and the key.
class ExperimentFile {
 public:
  /// An experiment that leaves every setting at its default.
  ExperimentFile() = default;

  /// `address` is a file, or a row of one (see parse_address()). Throws ConfigError with the line
  /// for what is not TOML and for an `extends` that leads nowhere or in a circle; ConfigError with
  /// the nearest name for a row or variant there is not; Error when the file cannot be read.
  static ExperimentFile parse(const std::filesystem::path& address);

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

  /// Whether this key has a value here.
  bool gives(const std::string& section, const std::string& key) const;

  /// Where this key got its value, as errors begin: "FILE:LINE: model.clusters". It has one.
  std::string where(const std::string& section, const std::string& key) const;

  /// Throws ConfigError for the first section or key that was never asked for, with the nearest one
  /// that was.
  void finish() const;

 private:
  /// `address` and what its file extends; `chain` are the files that led here.
  void add(const ExperimentAddress& address, std::vector<std::filesystem::path> chain);
  void put(ExperimentSetting setting);

  std::string suggested(const ExperimentSetting& setting) const;
  /// What `section` says of `option`, by its name or its former one; null if nothing.
  const ExperimentSetting* find(const std::string& section, const Option& option) const;

  using Name = std::pair<std::string, std::string>;  // section and key
  struct Placed {
    size_t place;  // in the order of the file, then of the overrides
    ExperimentSetting setting;
  };
  std::map<Name, Placed> settings_;
  size_t put_ = 0;                                         // settings so far
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
