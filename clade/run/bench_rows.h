#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/experiment/experiment.h"
#include "clade/formats/experiment_file.h"
#include "clade/run/bench_sweep.h"

namespace clade {

/// What clade bench is asked for.
struct BenchArguments {
  std::vector<std::string> files;  // or rows of files, or data
  std::vector<std::string> rows;   // globs
  std::vector<std::string> models;
  int64_t clusters = 0;
  std::string labels;
  std::vector<std::string> overrides;
  int64_t seeds = 1;
  int64_t jobs = 1;
  int64_t threads = 0;
  std::string out = "runs/bench";
  std::string into;
  Sweep sweep;  ///< No values: none.
};

/// Of somebody's own data, the setting that has the labels learned from spread evenly over the
/// parts, which models that learn from labels have anyway: all models of a table have the same test
/// points.
inline constexpr const char* kEveryLabelLearned = "data.label_budget=-1";

/// A row of the table: an experiment file, a row of one, or data; with a model, where models are
/// asked for.
struct BenchRow {
  std::string what, name;             ///< As clade train takes it, and as the table has it.
  std::string model;                  ///< The one asked for, or "".
  std::string swept;                  ///< Its value of what --sweep sweeps over, or "".
  bool with_learners = false;         ///< Whether models beside it learn from the data's labels.
  std::vector<std::string> settings;  ///< As --set has them.
  ExperimentFile file;                ///< What they say.
  Experiment experiment;              ///< With the defaults of what they leave open.
};

/// How many clusters an experiment has, or on each of its levels, or components of p(z); null if
/// it has none or p(z) is a single one.
nlohmann::json clusters_of(const Experiment& experiment);

/// The path below experiments/, or the file's own name, without .toml; for a row its own name in
/// place of the file's: cp-vae/mnist-10 of experiments/cp-vae/table-3.toml:mnist-10.
std::string row_name(const std::string& what);

/// The name of the rows of one sweep, but for the value: that of a row without one.
std::string common_name(const std::string& what, const std::string& model);

/// Every row asked for, in the order of the table. Throws ConfigError for what names none, for two
/// rows of one name, and for settings that a row does not take.
std::vector<BenchRow> load_rows(const BenchArguments& arguments);

}  // namespace clade
