#include "app/report_run.h"

#include <unistd.h>

#include <cstdio>
#include <sstream>
#include <thread>

#include "app/commands.h"
#include "app/metrics.h"
#include "clade/core/files.h"
#include "clade/report/collect.h"

void write_run_report(const TrainedRun& run, const clade::Splits& data) {
  const clade::Dataset& unseen = data.test.size() > 0         ? data.test
                                 : data.validation.size() > 0 ? data.validation
                                                              : data.train;
  auto report = clade::collect_report(run.trained, unseen, run.folder / "log.jsonl",
                                      read_metrics(run.folder), run.seed());
  const auto& provenance = run.trained.provenance;
  const std::string data_name = provenance.value("data", "data");
  report.title = run.trained.name + " on " + data_name;
  std::ostringstream said;
  said << run.trained.name << ": " << clade::find_model(run.trained.name).summary << ". Trained on "
       << data.train.size() << " of " << data.said << ".";
  report.said = said.str();
  report.details = {{"command", "clade train " + (run.folder / "experiment.toml").string()},
                    {"best epoch", std::to_string(provenance.value("epoch", int64_t{0}))},
                    {"machine", std::to_string(std::thread::hardware_concurrency()) + " cores, " +
                                    run.experiment.run.device},
                    {"experiment", clade::read_file(run.folder / "experiment.toml")}};
  for (const std::string& note : clade::write_report(report, run.folder / "report")) {
    std::fprintf(stderr, "note: %s\n", note.c_str());
  }
  std::printf("report: %s\n", (run.folder / "report" / "index.html").c_str());
}

void add_report(CLI::App& app) {
  auto* command = app.add_subcommand("report", "write a run's page again");
  auto folder = std::make_shared<std::string>();
  command->add_option("RUN", *folder, "folder that clade train wrote")->required();
  command->footer("Example:  clade report runs/cp_vae-fashion-mnist-1");
  command->callback([folder] {
    const TrainedRun run = open_run(*folder);
    write_run_report(run, run.splits());
  });
}
