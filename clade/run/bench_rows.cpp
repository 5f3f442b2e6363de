#include "clade/run/bench_rows.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/formats/data_file.h"

namespace clade {

namespace fs = std::filesystem;
using nlohmann::json;

std::string row_name(const std::string& what) {
  const bool is_data = !is_experiment_address(what);  // of which an array may be named
  const ExperimentAddress address = parse_address(is_data ? split_array_path(what).file : what);
  fs::path path = plain_path(address.file).replace_extension();
  if (!address.row.empty()) path.replace_filename(address.row_name());
  fs::path below;
  bool inside = false;
  for (const fs::path& part : path) {
    if (part == "experiments") {
      inside = true;
      below.clear();
    } else if (inside) {
      below /= part;
    }
  }
  return below.empty() ? path.filename().string() : below.string();
}

namespace {

/// What settings of a model call its number of clusters, or the list of them on its levels; or "".
std::string clusters_key(const json& options) {
  for (const std::string name : {"clusters", "components"}) {
    if (options.contains(name)) return name;
  }
  return "";
}

}  // namespace

json clusters_of(const Experiment& experiment) {
  const json options = to_json(*experiment.model);
  const std::string key = clusters_key(options);
  const bool single = key == "components" && options.at("prior") == "standard_normal";
  return key.empty() || single ? json() : options.at(key);
}

std::string common_name(const std::string& what, const std::string& model) {
  return row_name(what) + (model.empty() ? "" : "/" + model);
}

namespace {

void require_no_seed(const std::vector<std::string>& settings) {
  ExperimentFile given;
  for (const std::string& setting : settings) given.override(setting);
  if (!given.gives("", "seed")) return;
  throw ConfigError(
      "seed is set, but clade bench trains every seed from 1 to --seeds; leave it out, and give "
      "--seeds");
}

/// The table is of test points.
void require_test_points(const BenchRow& row) {
  if (row.experiment.data.test != 0) return;
  throw ConfigError("data.test is 0, and the figures of " + row.what +
                    " are to be of test points; leave it out");
}

/// What the row is told. An error about the setting of a sweep says what was typed.
void read_row(ExperimentFile file, const std::string& swept, BenchRow& row) {
  try {
    for (const std::string& setting : row.settings) file.override(setting);
    require_no_seed(row.settings);
    row.file = file;
    row.experiment = load_experiment(std::move(file));
    require_test_points(row);
  } catch (const ConfigError& error) {
    const std::string said = error.what(), set = "--set ";
    if (swept.empty() || !said.starts_with(set + swept)) throw;
    throw ConfigError("--sweep " + said.substr(set.size()));
  }
}

/// The setting for `clusters`, a number or a list of them, by the name that the model has for them
/// and, of a number, on all of its levels; "" for a model without.
std::string clusters_setting(const std::string& model, const std::string& clusters) {
  const json settings = to_json(*find_model(model).options());
  const std::string key = clusters_key(settings);
  if (key.empty()) return "";
  std::string value = clusters;
  if (settings.at(key).is_array() && !clusters.starts_with('[')) {
    value = "[" + clusters;
    for (size_t level = 1; level < settings.at(key).size(); ++level) value += "," + clusters;
    value += "]";
  }
  return "model." + key + "=" + value;
}

/// `model` is "" for that of the file, `swept` without a sweep.
BenchRow load_row(const std::string& what, const std::string& model, const std::string& swept,
                  bool some_learn, const BenchArguments& arguments) {
  BenchRow row;
  row.what = what;
  row.model = model;
  row.swept = swept;
  row.name = common_name(what, model);
  if (!model.empty()) {
    row.settings.push_back("model.name=" + model);
    const std::string clusters = clusters_setting(model, std::to_string(arguments.clusters));
    if (arguments.clusters > 0 && !clusters.empty()) row.settings.push_back(clusters);
  }
  if (!arguments.labels.empty()) row.settings.push_back("data.labels=" + arguments.labels);
  auto file = experiment_on(what);
  row.with_learners = some_learn && file.gives("data", "path");
  if (row.with_learners) row.settings.push_back(kEveryLabelLearned);
  row.settings.insert(row.settings.end(), arguments.overrides.begin(), arguments.overrides.end());
  if (!swept.empty()) {
    row.name += "/" + arguments.sweep.name_of(swept);
    const bool of_clusters = !model.empty() && arguments.sweep.is_of_clusters();
    const std::string own = of_clusters ? clusters_setting(model, swept) : "";
    row.settings.push_back(own.empty() ? arguments.sweep.setting_of(swept) : own);
  }
  read_row(std::move(file), swept.empty() ? "" : row.settings.back(), row);
  if (!swept.empty() && arguments.sweep.is_of_clusters() && clusters_of(row.experiment).is_null()) {
    throw ConfigError("--sweep " + arguments.sweep.key + ": " + row.experiment.model_name +
                      " has one component, as model.prior is standard_normal; leave it out, "
                      "or set the prior");
  }
  return row;
}

/// What `what` is compared by; "" is the model of an experiment file. A sweep over data is of the
/// model that `clade train DATA` trains.
std::vector<std::string> models_for(const std::string& what, const BenchArguments& arguments) {
  if (arguments.models.empty()) {
    if (is_experiment_address(what)) return {""};
    if (!arguments.sweep.values.empty()) return {kDefaultModel};
    throw ConfigError(what + " is no experiment file (.toml); for data, say which models " +
                      "to compare on it: --models vae,cp_vae, or --models all");
  }
  if (arguments.models != std::vector<std::string>{"all"}) return arguments.models;
  std::vector<std::string> all;
  for (const auto& model : models()) all.push_back(model.name);
  return all;
}

/// What to run, with the rows that --rows names in the place of each table.
std::vector<std::string> one_by_one(const BenchArguments& arguments) {
  const std::vector<std::string> every = {"*"};
  std::set<std::string> unused(arguments.rows.begin(), arguments.rows.end());
  std::vector<std::string> asked, known;
  for (const std::string& what : arguments.files) {
    ExperimentDocument table;  // nothing for data, and for what names its row itself
    if (is_experiment_address(what) && parse_address(what).row.empty()) {
      table = read_experiment_document(what);
    }
    if (table.rows.empty()) asked.push_back(what);
    for (const std::string& pattern : arguments.rows.empty() ? every : arguments.rows) {
      for (const std::string& row : rows_like(pattern, table)) {
        const std::string address = what + ":" + row;
        if (std::find(asked.begin(), asked.end(), address) == asked.end()) asked.push_back(address);
        unused.erase(pattern);
      }
    }
    for (const std::string& row : rows_of(table)) known.push_back(row);
  }
  if (unused.empty()) return asked;
  throw ConfigError("--rows " + *unused.begin() + " names no row of " + one_of(arguments.files) +
                    "; " + suggest(*unused.begin(), known));
}

}  // namespace

std::vector<BenchRow> load_rows(const BenchArguments& arguments) {
  auto values = arguments.sweep.values;
  if (values.empty()) values = {""};
  std::vector<BenchRow> rows;
  for (const std::string& what : one_by_one(arguments)) {
    const auto asked = models_for(what, arguments);
    const auto& known = models();
    const bool some_learn = std::any_of(known.begin(), known.end(), [&](const auto& one) {
      return one.takes_labels && std::find(asked.begin(), asked.end(), one.name) != asked.end();
    });
    for (const std::string& model : asked) {
      for (const std::string& value : values) {
        rows.push_back(load_row(what, model, value, some_learn, arguments));
      }
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (rows[j].name != rows[i].name) continue;
      if (rows[j].what == rows[i].what) {
        throw ConfigError(rows[i].name + " is asked for twice; name it once");
      }
      throw ConfigError(rows[j].what + " and " + rows[i].what + " would both be called " +
                        rows[i].name +
                        " in the table; rename one, or give them another --out each");
    }
  }
  return rows;
}

}  // namespace clade
