#include "clade/run/page.h"

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/data/dataset.h"
#include "clade/experiment/fitted.h"
#include "clade/report/collect.h"
#include "clade/report/compare.h"
#include "clade/report/density.h"
#include "clade/run/label_curves.h"
#include "clade/run/metrics_file.h"
#include "clade/run/record.h"

namespace clade {

namespace fs = std::filesystem;

namespace {

/// The points nobody trained on, or what there is.
const Dataset& unseen(const Splits& data) {
  return split_of(data, judged_split(data));
}

}  // namespace

fs::path page_of(const fs::path& folder) {
  return folder / "report" / "index.html";
}

std::vector<std::string> write_page(const TrainedRun& run, const Splits& data,
                                    const Progress& progress) {
  auto report = collect_report(run.trained, unseen(data), run.folder / run_files::kLog,
                               read_metrics(run.folder), run.seed());
  const auto& provenance = run.trained.provenance;
  const std::string data_name = provenance.value("data", "data");
  if (has_start(run.folder)) {
    report.start =
        start_scatters(read_starts(run.folder), data.train, report.clusterings.size(), run.seed());
  }
  report.densities = plane_densities(run.trained, data.train, unseen(data), run.seed(), progress);
  report.held_back = held_back_shown(run.trained, data.labelled, held_back(data), run.seed());
  report.title = run.trained.name + " on " + data_name;
  std::ostringstream said;
  said << run.trained.name << ": " << find_model(run.trained.name).summary << ". Trained on "
       << data.train.size() << " of " << data.said << ".";
  if (const auto guided = said_of_guidance(run.trained); !guided.empty()) {
    said << " It is " << guided << ".";
  }
  if (const auto unfinished = said_of_unfinished(run); !unfinished.empty()) {
    said << " Its " << unfinished << ".";
  }
  report.said = said.str();
  report.details = {
      {"command", command_line({"clade", "train", (run.folder / run_files::kExperiment).string()})},
      {"best epoch", std::to_string(provenance.value("epoch", int64_t{0}))},
      {"machine", read_record(run.folder).value("machine", "not recorded")},
      {"experiment", read_file(run.folder / run_files::kExperiment)}};
  return write_report(report, page_of(run.folder).parent_path());
}

namespace {

// The run folders' parts that differ, which tell the runs apart.
std::vector<std::string> distinct_names(const std::vector<std::string>& folders) {
  std::vector<std::vector<std::string>> parts;
  size_t fewest = SIZE_MAX;
  for (const std::string& folder : folders) {
    std::vector<std::string> names;
    for (const auto& part : plain_path(folder)) names.push_back(part.string());
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

// The data of a run. Images are compared without them if they are gone: only the latents need them.
std::optional<Splits> data_of(const TrainedRun& run, std::vector<std::string>& notes) {
  try {
    return run.splits();
  } catch (const Error& error) {
    if (!is_image(run.trained.shape)) throw;
    notes.push_back("the latents of " + run.folder.string() + " are not shown: " + error.what());
    return std::nullopt;
  }
}

// What of a run is shown beside others.
Report compared(const TrainedRun& run, const std::optional<Splits>& data) {
  const fs::path log = run.folder / run_files::kLog;
  if (!data) return collect_compared(run.trained, log, run.seed());
  Report report = collect_compared(run.trained, unseen(*data), log, run.seed());
  report.densities = plane_densities(run.trained, data->train, unseen(*data), run.seed());
  return report;
}

// Puts a run among the rows of results (see label_curves) if its model learns from labels:
// in one row with those that were trained and measured in the same way. A weight of labels that
// follows from how many there are is no other way.
void add_by_labels(const std::string& name, const TrainedRun& run,
                   const std::optional<Splits>& data, const nlohmann::json& metrics,
                   nlohmann::json& rows) {
  Experiment experiment = run.experiment;
  if (!find_model(experiment.model_name).takes_labels) return;
  if (data && experiment.train.label_weight == fitted_label_weight(*data)) {
    experiment.train.label_weight = TrainOptions().label_weight;
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

std::vector<std::string> write_comparison_page(const std::vector<std::string>& folders,
                                               const fs::path& out) {
  const auto names = distinct_names(folders);
  std::vector<std::string> notes;
  std::vector<ComparedRun> shown;
  nlohmann::json by_labels = nlohmann::json::object();
  for (size_t i = 0; i < folders.size(); ++i) {
    const TrainedRun run = open_run(folders[i]);
    if (const auto said = advice_on_unfinished(run); !said.empty()) notes.push_back(said);
    const auto data = data_of(run, notes);
    shown.push_back(
        {names[i], compared(run, data), read_metrics(run.folder), run.trained.provenance});
    add_by_labels(names[i], run, data, shown.back().metrics, by_labels);
  }
  if (const auto said = said_of_data(shown); !said.empty()) notes.push_back(said);
  const auto left_out = write_comparison(shown, out, label_curves(by_labels));
  notes.insert(notes.end(), left_out.begin(), left_out.end());
  return notes;
}

}  // namespace clade
