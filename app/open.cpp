#include "app/open.h"

#include <torch/torch.h>

#include <algorithm>

#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/formats/data_file.h"

clade::TrainedRun open_to_use(const std::string& folder, const std::string& device) {
  clade::TrainedRun run = clade::open_run(folder, device);
  if (const auto said = clade::advice_on_unfinished(run); !said.empty()) note(said);
  return run;
}

clade::Dataset points_to_use(const clade::TrainedRun& run, const std::string& data,
                             const std::string& labels, const std::string& out) {
  clade::require_place_for(out);  // before minutes go into what it is to hold
  require_own_file(run, out, {data, labels});
  auto points = run.points(data, labels);
  if (!points.note.empty()) out == "-" ? note(points.note) : say(points.note);
  return points;
}

void require_numbers(const torch::Tensor& values, const clade::Dataset& data,
                     const std::string& what) {
  // Values far from all training points make networks overflow.
  const auto rows = values.isnan().any(1).nonzero().flatten();  // of `data`
  if (rows.size(0) == 0) return;
  throw clade::NumericalError(
      std::to_string(rows.size(0)) + " of " + std::to_string(data.size()) +
      " points have values so far from those the model was trained on that their " + what +
      " are no numbers, row " + std::to_string(data.rows[rows[0].item<int64_t>()].item<int64_t>()) +
      " (counted from 0) first; leave them out");
}

void require_own_file(const clade::TrainedRun& run, const std::string& out,
                      const std::vector<std::string>& inputs) {
  const auto is_out = [&](const std::filesystem::path& file) {
    std::error_code missing;
    return std::filesystem::equivalent(out, file, missing);
  };
  const clade::Experiment& experiment = run.experiment;
  std::vector<std::string> data = inputs;
  data.insert(data.end(),
              {experiment.data.path, experiment.data.labels, experiment.train.start_file});
  for (const std::string& file : data) {
    if (!is_out(clade::split_array_path(file).file)) continue;
    throw clade::ConfigError("--out " + out + " is what the run reads; give another name");
  }
  for (const char* file : clade::run_files::kAll) {
    if (!is_out(run.folder / file)) continue;
    throw clade::ConfigError("--out " + out + " is a file of the run; give another name");
  }
}
