#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clade/core/json_file.h"
#include "clade/run/bench_rows.h"
#include "clade/training/schedule.h"

namespace clade {

enum class RunState { kNew, kBegun, kRunning, kFinished, kFailed };

/// One seed of a row.
struct BenchRun {
  const BenchRow* row;
  int64_t seed;
  std::filesystem::path folder;
  RunState state = RunState::kNew;
  pid_t child = 0;
  int code = 0;            ///< Exit code of a failed run; of one that a signal ended 128 and more.
  std::string error = {};  ///< Its error line.
  int64_t epochs = 0;      ///< As its experiment.toml says; 0 until that is asked for.

  std::string name() const { return row->name + " seed " + std::to_string(seed); }
  std::filesystem::path log() const { return folder.string() + ".log"; }
};

/// Every seed of every row, as it stands in its folder. Throws ConfigError if the folder holds
/// another experiment, DataError if its data are others now.
std::vector<BenchRun> plan_runs(const std::vector<BenchRow>& rows, const BenchArguments& arguments);

/// The highest seed of a finished run of these rows that is beyond those asked for; 0 if none is.
int64_t seeds_beyond(const std::vector<BenchRow>& rows, const BenchArguments& arguments);

int64_t count_runs(const std::vector<BenchRun>& runs, RunState state);

/// How a run is trained: as its folder says once there is one.
TrainOptions training_of(const BenchRun& run);

/// What `take` makes of the files of a run.
template <typename Take>
auto taking_apart(const BenchRun& run, const Take& take) {
  return take_json(run.folder, "delete this run, or train it on: clade train --resume", take);
}

/// Held until this process and the runs it started have ended, so that no two write one folder.
/// Throws Error if another holds it.
void lock_bench(const std::filesystem::path& out);

/// Begins a run, or goes on with it, in a process of its own: `program` is the command clade.
void start_run(BenchRun& run, int64_t threads, const std::filesystem::path& program);

/// Takes up the result of a run that has ended; returns false while it goes on.
bool has_ended(BenchRun& run);

/// Tells those that go on to stop, which they do with a checkpoint written.
void tell_to_stop(const std::vector<BenchRun>& runs);

/// Returns when none goes on.
void wait_for(const std::vector<BenchRun>& runs);

}  // namespace clade
