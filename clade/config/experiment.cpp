#include "clade/config/experiment.h"

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/require.h"

namespace clade {
namespace {

constexpr int64_t kMostThreads = 1024;

}  // namespace

std::vector<Option> RunOptions::options() {
  return {{"seed", &seed, "everything random follows from it"},
          {"device", &device, "cpu or cuda"},
          {"threads", &threads, "CPU threads; 0 for all. Another number gives other rounding"}};
}

void RunOptions::validate() const {
  require_at_least("seed", static_cast<double>(seed), 0);
  require_one_of("device", device, {"cpu", "cuda"});
  require_at_least("threads", static_cast<double>(threads), 0);
  if (threads > kMostThreads) {
    throw ConfigError("threads is " + std::to_string(threads) + "; it must be at most " +
                      std::to_string(kMostThreads) + ", or 0 for one a processor");
  }
}

std::vector<Option> PublishedOptions::options() {
  return {{"bound", &bound, "published negative bound, nats per data point; 0 for none"},
          {"log_likelihood", &log_likelihood, "published log-likelihood, nats; 0 for none"},
          {"source", &source, "where the figures come from"}};
}

Experiment load_experiment(ExperimentFile file, const std::string& default_model) {
  Experiment experiment;
  file.read("", experiment.run);
  file.read("data", experiment.data);
  experiment.model_name = file.string("model", "name").value_or(default_model);
  if (experiment.model_name.empty()) {
    throw ConfigError("the experiment names no model; add name = \"cp_vae\" to its [model] table");
  }
  experiment.model = find_model(experiment.model_name).options();
  file.read("model", *experiment.model);
  file.read("train", experiment.train);
  file.read("evaluate", experiment.evaluate);
  file.read("published", experiment.published);
  file.finish();
  for (const Options* options : std::initializer_list<const Options*>{
           &experiment.run, &experiment.data, experiment.model.get(), &experiment.train,
           &experiment.evaluate, &experiment.published}) {
    options->validate();
  }
  return experiment;
}

Experiment experiment_of(const std::filesystem::path& run) {
  const auto path = run / "experiment.toml";
  if (!std::filesystem::exists(path)) {
    throw Error(run.string() +
                " is not a run folder (no experiment.toml); give the folder that "
                "`clade train` wrote");
  }
  return load_experiment(ExperimentFile::parse(path));
}

std::string Experiment::data_name() const {
  return data.name.empty() ? name_of(data.path).stem().string() : data.name;
}

std::string Experiment::difference(Experiment other) const {
  if (other.model_name != model_name) {
    return "model.name is " + other.model_name + ", not " + model_name;
  }
  Experiment mine = *this;
  const std::initializer_list<std::tuple<const char*, Options*, Options*>> sections = {
      {"data", &mine.data, &other.data},
      {"model", mine.model.get(), other.model.get()},
      {"train", &mine.train, &other.train},
      {"evaluate", &mine.evaluate, &other.evaluate}};
  for (const auto& [section, ours, theirs] : sections) {
    const std::vector<Option> a = ours->options(), b = theirs->options();
    for (size_t i = 0; i < a.size(); ++i) {
      if (spelled(a[i]) == spelled(b[i])) continue;
      return std::string(section) + "." + a[i].name + " is " + spelled(b[i]) + ", not " +
             spelled(a[i]);
    }
  }
  return "";
}

std::string Experiment::toml() {
  return to_toml({{"", &run},
                  {"data", &data},
                  {"model", model.get(), {{"name", model_name}}},
                  {"train", &train},
                  {"evaluate", &evaluate},
                  {"published", &published}});
}

}  // namespace clade
