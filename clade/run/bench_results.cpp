#include "clade/run/bench_results.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/progress.h"
#include "clade/core/run_files.h"
#include "clade/data/label_budget.h"
#include "clade/run/bench_sweep.h"
#include "clade/run/label_curves.h"
#include "clade/run/metrics_file.h"
#include "clade/run/page.h"
#include "clade/run/record.h"
#include "clade/run/results.h"
#include "clade/training/checkpoint.h"

namespace clade {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json run_json(const BenchRun& run, const fs::path& out) {
  json entry = {{"seed", run.seed}, {"folder", run.folder.lexically_relative(out).string()}};
  if (run.state == RunState::kFailed) {
    entry["failed"] = run.error;
    return entry;
  }
  entry["metrics"] = read_metrics(run.folder);
  taking_apart(run, [&] {
    for (json& split : entry["metrics"]) split.erase("unit_kl");
    const json checkpoint = read_checkpoint_numbers(run.folder);
    if (checkpoint.empty()) return;
    const int64_t epochs = checkpoint.at("epoch");
    entry["epochs"] = epochs;
    entry["seconds"] = checkpoint.at("seconds").get<double>();
    entry["stopped_early"] = epochs < training_of(run).epochs;
  });
  const json record = read_record(run.folder);
  for (const char* key : {"machine", "date", "version", "command"}) {
    if (record.contains(key)) entry[key] = record.at(key);
  }
  return entry;
}

/// What its runs are told, of which some is chosen when the data are read: the first that has begun
/// says it for all.
Experiment told_of(const BenchRow& row, const std::vector<BenchRun>& runs) {
  for (const BenchRun& run : runs) {
    if (run.row != &row || !fs::exists(run.folder / run_files::kExperiment)) continue;
    return experiment_of(run.folder);
  }
  return row.experiment;
}

/// How the row, `told` so by its runs, is trained and measured.
json settings_of(Experiment told, const Experiment& given) {
  // Paths as they were given, wherever the runs are.
  told.data.path = given.data.path;
  told.data.labels = given.data.labels;
  told.train.start_file = given.train.start_file;
  told.train.label_weight = given.train.label_weight;  // else it may follow from how many there are
  return told.set();
}

/// How many labels a row that is told so learns from, as far as that is known: of all that there
/// are of its data none if no run found any, and kEveryLabel otherwise.
int64_t labels_of(const Experiment& told, const BenchRow& row, const std::vector<BenchRun>& runs) {
  const int64_t budget = told.data.label_budget;
  if (budget != kEveryLabel) return budget;
  for (const BenchRun& run : runs) {
    if (run.row != &row || run.state != RunState::kFinished) continue;
    const json model = read_json_object(run.folder / run_files::kModel);
    if (!model.contains(json::json_pointer("/provenance/labels"))) return 0;
  }
  return budget;
}

json row_json(const BenchRow& row, const std::vector<BenchRun>& runs,
              const BenchArguments& arguments) {
  Experiment experiment = row.experiment;
  const Experiment told = told_of(row, runs);
  json all = json::array();
  int64_t threads = arguments.threads;
  for (const BenchRun& run : runs) {
    if (run.row != &row || (run.state != RunState::kFinished && run.state != RunState::kFailed))
      continue;
    all.push_back(run_json(run, arguments.out));
    // Another number would round otherwise.
    if (run.state == RunState::kFinished) threads = experiment_of(run.folder).run.threads;
  }
  std::vector<std::string> words = {"clade", "bench", row.what, "--seeds",
                                    std::to_string(arguments.seeds)};
  if (threads > 0) words.insert(words.end(), {"--threads", std::to_string(threads)});
  if (!row.model.empty()) {
    words.insert(words.end(), {"--models", experiment.model_name});
    if (arguments.clusters > 0) {
      words.insert(words.end(), {"--clusters", std::to_string(arguments.clusters)});
    }
  }
  if (!arguments.labels.empty()) words.insert(words.end(), {"--labels", arguments.labels});
  if (row.with_learners && !find_model(experiment.model_name).takes_labels) {
    words.insert(words.end(), {"--set", kEveryLabelLearned});
  }
  for (const std::string& setting : arguments.overrides) {
    words.insert(words.end(), {"--set", setting});
  }
  if (!row.swept.empty()) words.insert(words.end(), {"--set", row.settings.back()});
  json entry = {{"model", experiment.model_name},
                {"data", experiment.data_name()},
                {"published", to_json(experiment.published)},
                {"command", command_line(words)},
                {"settings", settings_of(told, row.experiment)},
                {"seeds", arguments.seeds},
                {"runs", all},
                {"summary", summarise(all)}};
  if (find_model(experiment.model_name).takes_labels) {
    entry["labels"] = labels_of(told, row, runs);
  }
  if (const json clusters = clusters_of(told); !clusters.is_null()) entry["clusters"] = clusters;
  return entry;
}

}  // namespace

void write_results(const std::vector<BenchRow>& rows, const std::vector<BenchRun>& runs,
                   const BenchArguments& arguments) {
  const fs::path out = arguments.out;
  json results = read_json_object(out / "results.json");
  for (const BenchRow& row : rows) results[row.name] = row_json(row, runs, arguments);
  std::string table;
  try {
    table = results_table(results);
  } catch (const json::exception&) {
    throw Error((out / "results.json").string() +
                " is not as clade bench writes it; delete it, the runs stay");
  }
  write_json(out / "results.json", results);
  write_atomically(out / "results.md", table);
  if (arguments.into.empty()) return;
  write_atomically(arguments.into, with_table(read_file(arguments.into), table, arguments.into));
}

std::string result_of(const BenchRun& run) {
  if (run.state == RunState::kFailed) return "failed: " + run.error;
  const json entry = run_json(run, run.folder);
  char bound[64];
  taking_apart(run, [&] {
    std::snprintf(bound, sizeof bound, "bound %.2f",
                  entry.at("metrics").at("test").at("elbo").get<double>());
  });
  if (!entry.contains("epochs")) return bound;
  return std::string(bound) + ", " + entry.at("epochs").dump() + " epochs, " +
         duration(entry.at("seconds"));
}

std::vector<Written> compare_models(const std::vector<BenchRun>& runs,
                                    const BenchArguments& arguments) {
  std::map<std::string, std::vector<std::string>> folders;  // by what they were trained on
  const BenchRow* last = nullptr;
  for (const BenchRun& run : runs) {
    if (run.row == last || run.state != RunState::kFinished) continue;
    last = run.row;
    folders[run.row->what].push_back(run.folder.string());
  }
  std::vector<Written> pages;
  for (const auto& [what, of_models] : folders) {
    if (of_models.size() < 2) continue;
    const fs::path out = fs::path(arguments.out) / row_name(what) / "comparison";
    auto notes = write_comparison_page(of_models, out);
    pages.push_back({out / "index.html", "", std::move(notes)});
  }
  return pages;
}

std::vector<Written> write_sweeps(const std::vector<BenchRun>& runs,
                                  const BenchArguments& arguments) {
  const Sweep& sweep = arguments.sweep;
  std::map<std::string, std::vector<std::vector<fs::path>>> all;  // folders by name and value
  for (const BenchRun& run : runs) {
    auto& folders = all[common_name(run.row->what, run.row->model)];
    folders.resize(sweep.values.size());
    const auto place = std::find(sweep.values.begin(), sweep.values.end(), run.row->swept);
    if (run.state != RunState::kFinished) continue;
    folders[static_cast<size_t>(place - sweep.values.begin())].push_back(run.folder);
  }
  std::vector<Written> tables;
  for (const auto& [name, folders] : all) {
    const fs::path out = fs::path(arguments.out) / name;
    if (auto table = write_sweep(sweep, folders, out)) tables.push_back(std::move(*table));
  }
  return tables;
}

std::optional<Written> draw_label_curves(const fs::path& out) {
  const auto curves = label_curves(read_json_object(out / "results.json"));
  if (curves.empty()) return std::nullopt;
  const fs::path chart = out / "labels.png";
  return Written{chart, "", write_label_curves(curves, chart)};
}

}  // namespace clade
