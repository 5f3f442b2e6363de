#include "clade/experiment/experiment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {
namespace {

Experiment with(const std::vector<std::string>& settings) {
  ExperimentFile file;
  file.override("data.path=somewhere/points.csv.gz");
  for (const std::string& setting : settings) file.override(setting);
  return load_experiment(std::move(file), "cp_vae");
}

TEST(Experiment, TheFirstDifferenceIsNamed) {
  const Experiment ours = with({});
  EXPECT_EQ(ours.difference(with({})), "");
  EXPECT_EQ(ours.difference(with({"model.clusters=3"})), "model.clusters is 3, not 10");
  EXPECT_EQ(ours.difference(with({"train.epochs=7", "evaluate.importance_samples=2"})),
            "train.epochs is 7, not 2000");
  EXPECT_EQ(ours.difference(with({"model.name=vae"})), "model.name is vae, not cp_vae");
  EXPECT_EQ(ours.difference(with({"data.name=mnist", "data.path="})),
            "data.name is \"mnist\", not \"\"");
}

TEST(Experiment, WhatIsTrainedOnWeightsIsMeasuredByAsMany) {
  const std::vector<std::string> on_seven = {"train.objective=iwae", "train.samples=7"};
  EXPECT_EQ(with(on_seven).evaluate.importance_samples, 7);
  EXPECT_EQ(
      with({on_seven[0], on_seven[1], "evaluate.importance_samples=1"}).evaluate.importance_samples,
      1);
  EXPECT_EQ(with({on_seven[1]}).evaluate.importance_samples, 1);
}

TEST(Experiment, AModelWithoutClustersSaysSo) {
  const auto why = [](const std::string& model) -> std::string {
    try {
      with({"model.name=" + model, "model.clusters=3"});
      return "";
    } catch (const ConfigError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(why("cagem"), "");
  EXPECT_EQ(why("lvae"),
            "--set model.clusters=3: model.clusters: lvae has none; take a model that has, cp_vae "
            "say");
  EXPECT_EQ(why("mog"),
            "--set model.clusters=3: model.clusters: the clusters of mog are the components of its "
            "prior; set model.components");
  EXPECT_NE(why("vae").find("set model.prior to \"mixture\""), std::string::npos);
}

TEST(Experiment, SeedThreadsAndPublishedFiguresAreNoDifference) {
  EXPECT_EQ(with({}).difference(with({"seed=2", "threads=1", "device=cuda", "published.bound=9",
                                      "published.source=elsewhere"})),
            "");
}

TEST(Experiment, LabelsThatTheDataHaveAreNoPath) {
  namespace fs = std::filesystem;
  const auto folder = fs::path(testing::TempDir()) / ("clade_lab_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  for (const char* name : {"lab", "shapes"}) write_atomically(folder / name, "p\n");
  write_atomically(folder / "a.csv", "a,lab\n1,x\n");
  const auto before = fs::current_path();
  fs::current_path(folder);
  const auto labels = [&](const std::string& of, const std::string& data) {
    Experiment experiment = with({data, "data.labels=" + of});
    make_paths_absolute(experiment);
    return experiment.data.labels;
  };
  const auto path = "data.path=" + (folder / "a.csv").string();
  EXPECT_EQ(labels("lab", path), "lab");
  EXPECT_TRUE(fs::path(labels("./lab", path)).is_absolute());
  EXPECT_TRUE(fs::path(labels("shapes", path)).is_absolute());
  fs::current_path(before);
  fs::remove_all(folder);
}

TEST(Experiment, DataThatMovedWithTheRunAreFound) {
  namespace fs = std::filesystem;
  const auto top = fs::path(testing::TempDir()) / ("clade_moved_" + std::to_string(::getpid()));
  const auto make = [&](const fs::path& file) {
    fs::create_directories(file.parent_path());
    write_atomically(file, "");
    return file.string();
  };
  const auto run = top / "before/runs/a";
  Experiment experiment = with({"data.path=" + make(top / "before/data/points.npz") + ":x",
                                "data.labels=" + make(top / "before/data/kinds.txt")});
  make(run / "experiment.toml");
  make_paths_absolute(experiment);
  write_atomically(run / "experiment.toml", experiment.toml());
  EXPECT_EQ(experiment_of(run).difference(experiment), "");
  make(top / "points.npz");  // of the same name and further off
  fs::rename(top / "before", top / "after");
  const Experiment moved = experiment_of(top / "after/runs/a");
  EXPECT_EQ(moved.data.path, (top / "after/data/points.npz:x").string());
  EXPECT_EQ(moved.data.labels, (top / "after/data/kinds.txt").string());
  fs::remove_all(top / "after/data");
  fs::remove(top / "points.npz");
  EXPECT_EQ(experiment_of(top / "after/runs/a").data.path, experiment.data.path);
  fs::remove_all(top);
}

TEST(Experiment, OfARunNamesItsFileWhateverIsWrongInIt) {
  namespace fs = std::filesystem;
  const auto run = fs::path(testing::TempDir()) / ("clade_wrong_" + std::to_string(::getpid()));
  fs::create_directories(run);
  for (const char* wrong : {"latent = 0", "latent = 'x'", "latnet = 1", "latent"}) {
    write_atomically(run / "experiment.toml",
                     std::string("[data]\npath = 'x'\n[model]\nname = 'vae'\n") + wrong + "\n");
    try {
      experiment_of(run);
      FAIL() << wrong;
    } catch (const ConfigError& error) {
      EXPECT_EQ(std::string(error.what()).find((run / "experiment.toml").string()), 0U)
          << error.what();
    }
  }
  fs::remove_all(run);
}

TEST(Experiment, PathsAreThoseOfAnyFolderAndColumnsStay) {
  Experiment experiment = with({"data.path=./a/../points.csv", "data.labels=kind",
                                "train.start=file", "train.start_file=codes.npy"});
  make_paths_absolute(experiment);
  const auto here = std::filesystem::current_path();
  EXPECT_EQ(experiment.data.path, (here / "points.csv").string());
  EXPECT_EQ(experiment.data.labels, "kind");
  EXPECT_EQ(experiment.train.start_file, (here / "codes.npy").string());
}

/// Every experiment of the project: files, and each row and variant of those that are tables.
std::vector<std::string> all_experiments() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(CLADE_EXPERIMENTS)) {
    if (entry.path().extension() != ".toml") continue;
    const std::vector<std::string> rows = rows_of(read_experiment_document(entry.path()));
    if (rows.empty()) all.push_back(entry.path());
    for (const std::string& row : rows) all.push_back(entry.path().string() + ":" + row);
  }
  return all;
}

TEST(Experiments, AllLoad) {
  const std::vector<std::string> all = all_experiments();
  EXPECT_GT(all.size(), 140U);
  for (const std::string& address : all) {
    Experiment experiment;
    EXPECT_NO_THROW(experiment = load_experiment(ExperimentFile::parse(address))) << address;
    EXPECT_FALSE(experiment.data_name().empty()) << address;
    if (!parse_address(address).row.empty()) {
      EXPECT_FALSE(experiment.published.source.empty()) << address;
    }
  }
}

TEST(Experiments, RowsAreWhatTheirNamesSay) {
  for (const std::string& address : all_experiments()) {
    const ExperimentAddress row = parse_address(address);
    if (row.file.filename() != "table-3.toml") continue;
    const Experiment experiment = load_experiment(ExperimentFile::parse(address));
    std::string name = experiment.data.name;
    if (experiment.model_name != "cp_vae") name += "-" + experiment.model_name;
    const nlohmann::json model = to_json(*experiment.model);
    if (model.contains("clusters")) name += "-" + model.at("clusters").dump();
    if (model.contains("components") && model.at("prior") != "standard_normal") {
      name += "-" + model.at("components").dump();
    }
    EXPECT_EQ(row.row, name) << address;
    EXPECT_GT(experiment.published.bound, 0) << address;
  }
}

}  // namespace
}  // namespace clade
