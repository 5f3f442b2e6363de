#include "clade/run/bench_runs.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/run/folder.h"
#include "clade/run/metrics_file.h"
#include "clade/run/record.h"
#include "clade/run/trained_run.h"
#include "clade/training/checkpoint.h"

namespace clade {

namespace fs = std::filesystem;
using nlohmann::json;

TrainOptions training_of(const BenchRun& run) {
  return fs::exists(run.folder / run_files::kExperiment) ? experiment_of(run.folder).train
                                                         : run.row->experiment.train;
}

namespace {

/// The experiment a run of this row should hold, given what is `there`: of data, what nobody set is
/// chosen from them when they are read.
Experiment wanted(const BenchRow& row, const Experiment& there) {
  Experiment experiment = row.experiment;
  if (is_experiment_address(row.what) || there.model_name != experiment.model_name) {
    return experiment;
  }
  ExperimentFile file = row.file;
  experiment.train = there.train;
  experiment.model = find_model(there.model_name).options();
  from_json(to_json(*there.model), *experiment.model);
  file.read("train", experiment.train);
  file.read("model", *experiment.model);
  return experiment;
}

/// Whether training has ended and metrics.json is of the weights it ended with.
bool finished(const BenchRun& run) {
  const json metrics = read_metrics(run.folder);
  const json record = read_record(run.folder);
  const json checkpoint = read_checkpoint_numbers(run.folder);
  if (!metrics.contains("test")) return false;
  if (!record.empty() && !record.value("finished", false)) return false;
  if (checkpoint.empty()) return !record.empty();
  return taking_apart(run, [&] { return is_complete(checkpoint, training_of(run)); });
}

/// Refuses a run of data that are others now: its figures are not to stand beside theirs. A named
/// set is what it was.
void require_same_data(const BenchRun& run) {
  if (!run.row->experiment.data.name.empty()) return;
  try {
    open_run(run.folder.string(), "cpu").splits();
  } catch (const DataError& error) {
    throw DataError(run.folder.string() + ": " + error.what() +
                    " (delete this run, or give another --out)");
  }
}

RunState state_of(const BenchRun& run) {
  if (is_fresh(run.folder)) return RunState::kNew;
  Experiment there = experiment_of(run.folder);
  const BenchRow& row = *run.row;
  // What a file leaves open is chosen from the data.
  const Experiment& usual = row.experiment;
  if (!row.file.gives("model", "likelihood")) there.model->likelihood = usual.model->likelihood;
  if (!row.file.gives("data", "label_budget")) there.data.label_budget = usual.data.label_budget;
  if (!row.file.gives("model", "least_deviation")) {
    there.model->least_deviation = usual.model->least_deviation;
  }
  const std::string difference = wanted(row, there).difference(there);
  if (!difference.empty()) {
    throw ConfigError(run.folder.string() + " holds another experiment than " + row.what + ": " +
                      difference + "; delete it or give another --out");
  }
  if (finished(run)) {
    require_same_data(run);
    return RunState::kFinished;
  }
  if (fs::exists(run.folder / run_files::kState)) return RunState::kBegun;
  const bool is_trained = read_record(run.folder).value("finished", false);
  if (is_trained || fs::exists(run.folder / run_files::kMetrics)) {
    throw Error(run.folder.string() + " has no checkpoint to go on from; " +
                (is_trained ? "measure it by clade evaluate, or delete it" : "delete it"));
  }
  return RunState::kNew;
}

/// The last line in which the run says why it ended.
std::string error_line(const BenchRun& run) {
  std::istringstream lines(read_file(run.log()));
  const std::string mark = "clade: ";
  std::string found = "no error line";
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(mark, 0) == 0) found = line.substr(mark.size());
  }
  return found;
}

}  // namespace

std::vector<BenchRun> plan_runs(const std::vector<BenchRow>& rows,
                                const BenchArguments& arguments) {
  std::vector<BenchRun> runs;
  for (const BenchRow& row : rows) {
    for (int64_t seed = 1; seed <= arguments.seeds; ++seed) {
      BenchRun run{&row, seed,
                   fs::path(arguments.out) / row.name / ("seed-" + std::to_string(seed))};
      run.state = state_of(run);
      runs.push_back(run);
    }
  }
  return runs;
}

int64_t seeds_beyond(const std::vector<BenchRow>& rows, const BenchArguments& arguments) {
  int64_t most = 0;
  for (const BenchRow& row : rows) {
    for (int64_t seed = arguments.seeds + 1;; ++seed) {
      const fs::path folder = fs::path(arguments.out) / row.name / ("seed-" + std::to_string(seed));
      if (!read_metrics(folder).contains("test")) break;
      most = std::max(most, seed);
    }
  }
  return most;
}

int64_t count_runs(const std::vector<BenchRun>& runs, RunState state) {
  return std::count_if(runs.begin(), runs.end(),
                       [&](const BenchRun& run) { return run.state == state; });
}

void lock_bench(const fs::path& out) {
  make_folder(out, "give another --out");
  const int file = ::open((out / ".lock").c_str(), O_RDWR | O_CREAT, 0644);
  if (file < 0) {
    throw Error("cannot write in " + out.string() + ": " + std::strerror(errno) +
                "; give another --out");
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      throw Error("cannot lock " + out.string() + ": " + std::strerror(errno) +
                  "; give another --out");
    }
    throw Error(out.string() +
                " is in use by another clade bench, or by a run it left behind; wait for "
                "it or give another --out");
  }
}

void start_run(BenchRun& run, int64_t threads, const fs::path& program) {
  std::vector<std::string> words = {"clade", "train"};
  if (run.state == RunState::kBegun) {
    words.insert(words.end(), {"--resume", run.folder.string()});
  } else {
    const RunLock lock(run.folder);
    fs::remove_all(run.folder);  // of a run that ended before its first checkpoint
    make_folder(run.folder.parent_path(), "give another --out");
    words.insert(words.end(), {run.row->what, "--threads", std::to_string(threads)});
    for (const std::string& setting : run.row->settings) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(),
                 {"--set", "seed=" + std::to_string(run.seed), "--out", run.folder.string()});
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const std::string log = run.log().string();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  const int error =
      ::posix_spawn(&run.child, program.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    throw Error("cannot start a run: " + std::string(std::strerror(error)) + "; check " + log);
  }
  run.state = RunState::kRunning;
}

bool has_ended(BenchRun& run) {
  int status = 0;
  const pid_t child = ::waitpid(run.child, &status, WNOHANG);
  if (child == 0 || (child < 0 && errno == EINTR)) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && finished(run)) {
    run.state = RunState::kFinished;
    return true;
  }
  run.state = RunState::kFailed;
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  run.error = WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
              : run.code != 0     ? error_line(run)
              : read_metrics(run.folder).contains("test")
                  ? "its figures are not those of its last epoch; delete the run"
                  : "there are no test points; give data.test some";
  return true;
}

void tell_to_stop(const std::vector<BenchRun>& runs) {
  for (const BenchRun& run : runs) {
    if (run.state == RunState::kRunning) ::kill(run.child, SIGTERM);
  }
}

void wait_for(const std::vector<BenchRun>& runs) {
  for (const BenchRun& run : runs) {
    if (run.state != RunState::kRunning) continue;
    while (::waitpid(run.child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace clade
