#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "clade/formats/experiment_toml.h"

namespace clade {

/// An experiment as a user names it: a file, table-3.toml; a row of a table, table-3.toml:mnist-10;
/// or variants of a row, table-3.toml:mnist-10+gumbel, of which a later one has the last word.
struct ExperimentAddress {
  std::filesystem::path file;
  std::string row = {};                    ///< Empty: the file is the experiment.
  std::vector<std::string> variants = {};  ///< Empty: the row as the table has it.
  std::string from = {};  ///< "top.toml:1: ", the `extends` it stands in; empty from a user.

  /// What the row is called where + would be in the way, mnist-10-gumbel; empty without a row.
  std::string row_name() const;
};

/// Whether `text` names an experiment file or a row of one, by its form: FILE.toml,
/// FILE.toml:ROW or FILE.toml:ROW+VARIANT, with more variants if there are more +.
bool is_experiment_address(const std::string& text);

/// The parts of `text`, which is the file as a whole if it has none of these forms.
ExperimentAddress parse_address(const std::string& text);

/// The settings of the experiment at `address`, whose file `document` is; a later one replaces an
/// earlier of the same name. They are those of the whole file, those of the row's groups as it
/// names them, its own, and each variant's. Throws ConfigError for a row or variant that there is
/// not, with the nearest one there is; for a table without a row; and for a variant whose groups
/// the row has none of.
std::vector<ExperimentSetting> settings_at(const ExperimentDocument& document,
                                           const ExperimentAddress& address);

/// What may stand behind FILE: in an address, in the order of the table: every row, followed by its
/// variants. Empty for a file that is no table.
std::vector<std::string> rows_of(const ExperimentDocument& document);

/// The rows of `document` that a shell's pattern means, and variants only if it says so: mnist-* is
/// mnist-10, mnist-*+gumbel is mnist-10+gumbel, and mnist-*+start+short those rows with both.
std::vector<std::string> rows_like(const std::string& pattern, const ExperimentDocument& document);

}  // namespace clade
