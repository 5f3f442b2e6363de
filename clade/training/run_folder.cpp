#include "clade/training/run_folder.h"

#include <torch/torch.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/training/provenance.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kRestart = "restart";

const char* name_of(BoundKind kind) {
  switch (kind) {
    case BoundKind::elbo:
      return "elbo";
    case BoundKind::relaxed:
      return "relaxed_elbo";
    case BoundKind::looser:
      return "looser_elbo";
    case BoundKind::weighted:
      return "weighted";
  }
  throw std::logic_error("a bound without a name");
}

json to_json(const MeanBound& mean) {
  json terms = json::object();
  for (const auto& [name, value] : mean.terms) terms[name] = value;
  json of = {{name_of(mean.kind), mean.elbo}, {"terms", terms}};
  if (mean.weighted) of[name_of(BoundKind::weighted)] = *mean.weighted;
  return of;
}

json to_json(const EpochLog& log) {
  json line = {{"epoch", log.epoch},
               {"stage", log.stage},
               {"steps", log.steps},
               {"train", to_json(log.train)},
               {"learning_rate", log.learning_rate},
               {"beta", log.beta},
               {"seconds", log.seconds},
               {"samples_per_second", log.samples_per_second}};
  if (log.restart) line["restart"] = *log.restart;
  if (!log.figures.empty()) line["figures"] = log.figures;
  if (log.validation) line["validation"] = to_json(*log.validation);
  // Not every model bounds labelled points; all have losses.
  if (log.labelled) line["labelled"]["terms"] = to_json(*log.labelled)["terms"];
  return line;
}

// The log keeps only the epochs that the resumed state has behind it. Restarts follow one another
// in it, and the best of them goes on behind all.
void truncate_log(const std::filesystem::path& path, const TrainingState& state) {
  if (!std::filesystem::exists(path)) return;
  std::istringstream lines(read_file(path));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto epoch = entry.is_object() ? entry.find("epoch") : entry.end();
    if (epoch == entry.end() || !epoch->is_number_integer()) continue;
    const auto found = entry.find("restart");
    const bool one_of_several = found != entry.end() && found->is_number_integer();
    const int64_t restart = one_of_several ? found->get<int64_t>() : 0;
    const auto compared = static_cast<int64_t>(state.restart_bounds.size());
    const bool begun = restart < compared || restart == state.standing.restart;
    const bool behind = restart != state.standing.restart || *epoch <= state.standing.epoch;
    if (!begun || !behind) continue;
    kept += line + "\n";
  }
  write_atomically(path, kept);
}

}  // namespace

void RunFolder::resume(Trainer& trainer, std::optional<TrainedModel> saved) const {
  TrainingState state = read_checkpoint(folder_);
  if (state.standing.best_epoch > 0) {
    if (!saved) saved = load_model(folder_, torch::kCPU);
    state.best_weights = state_of(*saved->model);
    state.saved_epoch = saved->provenance.value("epoch", state.standing.best_epoch);
    const double volume = saved->log_volume().value_or(0);
    state.saved_kind = kind_of_bound(saved->provenance);
    state.saved_bound =
        saved->provenance.value(key_of_bound(state.saved_kind), state.best_bound - volume) + volume;
    if (state.provenance.is_null()) state.provenance = saved->provenance;
  }
  trainer.resume(state, folder_.string());
  if (!state.restart_bounds.empty() && std::filesystem::exists(folder_ / kRestart)) {
    trainer.keep_best_restart(read_checkpoint(folder_ / kRestart));
  }
  write_checkpoint_copy(folder_, state);
  truncate_log(folder_ / run_files::kLog, state);
}

void RunFolder::after_epoch(const EpochLog& log) {
  const auto path = folder_ / run_files::kLog;
  std::ofstream file(path, std::ios::app);
  file << json_text(to_json(log)) << "\n" << std::flush;
  if (!file) {
    throw Error("cannot write " + path.string() +
                "; check the folder's permissions and the free disk space");
  }
}

void RunFolder::keep_starts(const std::vector<Start>& starts, int64_t /*restart*/) {
  write_starts(folder_, starts);
}

void RunFolder::keep_restart(const TrainingState& state) {
  const auto restart = folder_ / kRestart;
  make_folder(restart, "check the run folder's permissions");
  if (!state.starts.empty()) write_starts(restart, state.starts);
  write_checkpoint(restart, state);
}

void RunFolder::choose_restart(int64_t /*restart*/, double /*bound*/,
                               const std::vector<Start>& starts) {
  if (!starts.empty()) write_starts(folder_, starts);
  std::filesystem::remove_all(folder_ / kRestart);
}

void RunFolder::keep_model(const TrainedModel& trained) {
  save_model(trained, folder_);
}

void RunFolder::keep_state(const TrainingState& state) {
  write_checkpoint(folder_, state);
}

}  // namespace clade
