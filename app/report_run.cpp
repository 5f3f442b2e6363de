#include "app/report_run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "app/commands.h"
#include "app/metrics.h"
#include "app/run_record.h"
#include "app/say.h"
#include "clade/config/fitted.h"
#include "clade/config/label_curves.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/data/dataset.h"
#include "clade/report/collect.h"
#include "clade/report/compare.h"
#include "clade/report/density.h"

namespace fs = std::filesystem;

namespace {

// The points nobody trained on, or what there is.
const clade::Dataset& unseen(const clade::Splits& data) {
  return data.test.size() > 0         ? data.test
         : data.validation.size() > 0 ? data.validation
                                      : data.train;
}

}  // namespace

void write_run_report(const TrainedRun& run, const clade::Splits& data) {
  auto report =
      clade::collect_report(run.trained, unseen(data), run.folder / clade::run_files::kLog,
                            read_metrics(run.folder), run.seed());
  const auto& provenance = run.trained.provenance;
  const std::string data_name = provenance.value("data", "data");
  if (clade::has_start(run.folder)) {
    report.start = clade::start_scatters(clade::read_starts(run.folder), data.train,
                                         report.clusterings.size(), run.seed());
  }
  report.densities = clade::plane_densities(run.trained, data.train, unseen(data), run.seed());
  report.held_back =
      clade::held_back_shown(run.trained, data.labelled, clade::held_back(data), run.seed());
  report.title = run.trained.name + " on " + data_name;
  std::ostringstream said;
  said << run.trained.name << ": " << clade::find_model(run.trained.name).summary << ". Trained on "
       << data.train.size() << " of " << data.said << ".";
  if (const auto guided = clade::said_of_guidance(run.trained); !guided.empty()) {
    said << " It is " << guided << ".";
  }
  if (const auto unfinished = said_of_unfinished(run); !unfinished.empty()) {
    said << " Its " << unfinished << ".";
  }
  report.said = said.str();
  report.details = {
      {"command",
       command_line({"clade", "train", (run.folder / clade::run_files::kExperiment).string()})},
      {"best epoch", std::to_string(provenance.value("epoch", int64_t{0}))},
      {"machine", read_record(run.folder).value("machine", "not recorded")},
      {"experiment", clade::read_file(run.folder / clade::run_files::kExperiment)}};
  for (const std::string& text : clade::write_report(report, run.folder / "report")) {
    note(text);
  }
  say("report: " + (run.folder / "report" / "index.html").string());
}

namespace {

// A run's page is its own, and what else is in its folder too.
void require_outside_runs(const std::string& out) {
  for (fs::path at = fs::weakly_canonical(out); at.has_relative_path(); at = at.parent_path()) {
    if (!fs::exists(at / clade::run_files::kWeights)) continue;
    throw clade::ConfigError("--out is " + out + ", in the run folder " + at.string() +
                             "; give a folder outside of runs");
  }
}

// A folder of somebody else's is not to have its files replaced.
void require_own_folder(const std::string& out) {
  if (!fs::is_directory(out) || fs::is_empty(out)) return;
  const fs::path page = fs::path(out) / "index.html";
  if (fs::exists(page) && clade::read_file(page).find("Written by Clade.") != std::string::npos) {
    return;
  }
  throw clade::ConfigError("--out " + out +
                           " holds other things than a report; give an empty folder or a new one");
}

// The run folders' parts that differ, which tell the runs apart.
std::vector<std::string> names_of(const std::vector<std::string>& folders) {
  std::vector<std::vector<std::string>> parts;
  size_t fewest = SIZE_MAX;
  for (const std::string& folder : folders) {
    std::vector<std::string> names;
    for (const auto& part : clade::plain_path(folder)) names.push_back(part.string());
    fewest = std::min(fewest, names.size());
    parts.push_back(std::move(names));
  }
  const auto same = [&](const auto& part_of) {
    return std::all_of(parts.begin(), parts.end(),
                       [&](const auto& names) { return part_of(names) == part_of(parts[0]); });
  };
  size_t front = 0, back = 0;
  while (front + 1 < fewest && same([&](const auto& names) { return names[front]; })) ++front;
  while (front + back + 1 < fewest &&
         same([&](const auto& names) { return names[names.size() - 1 - back]; })) {
    ++back;
  }
  std::vector<std::string> names;
  for (const auto& all : parts) {
    std::string name;
    for (size_t i = front; i < all.size() - back; ++i) name += (name.empty() ? "" : "/") + all[i];
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

namespace {

// The data of a run. Images are compared without them if they are gone: only the latents need them.
std::optional<clade::Splits> data_of(const TrainedRun& run) {
  try {
    return run.splits();
  } catch (const clade::Error& error) {
    if (!clade::is_image(run.trained.shape)) throw;
    note("the latents of " + run.folder.string() + " are not shown: " + error.what());
    return std::nullopt;
  }
}

// What of a run is shown beside others.
clade::Report compared(const TrainedRun& run, const std::optional<clade::Splits>& data) {
  const fs::path log = run.folder / clade::run_files::kLog;
  if (!data) return clade::collect_compared(run.trained, log, run.seed());
  clade::Report report = clade::collect_compared(run.trained, unseen(*data), log, run.seed());
  report.densities = clade::plane_densities(run.trained, data->train, unseen(*data), run.seed());
  return report;
}

// Puts a run among the rows of results (see clade::label_curves) if its model learns from labels:
// in one row with those that were trained and measured in the same way. A weight of labels that
// follows from how many there are is no other way.
void add_by_labels(const std::string& name, const TrainedRun& run,
                   const std::optional<clade::Splits>& data, const nlohmann::json& metrics,
                   nlohmann::json& rows) {
  clade::Experiment experiment = run.experiment;
  if (!clade::find_model(experiment.model_name).takes_labels) return;
  if (data && experiment.train.label_weight == clade::fitted_label_weight(*data)) {
    experiment.train.label_weight = clade::TrainOptions().label_weight;
  }
  nlohmann::json row = {{"model", experiment.model_name},
                        {"data", experiment.data_name()},
                        {"clusters", run.trained.model->clusters()},
                        {"labels", experiment.data.label_budget},
                        {"settings", experiment.set()},
                        {"runs", nlohmann::json::array()}};
  const auto same = std::find_if(rows.begin(), rows.end(), [&](nlohmann::json other) {
    other["runs"] = nlohmann::json::array();
    return other == row;
  });
  nlohmann::json& into = same == rows.end() ? rows[name] = std::move(row) : *same;
  into["runs"].push_back({{"seed", run.seed()}, {"metrics", metrics}});
}

}  // namespace

void compare_runs(const std::vector<std::string>& folders, const std::string& out) {
  require_outside_runs(out);
  require_own_folder(out);
  const auto names = names_of(folders);
  std::vector<clade::ComparedRun> runs;
  nlohmann::json by_labels = nlohmann::json::object();
  for (size_t i = 0; i < folders.size(); ++i) {
    const TrainedRun run = open_to_use(folders[i]);
    const auto data = data_of(run);
    runs.push_back(
        {names[i], compared(run, data), read_metrics(run.folder), run.trained.provenance});
    add_by_labels(names[i], run, data, runs.back().metrics, by_labels);
  }
  if (const auto said = clade::said_of_data(runs); !said.empty()) {
    note(said);
  }
  for (const std::string& text :
       clade::write_comparison(runs, out, clade::label_curves(by_labels))) {
    note(text);
  }
  say("report: " + (std::filesystem::path(out) / "index.html").string());
}

void add_report(CLI::App& app) {
  auto* command =
      app.add_subcommand("report", "write a run's page again, or a page of several runs");
  auto folders = std::make_shared<std::vector<std::string>>();
  auto out = std::make_shared<std::string>("runs/comparison");
  command->add_option("RUN", *folders, "folders that clade train wrote")->required();
  auto* folder = command->add_option("--out", *out, "folder for the page of several runs")
                     ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  clade report runs/cp_vae-fashion-mnist-1\n"
      "  clade report runs/vae-mnist-1 runs/hvp-mnist-1 runs/cp_vae-mnist-1 --out runs/priors");
  command->callback([folders, out, folder] {
    if (folders->size() > 1) return compare_runs(*folders, *out);
    if (folder->count() > 0) {
      throw clade::ConfigError(
          "--out is for the page of several runs; that of one is in its folder");
    }
    const TrainedRun run = open_to_use(folders->front());
    write_run_report(run, run.splits());
  });
}
