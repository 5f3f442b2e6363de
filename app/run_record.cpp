#include "app/run_record.h"

#include <ctime>
#include <sstream>

#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/machine.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/ops/threads.h"

namespace {

std::filesystem::path record_path(const std::filesystem::path& run) {
  return run / clade::run_files::kRecord;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

std::string this_command() {
  std::istringstream all(clade::read_file("/proc/self/cmdline"));
  std::vector<std::string> words;
  for (std::string word; std::getline(all, word, '\0');) words.push_back(word);
  words.front() = "clade";
  return command_line(words);
}

}  // namespace

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + clade::shell_text(word);
  return line;
}

nlohmann::json read_record(const std::filesystem::path& run) {
  nlohmann::json record = clade::read_json_object(record_path(run));
  clade::take_json(record_path(run), "delete it, the run stays", [&] {
    for (const char* key : {"date", "machine", "command", "version", "folder"}) {
      static_cast<void>(record.value(key, std::string()));
    }
    static_cast<void>(record.value("finished", false));
  });
  return record;
}

void begin_record(const std::filesystem::path& run, const clade::RunOptions& options) {
  std::filesystem::remove(run / clade::run_files::kMetrics);
  clade::write_json(record_path(run),
                    {{"date", today()},
                     {"machine", clade::machine_name(options.device, clade::threads())},
                     {"threads", clade::threads()},
                     {"command", read_record(run).value("command", this_command())},
                     {"version", CLADE_VERSION}});
}

std::string said_of_threads(const std::filesystem::path& run) {
  const int64_t now = clade::threads(), then = read_record(run).value("threads", now);
  if (then == now) return "";
  return "threads: " + std::to_string(then) + " at its beginning, " + std::to_string(now) +
         " now; sums are taken in another order, so it does not go on bit for bit, as threads = " +
         std::to_string(then) + " in experiment.toml would";
}

void finish_record(const std::filesystem::path& run) {
  nlohmann::json record = read_record(run);
  record["finished"] = true;
  clade::write_json(record_path(run), record);
}
