#include "clade/run/bench_sweep.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <set>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/words.h"
#include "clade/evaluation/posteriors.h"
#include "clade/formats/numbers.h"
#include "clade/report/plots.h"
#include "clade/run/metrics_file.h"
#include "clade/run/sweep.h"
#include "clade/run/trained_run.h"

namespace clade {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

/// What stands between the commas that are in no brackets.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  int64_t depth = 0;
  for (const char letter : text) {
    depth += letter == '[' ? 1 : letter == ']' ? -1 : 0;
    if (letter == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

bool is_list(const std::string& value) {
  return value.size() > 2 && value.front() == '[' && value.back() == ']';
}

/// The one number that a value is, or those of its list; none if it is neither.
std::vector<double> numbers_of(const std::string& value) {
  std::vector<std::string> words = {value};
  if (is_list(value)) words = split(value.substr(1, value.size() - 2));
  std::vector<double> numbers;
  for (const std::string& word : words) {
    const auto number = parse_number(trimmed(word));
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// q(y|x), for each latent, of points that all seeds have: the test points of a named set; else
/// every point of the data, of those that a run learned from, too, for each seed splits them
/// otherwise.
std::vector<torch::Tensor> posteriors_of(const TrainedRun& run) {  // [N, K_l] each
  const DataOptions& data = run.experiment.data;
  const auto points = data.name.empty() ? run.points(data.path, "") : run.splits().test;
  return assignment(*run.trained.model, points.x, run.seed());
}

/// Adds what a run made of each latent with clusters; `figures` are those of a split.
void add_clusters(const TrainedRun& run, const json& figures, SweptValue& result) {
  const Model& model = *run.trained.model;
  const auto several = model.clusterings();
  if (several.empty()) return;
  const auto q = posteriors_of(run);
  result.clusterings.resize(several.size());
  for (size_t i = 0; i < several.size(); ++i) {
    SweptClusters& of = result.clusterings[i];
    if (several.size() > 1) of.latent = model.discrete()[several[i]].name;
    const json& own = of.latent.empty() ? figures : figures.at("latents").at(of.latent);
    of.effective.push_back(own.at("effective_clusters"));
    if (own.contains("clusters_told_apart")) {
      of.told_apart.push_back(own.at("clusters_told_apart"));
    }
    of.assigned.push_back(q[several[i]].argmax(1).cpu());
  }
}

bool has_lists(const Sweep& sweep) {
  return std::any_of(sweep.values.begin(), sweep.values.end(), is_list);
}

/// What the axis of a chart is called: lists are at their places in the sweep.
std::string axis_of(const Sweep& sweep) {
  if (!has_lists(sweep)) return sweep.key;
  std::string text;
  for (size_t i = 0; i < sweep.values.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + std::to_string(i + 1) + " is " + sweep.values[i];
  }
  return sweep.key + text;
}

/// At the value number `which` of the sweep.
SweptValue result_of(const Sweep& sweep, size_t which, const std::vector<fs::path>& folders) {
  SweptValue result;
  result.value = sweep.values[which];
  const auto numbers = numbers_of(result.value);
  result.size = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  result.place = has_lists(sweep) ? static_cast<double>(which + 1) : result.size;
  for (const fs::path& folder : folders) {
    const TrainedRun run = open_run(folder);
    const json metrics = read_metrics(folder);
    take_json(folder, "delete this run, or measure it again: clade evaluate RUN", [&] {
      // Test points choose only if there are no others.
      result.split = metrics.contains("validation") ? "validation" : "test";
      const json& figures = metrics.at(result.split);
      result.bounds.push_back(figures.at("elbo"));
      add_clusters(run, figures, result);
    });
  }
  return result;
}

}  // namespace

bool Sweep::is_of_clusters() const {
  return key == "model.clusters" || key == "model.components";
}

std::string Sweep::name_of(const std::string& value) const {
  std::string name = key.substr(key.rfind('.') + 1) + "-";
  for (const char letter : value) {
    if (letter == ',') name += '-';
    if (std::string(",[] ").find(letter) == std::string::npos) name += letter;
  }
  return name;
}

std::string Sweep::setting_of(const std::string& value) const {
  return key + "=" + value;
}

Sweep parse_sweep(const std::string& word) {
  const size_t equals = word.find('=');
  const auto refuse = [&](const std::string& why) {
    throw ConfigError("--sweep " + word + " " + why +
                      "; write, for example, --sweep model.clusters=5,10,20");
  };
  if (equals == std::string::npos || equals == 0) refuse("has no setting and values");
  Sweep sweep{word.substr(0, equals), split(word.substr(equals + 1))};
  std::set<std::vector<double>> different;  // 0.001 is 1e-3
  for (const std::string& value : sweep.values) {
    const auto numbers = numbers_of(value);
    if (numbers.empty()) refuse("has \"" + value + "\", which is no number or list of numbers");
    different.insert(numbers);
  }
  if (different.size() < sweep.values.size()) refuse("has a value twice");
  if (different.size() < 2) refuse("has one value, which needs no sweep");
  return sweep;
}

std::optional<Written> write_sweep(const Sweep& sweep,
                                   const std::vector<std::vector<fs::path>>& folders,
                                   const fs::path& out) {
  std::vector<SweptValue> results;
  for (size_t i = 0; i < folders.size(); ++i) {
    if (!folders[i].empty()) results.push_back(result_of(sweep, i, folders[i]));
  }
  if (results.empty()) return std::nullopt;
  Written table{out / "sweep.md", sweep_table(sweep.key, results), {}};
  write_atomically(table.file, table.text);
  table.notes = write_sweep_plot(axis_of(sweep), sweep_figures(results), out);
  return table;
}

}  // namespace clade
