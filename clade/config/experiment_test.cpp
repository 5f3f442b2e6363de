#include "clade/config/experiment.h"

#include <gtest/gtest.h>

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

TEST(Experiment, SeedThreadsAndPublishedFiguresAreNoDifference) {
  EXPECT_EQ(with({}).difference(with({"seed=2", "threads=1", "device=cuda", "published.bound=9",
                                      "published.source=elsewhere"})),
            "");
}

TEST(Experiments, AllLoad) {
  int64_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(CLADE_EXPERIMENTS)) {
    const bool a_base = entry.path().parent_path().filename() == "base";
    if (entry.path().extension() != ".toml" || a_base) continue;
    Experiment experiment;
    EXPECT_NO_THROW(experiment = load_experiment(ExperimentFile::parse(entry.path())))
        << entry.path();
    EXPECT_FALSE(experiment.data_name().empty()) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 60);
}

}  // namespace
}  // namespace clade
