#include <filesystem>

#include "app/commands.h"
#include "app/open.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/run/page.h"

namespace fs = std::filesystem;

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

void report_run(const std::string& folder) {
  const clade::TrainedRun run = open_to_use(folder);
  notes(clade::write_page(run, run.splits()));
  say("report: " + clade::page_of(folder).string());
}

void report_runs(const std::vector<std::string>& folders, const std::string& out) {
  require_outside_runs(out);
  require_own_folder(out);
  notes(clade::write_comparison_page(folders, out));
  say("report: " + (fs::path(out) / "index.html").string());
}

}  // namespace

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
    if (folders->size() > 1) return report_runs(*folders, *out);
    if (folder->count() > 0) {
      throw clade::ConfigError(
          "--out is for the page of several runs; that of one is in its folder");
    }
    report_run(folders->front());
  });
}
