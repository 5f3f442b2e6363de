#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "app/commands.h"
#include "app/experiment_on.h"
#include "app/interrupt.h"
#include "app/metrics.h"
#include "app/report_run.h"
#include "app/run_record.h"
#include "app/say.h"
#include "app/sweep.h"
#include "app/trained_run.h"
#include "clade/config/results.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/progress.h"
#include "clade/core/words.h"
#include "clade/ops/threads.h"
#include "clade/training/checkpoint.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

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

/// A row of the table: an experiment file, a row of one, or data; with a model, where models are
/// asked for.
struct Row {
  std::string what, name;             ///< As clade train takes it, and as the table has it.
  std::string model;                  ///< The one asked for, or "".
  std::string swept;                  ///< Its value of what --sweep sweeps over, or "".
  std::vector<std::string> settings;  ///< As --set has them.
  clade::ExperimentFile file;         ///< What they say.
  clade::Experiment experiment;       ///< With the defaults of what they leave open.
  bool likelihood_given = false, least_deviation_given = false, label_budget_given = false;
};

enum class State { kNew, kBegun, kRunning, kFinished, kFailed };

/// One seed of a row.
struct Run {
  const Row* row;
  int64_t seed;
  fs::path folder;
  State state = State::kNew;
  pid_t child = 0;
  int code = 0;            ///< Exit code of a failed run.
  std::string error = {};  ///< Its error line.
  int64_t epochs = 0;      ///< As its experiment.toml says; 0 until that is asked for.

  std::string name() const { return row->name + " seed " + std::to_string(seed); }
  fs::path log() const { return folder.string() + ".log"; }
};

/// The path below experiments/, or the file's own name, without .toml; for a row its own name in
/// place of the file's: cp-vae/mnist-10 of experiments/cp-vae/table-3.toml:mnist-10.
std::string row_name(const std::string& what) {
  const clade::ExperimentAddress address = clade::parse_address(what);
  fs::path path = clade::plain_path(address.file).replace_extension();
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
  return inside ? below.string() : path.filename().string();
}

/// What the model calls its number of clusters, or the list of them on its levels; or "".
std::string clusters_of(const std::string& model) {
  const json options = clade::to_json(*clade::find_model(model).options());
  for (const std::string name : {"clusters", "components"}) {
    if (options.contains(name)) return name;
  }
  return "";
}

/// The name of the rows of one sweep, but for the value: that of a row without one.
std::string common_name(const std::string& what, const std::string& model) {
  return row_name(what) + (model.empty() ? "" : "/" + model);
}

void require_no_seed(const std::vector<std::string>& settings) {
  clade::ExperimentFile given;
  for (const std::string& setting : settings) given.override(setting);
  if (!given.gives("", "seed")) return;
  throw clade::ConfigError(
      "seed is set, but clade bench trains every seed from 1 to --seeds; leave it out, and give "
      "--seeds");
}

/// What the row is told. An error about the setting of a sweep says what was typed.
void read_row(clade::ExperimentFile file, const std::string& swept, Row& row) {
  try {
    for (const std::string& setting : row.settings) file.override(setting);
    require_no_seed(row.settings);
    row.likelihood_given = file.gives("model", "likelihood");
    row.least_deviation_given = file.gives("model", "least_deviation");
    row.label_budget_given = file.gives("data", "label_budget");
    row.file = file;
    row.experiment = clade::load_experiment(std::move(file));
  } catch (const clade::ConfigError& error) {
    const std::string said = error.what(), set = "--set ";
    if (swept.empty() || !said.starts_with(set + swept)) throw;
    throw clade::ConfigError("--sweep " + said.substr(set.size()));
  }
}

/// `model` is "" for that of the file, `swept` without a sweep.
Row load_row(const std::string& what, const std::string& model, const std::string& swept,
             const BenchArguments& arguments) {
  Row row;
  row.what = what;
  row.model = model;
  row.swept = swept;
  row.name = common_name(what, model);
  if (!model.empty()) {
    row.settings.push_back("model.name=" + model);
    if (const std::string key = clusters_of(model); arguments.clusters > 0 && !key.empty()) {
      const json settings = clade::to_json(*clade::find_model(model).options());
      const json clusters = settings.at(key).is_array()
                                ? json(std::vector(settings.at(key).size(), arguments.clusters))
                                : json(arguments.clusters);
      row.settings.push_back("model." + key + "=" + clusters.dump());
    }
  }
  if (!arguments.labels.empty()) row.settings.push_back("data.labels=" + arguments.labels);
  row.settings.insert(row.settings.end(), arguments.overrides.begin(), arguments.overrides.end());
  if (!swept.empty()) {
    row.name += "/" + arguments.sweep.name_of(swept);
    row.settings.push_back(arguments.sweep.setting_of(swept));
  }
  read_row(experiment_on(what), swept.empty() ? "" : row.settings.back(), row);
  return row;
}

std::vector<std::string> models_of(const BenchArguments& arguments) {
  if (arguments.models.empty()) return {""};
  if (arguments.models != std::vector<std::string>{"all"}) return arguments.models;
  std::vector<std::string> all;
  for (const auto& model : clade::models()) all.push_back(model.name);
  return all;
}

/// What to run, with the rows that --rows names in the place of each table.
std::vector<std::string> one_by_one(const BenchArguments& arguments) {
  const std::vector<std::string> every = {"*"};
  std::set<std::string> unused(arguments.rows.begin(), arguments.rows.end());
  std::vector<std::string> asked, known;
  for (const std::string& what : arguments.files) {
    clade::ExperimentDocument table;  // nothing for data, and for what names its row itself
    if (clade::is_experiment_address(what) && clade::parse_address(what).row.empty()) {
      table = clade::read_experiment_document(what);
    }
    if (table.rows.empty()) asked.push_back(what);
    for (const std::string& pattern : arguments.rows.empty() ? every : arguments.rows) {
      for (const std::string& row : clade::rows_like(pattern, table)) {
        const std::string address = what + ":" + row;
        if (std::find(asked.begin(), asked.end(), address) == asked.end()) asked.push_back(address);
        unused.erase(pattern);
      }
    }
    for (const std::string& row : clade::rows_of(table)) known.push_back(row);
  }
  if (unused.empty()) return asked;
  throw clade::ConfigError("--rows " + *unused.begin() + " names no row of " +
                           clade::one_of(arguments.files) + "; " +
                           clade::suggest(*unused.begin(), known));
}

std::vector<Row> load_rows(const BenchArguments& arguments) {
  auto values = arguments.sweep.values;
  if (values.empty()) values = {""};
  std::vector<Row> rows;
  for (const std::string& what : one_by_one(arguments)) {
    if (arguments.models.empty() && !clade::is_experiment_address(what)) {
      throw clade::ConfigError(what +
                               " is no experiment file (.toml); for data, say which models " +
                               "to compare on it: --models vae,cp_vae, or --models all");
    }
    for (const std::string& model : models_of(arguments)) {
      for (const std::string& value : values) {
        rows.push_back(load_row(what, model, value, arguments));
      }
    }
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (rows[j].name != rows[i].name) continue;
      if (rows[j].what == rows[i].what) {
        throw clade::ConfigError(rows[i].name + " is asked for twice; name it once");
      }
      throw clade::ConfigError(rows[j].what + " and " + rows[i].what + " would both be called " +
                               rows[i].name +
                               " in the table; rename one, or give them another --out each");
    }
  }
  return rows;
}

/// What `take` makes of the files of a run.
template <typename Take>
auto taking_apart(const Run& run, const Take& take) {
  return clade::take_json(run.folder, "delete this run, or train it on: clade train --resume",
                          take);
}

/// The experiment a run of this row should hold, given what is `there`: of data, what nobody set is
/// chosen from them when they are read.
clade::Experiment wanted(const Row& row, const clade::Experiment& there) {
  clade::Experiment experiment = row.experiment;
  if (clade::is_experiment_address(row.what) || there.model_name != experiment.model_name) {
    return experiment;
  }
  clade::ExperimentFile file = row.file;
  experiment.train = there.train;
  experiment.model = clade::find_model(there.model_name).options();
  clade::from_json(clade::to_json(*there.model), *experiment.model);
  file.read("train", experiment.train);
  file.read("model", *experiment.model);
  return experiment;
}

/// How a run is trained: as its folder says once there is one.
clade::TrainOptions training_of(const Run& run) {
  return fs::exists(run.folder / "experiment.toml") ? clade::experiment_of(run.folder).train
                                                    : run.row->experiment.train;
}

/// Whether training has ended and metrics.json is of the weights it ended with.
bool finished(const Run& run) {
  const json metrics = read_metrics(run.folder);
  const json record = read_record(run.folder);
  const json checkpoint = clade::read_checkpoint_numbers(run.folder);
  if (!metrics.contains("test")) return false;
  if (!record.empty() && !record.value("finished", false)) return false;
  if (checkpoint.empty()) return !record.empty();
  return taking_apart(run, [&] { return clade::is_complete(checkpoint, training_of(run)); });
}

/// Refuses a run of data that are others now: its figures are not to stand beside theirs. A named
/// set is what it was.
void require_same_data(const Run& run) {
  if (!run.row->experiment.data.name.empty()) return;
  try {
    open_run(run.folder.string(), "cpu").splits();
  } catch (const clade::DataError& error) {
    throw clade::DataError(run.folder.string() + ": " + error.what() +
                           " (delete this run, or give another --out)");
  }
}

State state_of(const Run& run) {
  if (is_fresh(run.folder)) return State::kNew;
  clade::Experiment there = clade::experiment_of(run.folder);
  const Row& row = *run.row;
  // What a file leaves open is chosen from the data.
  if (!row.likelihood_given) there.model->likelihood = row.experiment.model->likelihood;
  if (!row.label_budget_given) there.data.label_budget = row.experiment.data.label_budget;
  if (!row.least_deviation_given) {
    there.model->least_deviation = row.experiment.model->least_deviation;
  }
  const std::string difference = wanted(row, there).difference(there);
  if (!difference.empty()) {
    throw clade::ConfigError(run.folder.string() + " holds another experiment than " + row.what +
                             ": " + difference + "; delete it or give another --out");
  }
  if (finished(run)) {
    require_same_data(run);
    return State::kFinished;
  }
  if (fs::exists(run.folder / "checkpoint.safetensors")) return State::kBegun;
  if (fs::exists(run.folder / "metrics.json") || read_record(run.folder).value("finished", false)) {
    throw clade::Error(run.folder.string() +
                       " has no checkpoint to go on from; measure it by clade evaluate, or delete "
                       "it");
  }
  return State::kNew;
}

std::vector<Run> plan(const std::vector<Row>& rows, const BenchArguments& arguments) {
  std::vector<Run> runs;
  for (const Row& row : rows) {
    for (int64_t seed = 1; seed <= arguments.seeds; ++seed) {
      Run run{&row, seed, fs::path(arguments.out) / row.name / ("seed-" + std::to_string(seed))};
      run.state = state_of(run);
      runs.push_back(run);
    }
  }
  return runs;
}

/// Held until this process and the runs it started have ended, so that no two write one folder.
void lock(const fs::path& out) {
  clade::make_folder(out, "give another --out");
  const int file = ::open((out / ".lock").c_str(), O_RDWR | O_CREAT, 0644);
  if (file < 0) {
    throw clade::Error("cannot write in " + out.string() + ": " + std::strerror(errno) +
                       "; give another --out");
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    throw clade::Error(out.string() +
                       " is in use by another clade bench, or by a run it left behind; wait for "
                       "it or give another --out");
  }
}

/// By its own name, for people who look at what their machine does.
fs::path this_program() {
  const fs::path link = "/proc/self/exe";
  std::error_code error;
  const fs::path program = fs::read_symlink(link, error);
  return !error && fs::exists(program, error) ? program : link;  // replaced since it began
}

void start(Run& run, int64_t threads) {
  std::vector<std::string> words = {"clade", "train"};
  if (run.state == State::kBegun) {
    words.insert(words.end(), {"--resume", run.folder.string()});
  } else {
    fs::remove_all(run.folder);  // of a run that ended before its first checkpoint
    clade::make_folder(run.folder.parent_path(), "give another --out");
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
      ::posix_spawn(&run.child, this_program().c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    throw clade::Error("cannot start a run: " + std::string(std::strerror(error)) + "; check " +
                       log);
  }
  run.state = State::kRunning;
}

/// The last line in which the run says why it ended.
std::string error_line(const Run& run) {
  std::istringstream lines(clade::read_file(run.log()));
  const std::string mark = "clade: ";
  std::string found = "no error line";
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(mark, 0) == 0) found = line.substr(mark.size());
  }
  return found;
}

/// Takes up the result of a run that has ended; returns false while it goes on.
bool ended(Run& run) {
  int status = 0;
  const pid_t child = ::waitpid(run.child, &status, WNOHANG);
  if (child == 0 || (child < 0 && errno == EINTR)) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && finished(run)) {
    run.state = State::kFinished;
    return true;
  }
  run.state = State::kFailed;
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  run.error = WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
              : run.code != 0     ? error_line(run)
              : read_metrics(run.folder).contains("test")
                  ? "its figures are not those of its last epoch; delete the run"
                  : "there are no test points; give data.test some";
  return true;
}

json run_json(const Run& run, const fs::path& out) {
  json entry = {{"seed", run.seed}, {"folder", run.folder.lexically_relative(out).string()}};
  if (run.state == State::kFailed) {
    entry["failed"] = run.error;
    return entry;
  }
  entry["metrics"] = read_metrics(run.folder);
  taking_apart(run, [&] {
    for (json& split : entry["metrics"]) split.erase("layer_kl");  // a number a unit
    const json checkpoint = clade::read_checkpoint_numbers(run.folder);
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
clade::Experiment told_of(const Row& row, const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.row != &row || !fs::exists(run.folder / "experiment.toml")) continue;
    return clade::experiment_of(run.folder);
  }
  return row.experiment;
}

json row_json(const Row& row, const std::vector<Run>& runs, const BenchArguments& arguments) {
  clade::Experiment experiment = row.experiment;
  const clade::Experiment told = told_of(row, runs);
  json all = json::array();
  int64_t threads = arguments.threads;
  for (const Run& run : runs) {
    if (run.row != &row || (run.state != State::kFinished && run.state != State::kFailed)) continue;
    all.push_back(run_json(run, arguments.out));
    // Another number would round otherwise.
    if (run.state == State::kFinished) threads = clade::experiment_of(run.folder).run.threads;
  }
  std::vector<std::string> words = {"clade", "bench", row.what, "--seeds",
                                    std::to_string(arguments.seeds)};
  if (threads > 0) words.insert(words.end(), {"--threads", std::to_string(threads)});
  if (!arguments.models.empty()) {
    words.insert(words.end(), {"--models", experiment.model_name});
    if (arguments.clusters > 0) {
      words.insert(words.end(), {"--clusters", std::to_string(arguments.clusters)});
    }
  }
  if (!arguments.labels.empty()) words.insert(words.end(), {"--labels", arguments.labels});
  for (const std::string& setting : arguments.overrides) {
    words.insert(words.end(), {"--set", setting});
  }
  if (!row.swept.empty()) {
    words.insert(words.end(), {"--set", arguments.sweep.setting_of(row.swept)});
  }
  json entry = {{"model", experiment.model_name},
                {"data", experiment.data_name()},
                {"published", clade::to_json(experiment.published)},
                {"command", command_line(words)},
                {"seeds", arguments.seeds},
                {"runs", all},
                {"summary", clade::summarise(all)}};
  if (clade::find_model(experiment.model_name).takes_labels) {
    entry["labels"] = told.data.label_budget;
  }
  const json options = clade::to_json(*told.model);
  const std::string clusters = clusters_of(experiment.model_name);
  const bool single = clusters == "components" && options.at("prior") == "standard_normal";
  if (!clusters.empty() && !single) entry["clusters"] = options.at(clusters);
  return entry;
}

/// results.json, results.md and --into; rows of experiments not in this call stay.
void write_results(const std::vector<Row>& rows, const std::vector<Run>& runs,
                   const BenchArguments& arguments) {
  const fs::path out = arguments.out;
  json results = clade::read_json_object(out / "results.json");
  for (const Row& row : rows) results[row.name] = row_json(row, runs, arguments);
  std::string table;
  try {
    table = clade::results_table(results);
  } catch (const json::exception&) {
    throw clade::Error((out / "results.json").string() +
                       " is not as clade bench writes it; delete it, the runs stay");
  }
  clade::write_json(out / "results.json", results);
  clade::write_atomically(out / "results.md", table);
  if (arguments.into.empty()) return;
  clade::write_atomically(
      arguments.into, clade::with_table(clade::read_file(arguments.into), table, arguments.into));
}

std::string said_of(const Run& run) {
  if (run.state == State::kFailed) return "failed: " + run.error;
  const json entry = run_json(run, run.folder);
  char bound[64];
  taking_apart(run, [&] {
    std::snprintf(bound, sizeof bound, "bound %.2f",
                  entry.at("metrics").at("test").at("elbo").get<double>());
  });
  if (!entry.contains("epochs")) return bound;
  return std::string(bound) + ", " + entry.at("epochs").dump() + " epochs, " +
         clade::duration(entry.at("seconds"));
}

/// "mnist-10 seed 1: epoch 7/2000, bound -101.20", from the last line of the run's log.
std::string progress_of(Run& run) {
  const fs::path log = run.folder / "log.jsonl";
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
  if (run.epochs == 0) run.epochs = training_of(run).epochs;
  char figures[96];
  std::snprintf(figures, sizeof figures, ": epoch %lld/%lld, bound %.2f",
                static_cast<long long>(last.value("epoch", int64_t{0})),
                static_cast<long long>(run.epochs), last.at(bound).get<double>());
  return text + figures;
}

int64_t count(const std::vector<Run>& runs, State state) {
  return std::count_if(runs.begin(), runs.end(),
                       [&](const Run& run) { return run.state == state; });
}

void tell_to_stop(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.state == State::kRunning) ::kill(run.child, SIGTERM);
  }
}

/// Stops the runs that still go on when bench ends by an error: nobody would watch them, and they
/// would hold the folder.
class StopAtTheEnd {
 public:
  explicit StopAtTheEnd(const std::vector<Run>& runs) : runs_(runs) {}
  StopAtTheEnd(const StopAtTheEnd&) = delete;
  StopAtTheEnd& operator=(const StopAtTheEnd&) = delete;
  ~StopAtTheEnd() {
    tell_to_stop(runs_);
    for (const Run& run : runs_) {
      if (run.state != State::kRunning) continue;
      while (::waitpid(run.child, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

 private:
  const std::vector<Run>& runs_;
};

/// Runs what is not finished, `jobs` at a time, until all have ended or the user says stop.
void run_all(const std::vector<Row>& rows, std::vector<Run>& runs,
             const BenchArguments& arguments) {
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
      tell_to_stop(runs);
    }
    for (Run& run : runs) {
      if (run.state == State::kRunning && ended(run)) {
        if (stopping && run.state == State::kFailed) {  // as it was told
          run.state = State::kBegun;
          continue;
        }
        line.clear();
        say(run.name() + ": " + said_of(run));
        write_results(rows, runs, arguments);
      }
      const bool waiting = run.state == State::kNew || run.state == State::kBegun;
      if (waiting && !stopping && count(runs, State::kRunning) < arguments.jobs) {
        start(run, threads);
      }
    }
    if (count(runs, State::kRunning) == 0) break;
    if (Clock::now() >= next_reading) {
      next_reading = Clock::now() + kBetweenReadings;
      std::string text = std::to_string(count(runs, State::kFinished)) + "/" +
                         std::to_string(runs.size()) + " finished  ";
      for (Run& run : runs) {
        if (run.state == State::kRunning) text += progress_of(run) + "  ";
      }
      line.show(text +
                clade::duration(std::chrono::duration<double>(Clock::now() - begun).count()));
    }
    std::this_thread::sleep_for(kPause);
  }
  line.clear();
  if (!stopping) return;
  throw clade::Interrupted("stopped with " + std::to_string(count(runs, State::kFinished)) +
                           " of " + std::to_string(runs.size()) +
                           " runs finished, the others saved; go on with the same command");
}

/// The models on each data side by side, each by its first seed that finished.
void compare_models(const std::vector<Run>& runs, const BenchArguments& arguments) {
  std::map<std::string, std::vector<std::string>> folders;  // by what they were trained on
  const Row* last = nullptr;
  for (const Run& run : runs) {
    if (run.row == last || run.state != State::kFinished) continue;
    last = run.row;
    folders[run.row->what].push_back(run.folder.string());
  }
  for (const auto& [what, of_models] : folders) {
    if (of_models.size() > 1) {
      compare_runs(of_models, (fs::path(arguments.out) / row_name(what) / "comparison").string());
    }
  }
}

/// What a sweep gives for each experiment, and model on data.
void show_sweeps(const std::vector<Run>& runs, const BenchArguments& arguments) {
  const Sweep& sweep = arguments.sweep;
  std::map<std::string, std::vector<std::vector<fs::path>>> all;  // folders by name and value
  for (const Run& run : runs) {
    auto& folders = all[common_name(run.row->what, run.row->model)];
    folders.resize(sweep.values.size());
    const auto place = std::find(sweep.values.begin(), sweep.values.end(), run.row->swept);
    if (run.state != State::kFinished) continue;
    folders[static_cast<size_t>(place - sweep.values.begin())].push_back(run.folder);
  }
  for (const auto& [name, folders] : all) {
    show_sweep(sweep, folders, fs::path(arguments.out) / name);
  }
}

/// If rows differ in how many labels they learn from: what that does to their likelihood.
void draw_label_curves(const fs::path& out) {
  const auto curves = clade::label_curves(clade::read_json_object(out / "results.json"));
  if (curves.empty()) return;
  const fs::path chart = out / "labels.png";
  const auto notes = clade::write_label_curves(curves, chart);
  for (const std::string& text : notes) note(text);
  if (notes.empty()) say("log-likelihood by labels: " + chart.string());
}

void bench(const BenchArguments& arguments) {
  const std::vector<Row> rows = load_rows(arguments);
  if (!arguments.into.empty()) {
    clade::with_table(clade::read_file(arguments.into), "", arguments.into);
  }
  lock(arguments.out);
  std::vector<Run> runs = plan(rows, arguments);
  std::printf("%zu runs, %lld finished before\n", runs.size(),
              static_cast<long long>(count(runs, State::kFinished)));
  std::fflush(stdout);
  write_results(rows, runs, arguments);
  run_all(rows, runs, arguments);
  const fs::path table = fs::path(arguments.out) / "results.md";
  std::printf("\n%s\n", clade::read_file(table).c_str());
  say("results: " + table.string());
  draw_label_curves(arguments.out);
  if (!arguments.sweep.values.empty()) {
    show_sweeps(runs, arguments);
  } else if (!arguments.models.empty()) {
    compare_models(runs, arguments);
  }

  const auto failed = std::find_if(runs.begin(), runs.end(),
                                   [](const Run& run) { return run.state == State::kFailed; });
  if (failed == runs.end()) return;
  const std::string message = std::to_string(count(runs, State::kFailed)) + " of " +
                              std::to_string(runs.size()) + " runs failed, first " +
                              failed->name() + ": " + failed->error + "; its output is in " +
                              failed->log().string();
  constexpr int kNumericalFailure = 3;
  if (failed->code == kNumericalFailure) throw clade::NumericalError(message);
  throw clade::Error(message);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "make a table of results: experiments times seeds");
  auto arguments = std::make_shared<BenchArguments>();
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
          "--sweep", [arguments](const std::string& word) { arguments->sweep = parse_sweep(word); },
          "train with each of several values of a setting, and say which to take: how high "
          "the bound is, how many clusters are in use, how far seeds agree on them")
      ->type_name("KEY=V1,V2,...");
  command->add_option("--labels", arguments->labels,
                      "labels to compare clusters with: a file, or a column of the table");
  command->add_option("--seeds", arguments->seeds, "seeds 1 to this, whatever the files say")
      ->check(counts())
      ->capture_default_str();
  command->add_option("--jobs", arguments->jobs, "runs at a time")
      ->check(counts())
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "CPU threads a run; cores / jobs by default")
      ->check(counts());
  command
      ->add_option("--set", arguments->overrides,
                   "override one setting of every experiment, section.key=value")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--out", arguments->out, "folder of the runs and the table")
      ->capture_default_str();
  command->add_option("--into", arguments->into,
                      "also put the table into this document, between the lines\n"
                      "<!-- bench:begin --> and <!-- bench:end -->");
  command->footer(
      "Runs are DIR/NAME/seed-S, NAME the file's path below experiments/, in it a row's name for\n"
      "that of the file: cp-vae/mnist-10 or cp-vae/mnist-10-gumbel. Finished ones are not run\n"
      "again, stopped ones go on. Writes DIR/results.json and DIR/results.md after each run, and\n"
      "DIR/labels.png, likelihoods by how many labels rows learn from, if they differ in that.\n"
      "With --models, DIR/NAME/comparison/index.html has the models side by side.\n"
      "Examples:\n"
      "  clade bench points.csv --models vae,mog,vampprior,cp_vae,indq --clusters 10 --seeds 3\n"
      "  clade bench points.csv --models cp_vae --sweep model.clusters=5,10,20,40 --seeds 3\n"
      "  clade bench experiments/cp-vae/table-3.toml:mnist-10 --seeds 3\n"
      "  clade bench experiments/cp-vae/table-3.toml --rows 'mnist-*' --seeds 5 --jobs 4\n"
      "  clade bench experiments/*/*.toml --seeds 5 --into docs/results.md\n"
      "  clade bench experiments/vae/mnist.toml --set device=cuda --out runs/cuda");
  command->callback([arguments] { bench(*arguments); });
}
