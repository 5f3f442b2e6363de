#include "clade/experiment/experiment.h"

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/data/named_sets.h"
#include "clade/data/points.h"
#include "clade/formats/data_file.h"

namespace clade {
namespace {

bool is_there(const std::filesystem::path& path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

/// What `load` gives. Settings that are well-formed and wrong say their key: errors name the file
/// too.
template <typename Load>
Experiment naming(const std::filesystem::path& file, const Load& load) {
  try {
    return load();
  } catch (const ConfigError& error) {
    const std::string said = error.what();
    if (said.rfind(file.string(), 0) == 0) throw;
    throw ConfigError(file.string() + ": " + said);
  }
}

/// "/there/cells.npz:counts" for "cells.npz:counts".
std::string with_file(const std::string& array_path, const std::filesystem::path& file) {
  const std::string entry = split_array_path(array_path).entry;
  return file.string() + (entry.empty() ? "" : ":" + entry);
}

std::string absolute(const std::string& path) {
  const std::string all = with_file(path, plain_path(split_array_path(path).file));
  return is_utf8(all) ? all : path;
}

/// `file` as it would be called had it moved with `run`, or "" if there is none such.
std::filesystem::path moved_with(const std::filesystem::path& run,
                                 const std::filesystem::path& file) {
  const std::filesystem::path parts = file.relative_path();
  for (auto from = parts.begin(); from != parts.end(); ++from) {
    std::filesystem::path end;
    for (auto part = from; part != parts.end(); ++part) end /= *part;
    for (auto above = plain_path(run); above.has_relative_path(); above = above.parent_path()) {
      if (is_there(above.parent_path() / end)) return above.parent_path() / end;
    }
  }
  return {};
}

void follow(const std::filesystem::path& run, std::string& path) {
  const std::filesystem::path file = split_array_path(path).file;
  if (path.empty() || is_there(file)) return;
  const auto moved = moved_with(run, file);
  if (!moved.empty()) path = with_file(path, moved);
}

/// A model without clusters, or which calls them components, says so.
void check_clusters(const ExperimentFile& file, const std::string& name, ModelOptions& model) {
  const auto settings = to_json(model);
  if (!file.gives("model", "clusters") || settings.contains("clusters")) return;
  const std::string where = file.where("model", "clusters") + ": ";
  const std::string other = "take a model that has, " + std::string(kDefaultModel) + " say";
  if (!settings.contains("components")) throw ConfigError(where + name + " has none; " + other);
  if (settings.at("prior") != "standard_normal") {
    throw ConfigError(where + "the clusters of " + name +
                      " are the components of its prior; set model.components");
  }
  throw ConfigError(where + name + " has none; " + other +
                    ", or set model.prior to \"mixture\" and model.components");
}

}  // namespace

std::vector<Option> RunOptions::options() {
  return {{"seed", &seed, at_least(0), "everything random follows from it"},
          {"device", &device, any_of({"cpu", "cuda"}), "cpu or cuda"},
          {"threads", &threads, between(0, kMostThreads),
           "CPU threads; 0 for all. Another number gives other rounding"}};
}

std::vector<Option> PublishedOptions::options() {
  return {{"bound", &bound, "published negative bound, nats per data point; 0 for none"},
          {"log_likelihood", &log_likelihood, "published log-likelihood, nats; 0 for none"},
          {"error", &error,
           "published error of classes learned from labels, percent of the test points; 0 for "
           "none"},
          {"accuracy", &accuracy,
           "published accuracy of clusters that take the label of their most probable point, 0 to "
           "1; 0 for none"},
          {"accuracy_majority", &accuracy_majority,
           "published accuracy of clusters that take the label of most of their points, 0 to 1; 0 "
           "for none"},
          {"latent", &latent,
           "whose clusters the accuracies are of, if a model has several: y3; if nothing, each is "
           "shown beside them"},
          {"source", &source, "where the figures come from"}};
}

ExperimentFile experiment_on(const std::string& what) {
  if (is_experiment_address(what)) return ExperimentFile::parse(what);
  ExperimentFile file;
  const bool named = find_named_set(what) != nullptr;
  const std::string archive = what.substr(0, what.rfind(':'));  // of x.npz:NAME
  // A name may be too long for a path.
  if (!named && !is_there(what) && !is_there(archive)) {
    throw DataError("there is no file \"" + what +
                    "\", and no data set of that name; clade data lists those it knows");
  }
  file.override((named ? "data.name=" : "data.path=") + what);
  return file;
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
  // What is trained on weights of many draws is judged by as many.
  if (experiment.train.objective == "iwae" && !file.gives("evaluate", "importance_samples")) {
    experiment.evaluate.importance_samples = experiment.train.samples;
  }
  file.read("published", experiment.published);
  check_clusters(file, experiment.model_name, *experiment.model);
  file.finish();
  experiment.run.validate();
  experiment.data.validate("data");
  experiment.model->validate("model");
  experiment.train.validate("train");
  experiment.evaluate.validate("evaluate");
  return experiment;
}

void save_run(const TrainedModel& trained, Experiment experiment,
              const std::filesystem::path& run) {
  make_folder(run, "check its parent's permissions");
  make_paths_absolute(experiment);
  write_atomically(run / run_files::kExperiment, experiment.toml());
  save_model(trained, run);
}

Experiment experiment_of(const std::filesystem::path& run) {
  const auto path = run / run_files::kExperiment;
  if (!std::filesystem::exists(path)) {
    throw Error(run.string() +
                " is not a run folder (no experiment.toml); give the folder that "
                "`clade train` wrote");
  }
  Experiment experiment = naming(path, [&] {
    ExperimentFile file = ExperimentFile::parse(path);
    Experiment read = load_experiment(file);
    read.model = options_of_run(read.model_name);
    file.read("model", *read.model);
    return read;
  });
  follow(run, experiment.data.path);
  follow(run, experiment.train.start_file);
  // What is no path is the name of a column.
  if (experiment.data.labels.find('/') != std::string::npos) follow(run, experiment.data.labels);
  return experiment;
}

void make_paths_absolute(Experiment& experiment) {
  for (std::string* path : {&experiment.data.path, &experiment.train.start_file}) {
    if (!path->empty()) *path = absolute(*path);
  }
  DataOptions& data = experiment.data;
  const bool labels_are_a_file = data.name.empty() && is_label_file(data.labels, data.path);
  if (labels_are_a_file) data.labels = absolute(data.labels);
}

std::string Experiment::data_name() const {
  return data.name.empty() ? name_of(split_array_path(data.path).file).stem().string() : data.name;
}

std::string Experiment::difference(Experiment other) const {
  if (other.model_name != model_name) {
    return "model.name is " + other.model_name + ", not " + model_name;
  }
  Experiment mine = *this;
  for (Experiment* one : {&mine, &other}) make_paths_absolute(*one);
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

nlohmann::json Experiment::set() {
  Experiment usual;
  usual.model = find_model(model_name).options();
  const auto changed = [](Options& mine, Options& left) {
    nlohmann::json all = to_json(mine);
    const nlohmann::json unset = to_json(left);
    for (const auto& [key, value] : unset.items()) {
      if (all.at(key) == value) all.erase(key);
    }
    return all;
  };
  return {{"data", changed(data, usual.data)},
          {"model", changed(*model, *usual.model)},
          {"train", changed(train, usual.train)},
          {"evaluate", changed(evaluate, usual.evaluate)}};
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
