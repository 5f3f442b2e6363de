#pragma once
#include <filesystem>
#include <memory>

#include "clade/data/load.h"
#include "clade/evaluation/evaluate.h"
#include "clade/formats/experiment_file.h"
#include "clade/models/registry.h"
#include "clade/training/schedule.h"
#include "clade/training/trained_model.h"

namespace clade {

inline constexpr int64_t kMostThreads = 1024;

/// The keys above the first table of an experiment file.
struct RunOptions : Options {
  int64_t seed = 1;
  std::string device = "cpu";
  int64_t threads = 0;

  std::vector<Option> options() override;
};

/// Figures the literature gives for this experiment, 0 where it gives none. They are shown beside
/// ours and decide nothing.
struct PublishedOptions : Options {
  double bound = 0;
  double log_likelihood = 0;
  double error = 0;
  double accuracy = 0;           ///< Of clusters that take their most probable point's label.
  double accuracy_majority = 0;  ///< Of clusters that take the label of most of their points.
  std::string latent;            ///< Whose clusters the accuracies are of, if a model has several.
  std::string source;

  std::vector<Option> options() override;
};

/// Everything an experiment file says: one struct a table.
struct Experiment {
  RunOptions run;
  DataOptions data;
  std::string model_name;
  std::shared_ptr<ModelOptions> model;
  TrainOptions train;
  EvaluateOptions evaluate;
  PublishedOptions published;

  /// The file that says the same; `load_experiment` reads it back.
  std::string toml();

  /// The data in a word: the named set, or the file without folder and ending.
  std::string data_name() const;

  /// Settings that are not as they are if nobody sets them, by section and name, of what trains and
  /// measures: seed, device, threads and published figures do not count.
  nlohmann::json set();

  /// How `other` would train or be measured differently, "train.epochs is 3, not 5", or "". Seed,
  /// device, threads and published figures do not count.
  std::string difference(Experiment other) const;
};

/// What is trained on data if nobody says which model.
inline constexpr const char* kDefaultModel = "cp_vae";

/// What is named on a command line: an experiment file or a row of one, or settings that say
/// nothing but their data, a file or a named set. Throws DataError if there is no such thing.
ExperimentFile experiment_on(const std::string& what);

/// Reads `file`, which the caller may have overridden. Throws ConfigError naming file, line and
/// key. `default_model` is the model of a file that names none; "" makes that an error.
Experiment load_experiment(ExperimentFile file, const std::string& default_model = "");

/// Makes the paths absolute, of data, of a file of labels and of one to start from, so that a run
/// can be opened from any folder. One that is not UTF-8 stays as it is, for no experiment file can
/// hold it.
void make_paths_absolute(Experiment& experiment);

/// Leaves in the folder RUN what every command needs to open it: the model, and the experiment that
/// made it. Curves and checkpoints are RunFolder's. Throws Error if it cannot be written.
void save_run(const TrainedModel& trained, Experiment experiment, const std::filesystem::path& run);

/// RUN/experiment.toml. Data that are not where it says are looked for where they would be if they
/// had moved with the run: below each folder above it, under the longest end of their path.
Experiment experiment_of(const std::filesystem::path& run);

}  // namespace clade
