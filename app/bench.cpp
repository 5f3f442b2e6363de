#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <thread>

#include "app/commands.h"
#include "app/exit_codes.h"
#include "app/interrupt.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/progress.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/experiment/prepared.h"
#include "clade/ops/threads.h"
#include "clade/run/bench_results.h"
#include "clade/run/bench_rows.h"
#include "clade/run/bench_runs.h"
#include "clade/run/results.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

/// "mnist-10 seed 1: epoch 7/2000, bound -101.20", from the last line of the run's log.
std::string progress_of(clade::BenchRun& run) {
  const fs::path log = run.folder / clade::run_files::kLog;
  std::string text = run.name();
  if (!fs::exists(log)) return text;
  const std::string lines = clade::read_file(log);
  const size_t end = lines.rfind('\n');  // what comes after is still being written
  if (end == std::string::npos) return text;
  const size_t before = end == 0 ? end : lines.rfind('\n', end - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const json last =
      json::parse(lines.substr(begin, end - begin), nullptr, /*allow_exceptions=*/false);
  if (!last.is_object()) return text;
  const json::json_pointer bound(last.contains("validation") ? "/validation/elbo" : "/train/elbo");
  if (!last.contains(bound) || !last.at(bound).is_number()) return text;
  if (run.epochs == 0) run.epochs = clade::training_of(run).epochs;
  char figures[96];
  std::snprintf(figures, sizeof figures, ": epoch %lld/%lld, bound %.2f",
                static_cast<long long>(last.value("epoch", int64_t{0})),
                static_cast<long long>(run.epochs), last.at(bound).get<double>());
  return text + figures;
}

/// By its own name, for people who look at what their machine does.
fs::path this_program() {
  const fs::path link = "/proc/self/exe";
  std::error_code error;
  const fs::path program = fs::read_symlink(link, error);
  return !error && fs::exists(program, error) ? program : link;  // replaced since it began
}

/// Stops the runs that still go on when bench ends by an error: nobody would watch them, and they
/// would hold the folder.
class StopAtTheEnd {
 public:
  explicit StopAtTheEnd(const std::vector<clade::BenchRun>& runs) : runs_(runs) {}
  StopAtTheEnd(const StopAtTheEnd&) = delete;
  StopAtTheEnd& operator=(const StopAtTheEnd&) = delete;
  ~StopAtTheEnd() {
    clade::tell_to_stop(runs_);
    clade::wait_for(runs_);
  }

 private:
  const std::vector<clade::BenchRun>& runs_;
};

/// Runs what is not finished, `jobs` at a time, until all have ended or the user says stop.
void run_all(const std::vector<clade::BenchRow>& rows, std::vector<clade::BenchRun>& runs,
             const clade::BenchArguments& arguments) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = std::chrono::milliseconds(50);
  constexpr auto kBetweenReadings = std::chrono::seconds(1);
  const int64_t threads = arguments.threads > 0
                              ? arguments.threads
                              : std::max<int64_t>(1, clade::processors() / arguments.jobs);
  const StopOnInterrupt stop;
  const StopAtTheEnd no_run_is_left(runs);
  bool stopping = false;
  clade::ProgressLine line;
  const auto begun = Clock::now();
  auto next_reading = begun;
  while (true) {
    if (StopOnInterrupt::asked() && !stopping) {
      stopping = true;
      clade::tell_to_stop(runs);
    }
    for (clade::BenchRun& run : runs) {
      if (run.state == clade::RunState::kRunning && clade::has_ended(run)) {
        const bool as_told = run.code == kInterrupted || run.code == 128 + SIGTERM;
        if (stopping && as_told) {
          run.state = clade::RunState::kBegun;
          continue;
        }
        line.clear();
        say(run.name() + ": " + clade::result_of(run));
        clade::write_results(rows, runs, arguments);
      }
      const bool waiting =
          run.state == clade::RunState::kNew || run.state == clade::RunState::kBegun;
      if (waiting && !stopping &&
          clade::count_runs(runs, clade::RunState::kRunning) < arguments.jobs) {
        clade::start_run(run, threads, this_program());
      }
    }
    if (clade::count_runs(runs, clade::RunState::kRunning) == 0) break;
    if (Clock::now() >= next_reading) {
      next_reading = Clock::now() + kBetweenReadings;
      std::string text = std::to_string(clade::count_runs(runs, clade::RunState::kFinished)) + "/" +
                         std::to_string(runs.size()) + " finished  ";
      for (clade::BenchRun& run : runs) {
        if (run.state == clade::RunState::kRunning) text += progress_of(run) + "  ";
      }
      line.show(text +
                clade::duration(std::chrono::duration<double>(Clock::now() - begun).count()));
    }
    std::this_thread::sleep_for(kPause);
  }
  line.clear();
  if (!stopping) return;
  throw clade::Interrupted("stopped with " +
                           std::to_string(clade::count_runs(runs, clade::RunState::kFinished)) +
                           " of " + std::to_string(runs.size()) +
                           " runs finished, and those begun saved; go on with the same command");
}

/// Refuses somebody's own data that no run could read, once and before a folder is made.
void require_readable(const std::vector<clade::BenchRow>& rows) {
  std::set<json> read;
  for (const clade::BenchRow& row : rows) {
    clade::Experiment experiment = row.experiment;
    if (!experiment.data.name.empty() || !read.insert(clade::to_json(experiment.data)).second) {
      continue;
    }
    clade::load_new_splits(experiment, row.file.gives("model", "likelihood"));
  }
}

void bench(const clade::BenchArguments& arguments) {
  const std::vector<clade::BenchRow> rows = clade::load_rows(arguments);
  if (!arguments.into.empty()) {
    clade::with_table(clade::read_file(arguments.into), "", arguments.into);
  }
  require_readable(rows);
  clade::lock_bench(arguments.out);
  std::vector<clade::BenchRun> runs = clade::plan_runs(rows, arguments);
  std::printf("%s, %lld finished before\n",
              clade::count_text(static_cast<int64_t>(runs.size()), "run").c_str(),
              static_cast<long long>(clade::count_runs(runs, clade::RunState::kFinished)));
  std::fflush(stdout);
  if (const int64_t more = clade::seeds_beyond(rows, arguments); more > 0) {
    note("finished runs of seeds beyond " + std::to_string(arguments.seeds) +
         " are there and not in the table; --seeds " + std::to_string(more) + " has them in it");
  }
  clade::write_results(rows, runs, arguments);
  run_all(rows, runs, arguments);
  const fs::path table = fs::path(arguments.out) / "results.md";
  std::printf("\n%s\n", clade::read_file(table).c_str());
  say("results: " + table.string());
  if (const auto chart = clade::draw_label_curves(arguments.out)) {
    notes(chart->notes);
    if (chart->notes.empty()) say("log-likelihood by labels: " + chart->file.string());
  }
  if (!arguments.sweep.values.empty()) {
    for (const clade::Written& sweep : clade::write_sweeps(runs, arguments)) {
      std::printf("%s\n", sweep.text.c_str());
      say("sweep: " + sweep.file.string());
      notes(sweep.notes);
    }
  } else if (!arguments.models.empty()) {
    for (const clade::Written& page : clade::compare_models(runs, arguments)) {
      notes(page.notes);
      say("report: " + page.file.string());
    }
  }

  const auto failed = std::find_if(runs.begin(), runs.end(), [](const clade::BenchRun& run) {
    return run.state == clade::RunState::kFailed;
  });
  if (failed == runs.end()) return;
  const std::string message = std::to_string(clade::count_runs(runs, clade::RunState::kFailed)) +
                              " of " + std::to_string(runs.size()) + " runs failed, first " +
                              failed->name() + ": " + failed->error + "; its output is in " +
                              failed->log().string();
  if (failed->code == kNumericalFailure) throw clade::NumericalError(message);
  throw clade::Error(message);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "make a table of results: experiments times seeds");
  auto arguments = std::make_shared<clade::BenchArguments>();
  command
      ->add_option("EXPERIMENT|DATA", arguments->files,
                   "experiment files (.toml) and rows of them, FILE:ROW or FILE:ROW+VARIANT; or, "
                   "with --models, data as clade train takes them")
      ->required();
  command
      ->add_option("--rows", arguments->rows,
                   "rows of the files that are tables, by names or patterns separated by commas; "
                   "all by default. Variants only if a pattern has a +: 'mnist-*,*+gumbel'; more "
                   "than one of them at once: '*+start+short'")
      ->type_name("GLOB")
      ->delimiter(',')
      ->allow_extra_args(false);
  auto* models = command
                     ->add_option("--models", arguments->models,
                                  "models to compare on each of them, separated by commas; or all")
                     ->delimiter(',')
                     ->allow_extra_args(false);
  command
      ->add_option("--clusters", arguments->clusters,
                   "with --models: clusters, or components of p(z), of those that have them")
      ->check(counts())
      ->needs(models);
  command
      ->add_option_function<std::string>(
          "--sweep",
          [arguments](const std::string& word) { arguments->sweep = clade::parse_sweep(word); },
          "train with each of several values of a setting, and say which to take: how high "
          "the bound is, how many clusters are told apart, how far seeds agree on them")
      ->type_name("KEY=V1,V2,...");
  command->add_option(
      "--labels", arguments->labels,
      "labels to compare clusters with, or to learn from: a file, or a column of the "
      "table");
  command->add_option("--seeds", arguments->seeds, "seeds 1 to this, whatever the files say")
      ->check(counts())
      ->capture_default_str();
  command->add_option("--jobs", arguments->jobs, "runs at a time")
      ->check(counts())
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "CPU threads a run; cores / jobs by default")
      ->check(counts());
  take_settings(*command, arguments->overrides, "override one setting of every experiment");
  command->add_option("--out", arguments->out, "folder of the runs and the table")
      ->capture_default_str();
  command->add_option("--into", arguments->into,
                      "also put the table into this document, between the lines\n"
                      "<!-- bench:begin --> and <!-- bench:end -->");
  command->footer(
      "Runs are DIR/NAME/seed-S, NAME the file's path below experiments/, in it a row's name for\n"
      "that of the file: cp-vae/mnist-10 or cp-vae/mnist-10-gumbel. Finished ones are not run\n"
      "again, stopped ones go on. Writes DIR/results.json and DIR/results.md after each run, and\n"
      "DIR/labels.png, likelihoods by how many labels rows learn from, a line for rows that "
      "differ\n"
      "in nothing else.\n"
      "With --models, DIR/NAME/comparison/index.html has the models side by side.\n"
      "Examples:\n"
      "  clade bench points.csv --models vae,mog,vampprior,cp_vae,indq --clusters 10 --seeds 3\n"
      "  clade bench points.csv --sweep model.clusters=5,10,20,40 --seeds 3\n"
      "  clade bench experiments/cp-vae/table-3.toml:mnist-10 --seeds 3\n"
      "  clade bench experiments/cp-vae/table-3.toml --rows 'mnist-*' --seeds 5 --jobs 4\n"
      "  clade bench experiments/*/*.toml --seeds 5 --into docs/results.md\n"
      "  clade bench experiments/vae/mnist.toml --set device=cuda --out runs/cuda");
  command->callback([arguments] { bench(*arguments); });
}
