#include "clade/run/record.h"

#include <ctime>

#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/machine.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/ops/threads.h"

namespace clade {

using nlohmann::json;

namespace {

std::filesystem::path record_path(const std::filesystem::path& run) {
  return run / run_files::kRecord;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

}  // namespace

json read_record(const std::filesystem::path& run) {
  json record = read_json_object(record_path(run));
  take_json(record_path(run), "delete it, the run stays", [&] {
    for (const char* key : {"date", "machine", "command", "version", "folder"}) {
      static_cast<void>(record.value(key, std::string()));
    }
    static_cast<void>(record.value("finished", false));
    static_cast<void>(record.value("threads", int64_t{0}));
  });
  return record;
}

void begin_record(const std::filesystem::path& run, const RunOptions& options,
                  const std::string& command) {
  std::filesystem::remove(run / run_files::kMetrics);
  const json before = read_record(run);
  json record = {{"date", today()},
                 {"machine", machine_name(options.device, threads())},
                 {"threads", before.value("threads", int64_t{threads()})},
                 {"version", CLADE_VERSION}};
  const std::string began = before.value("command", command);
  if (!began.empty()) record["command"] = began;
  write_json(record_path(run), record);
}

std::string said_of_threads(const std::filesystem::path& run) {
  const int64_t now = threads(), then = read_record(run).value("threads", now);
  if (then == now) return "";
  return "threads: " + std::to_string(then) + " at its beginning, " + std::to_string(now) +
         " now; sums are taken in another order, so it does not go on bit for bit, as threads = " +
         std::to_string(then) + " in experiment.toml would";
}

void finish_record(const std::filesystem::path& run) {
  json record = read_record(run);
  record["finished"] = true;
  write_json(record_path(run), record);
}

}  // namespace clade
