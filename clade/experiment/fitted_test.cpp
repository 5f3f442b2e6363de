#include "clade/experiment/fitted.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/random.h"

namespace clade {
namespace {

Splits points_of(int64_t points, int64_t features) {
  Splits splits;
  splits.train.x = torch::zeros({points, features});
  splits.train.shape = {features};
  return splits;
}

Experiment fitted(const Splits& data, const std::vector<std::string>& settings,
                  const std::string& model) {
  ExperimentFile file;
  file.override("data.path=points.csv");
  for (const std::string& each : settings) file.override(each);
  Experiment experiment = load_experiment(file, model);
  fit_to_data(file, data, experiment);
  return experiment;
}

Experiment fitted(int64_t points, int64_t features, const std::vector<std::string>& settings,
                  const std::string& model = "cp_vae") {
  return fitted(points_of(points, features), settings, model);
}

/// Images that differ by their light, as photographs do.
Splits photographs_of(const std::vector<int64_t>& shape) {
  const int64_t features = data_parent(shape).width;
  auto generator = make_generator(1);
  Splits splits = points_of(200, features);
  splits.train.x = torch::rand({200, 1}, generator) + 0.1 * torch::rand({200, features}, generator);
  splits.train.shape = shape;
  splits.preprocessing = {torch::zeros({features}), torch::ones({features}), false};
  return splits;
}

/// The layers of a model fitted to `data`.
nlohmann::json layers_for(const Splits& data, const std::vector<std::string>& settings,
                          const std::string& model) {
  const Experiment experiment = fitted(data, settings, model);
  auto generator = make_generator(1);
  const auto made =
      find_model(model).make(*experiment.model, data_parent(data.train.shape), generator);
  EXPECT_GT(made->parameters().size(), 0);
  return to_json(*experiment.model).value("layers", nlohmann::json());
}

int64_t latent_of(const Experiment& experiment) {
  return to_json(*experiment.model).at("latent");
}

TEST(Fitted, OfImagesAreWhatMnistIsKnownToNeed) {
  const Experiment images = fitted(50000, 784, {});
  EXPECT_EQ(images.train.epochs, 16);
  EXPECT_EQ(images.train.batch, 100);
  EXPECT_EQ(images.train.warmup, 6);
  EXPECT_EQ(images.train.cooldown, 6);
  EXPECT_EQ(images.train.start, "neighbours");
  EXPECT_EQ(images.train.hold, 20);
  EXPECT_EQ(to_json(*images.model).at("layers"), nlohmann::json({500, 500}));
  EXPECT_EQ(latent_of(images), 20);
}

TEST(Fitted, OfPhotographsAreConvolutions) {
  using nlohmann::json;
  const Splits photographs = photographs_of({32, 32, 3});
  for (const std::string model : {"cp_vae", "gm_dgm", "m2", "adgm", "cagem", "gmvae", "vae_l2"}) {
    EXPECT_EQ(layers_for(photographs, {}, model), json({"16c4s2p1", "32c4s2p1", 500})) << model;
  }
  for (const std::string model : {"hvae", "lvae", "vlac", "vlae"}) {  // which cannot
    EXPECT_EQ(layers_for(photographs, {}, model).dump().find("c4"), std::string::npos) << model;
  }
  EXPECT_EQ(layers_for(photographs, {"train.start_features=values"}, "vae"), json({500, 500}));
  EXPECT_EQ(layers_for(photographs, {"model.layers=[300]"}, "vae"), json({300}));
}

/// Down to seven pixels or more a side, as long as both can be halved and back.
TEST(Fitted, HalvePhotographsAsFarAsTheyGo) {
  using nlohmann::json;
  EXPECT_EQ(layers_for(photographs_of({64, 48, 3}), {}, "vae"),
            json({"16c4s2p1", "32c4s2p1", 500}));
  EXPECT_EQ(layers_for(photographs_of({28, 28}), {}, "vae"), json({"16c4s2p1", "32c4s2p1", 500}));
  EXPECT_EQ(layers_for(photographs_of({96, 128}), {}, "vae"),
            json({"16c4s2p1", "32c4s2p1", "64c4s2p1", 500}));
  EXPECT_EQ(layers_for(photographs_of({34, 34}), {}, "vae"), json({"16c4s2p1", 500}));
  EXPECT_EQ(layers_for(photographs_of({33, 32}), {}, "vae"), json({500, 500}));
}

TEST(Fitted, HoldsWeaklyWhatZAloneDecides) {
  EXPECT_EQ(fitted(1000, 16, {}, "gmvae").train.hold, 1);
  EXPECT_EQ(fitted(1000, 16, {"train.hold=4"}, "gmvae").train.hold, 4);
}

TEST(Fitted, OfSmallTablesTakeAsManySteps) {
  for (const int64_t points : {30, 150, 1000, 8000}) {
    const Experiment table = fitted(points, 16, {});
    const int64_t steps =
        table.train.epochs * ((points + table.train.batch - 1) / table.train.batch);
    EXPECT_GE(steps, points < 150 ? 1000 : 6000) << points;
    EXPECT_LE(steps, 12000) << points;
    EXPECT_LT(table.train.warmup, table.train.epochs / 2);
    EXPECT_EQ(latent_of(table), 8);
  }
  EXPECT_EQ(latent_of(fitted(1000, 1, {})), 1);
}

TEST(Fitted, WhatIsSetWinsAndTheRestFollowsIt) {
  const Experiment set = fitted(1000, 16,
                                {"train.epochs=40", "train.batch=10", "model.latent=3",
                                 "train.hold=1.5", "train.cooldown=0"});
  EXPECT_EQ(set.train.epochs, 40);
  EXPECT_EQ(set.train.batch, 10);
  EXPECT_EQ(set.train.warmup, 15);
  EXPECT_EQ(set.train.cooldown, 0);
  EXPECT_EQ(set.train.hold, 1.5);
  EXPECT_EQ(latent_of(set), 3);
}

TEST(Fitted, LaddersHalveFromLevelToLevel) {
  const auto sizes = [](int64_t features, const std::vector<std::string>& settings) {
    const auto model = to_json(*fitted(1000, features, settings, "lvae").model);
    return std::pair<nlohmann::json, nlohmann::json>(model.at("latents"), model.at("widths"));
  };
  const auto table = sizes(16, {});
  EXPECT_EQ(table.first, nlohmann::json({8, 4, 2, 1, 1}));
  EXPECT_EQ(table.second, nlohmann::json({128, 64, 64, 64, 64}));
  const auto set = sizes(16, {"model.latents=[5, 2]", "model.widths=[30, 20]"});
  EXPECT_EQ(set.first, nlohmann::json({5, 2}));
  EXPECT_EQ(set.second, nlohmann::json({30, 20}));
}

TEST(Fitted, StartIsNoneWhereThereIsNothingToStart) {
  EXPECT_EQ(fitted(1000, 16, {}, "vae").train.start, "none");
  EXPECT_EQ(fitted(1000, 16, {}, "mog").train.start, "neighbours");
  EXPECT_EQ(fitted(1000, 16, {"model.clusters=1"}).train.start, "none");
  EXPECT_EQ(fitted(1000, 16, {"train.epochs=1"}).train.start, "none");
  const Experiment none = fitted(1000, 16, {"train.start=none"});
  EXPECT_EQ(none.train.start, "none");
  EXPECT_EQ(none.train.hold, 0);
  EXPECT_EQ(fitted(1000, 16, {"train.start=autoencoder", "train.epochs=5"}).train.start_epochs, 2);
  EXPECT_EQ(fitted(1000, 16, {"train.objective=iwae"}, "mog").train.hold, 0);
  Splits labelled = points_of(1000, 16);
  labelled.labelled = labelled.train;
  ExperimentFile file;
  file.override("data.path=points.csv");
  Experiment taught = load_experiment(file, "m2");
  fit_to_data(file, labelled, taught);
  EXPECT_EQ(taught.train.start, "neighbours");
}

TEST(Fitted, ManyLabelsWeighNoLessThanFive) {
  Splits data = points_of(1000, 16);
  const auto weight = [&](int64_t labels, const std::string& setting = "seed=1") {
    data.labelled = data.train;
    data.labelled.x = data.train.x.slice(0, 0, labels);
    ExperimentFile file;
    file.override("data.path=points.csv");
    file.override(setting);
    Experiment taught = load_experiment(file, "m2");
    fit_to_data(file, data, taught);
    return taught.train.alpha(1000, labels);
  };
  EXPECT_DOUBLE_EQ(weight(1000), 5);  // 0.1 by the default of the setting
  EXPECT_DOUBLE_EQ(weight(200), 5);
  EXPECT_DOUBLE_EQ(weight(10), 10);
  EXPECT_DOUBLE_EQ(weight(1000, "train.label_weight=0.5"), 0.5);
}

TEST(Fitted, LaddersOfClustersLearnTheirLevelsFirst) {
  const Experiment ladder = fitted(5000, 16, {}, "vlac");
  EXPECT_EQ(ladder.train.start, "autoencoder+neighbours");
  EXPECT_EQ(ladder.train.start_beta, 1);
  EXPECT_EQ(ladder.train.epochs, 3 * fitted(5000, 16, {}).train.epochs);
  EXPECT_EQ(ladder.train.start_epochs, ladder.train.epochs * 8 / 10);
  EXPECT_EQ(to_json(*ladder.model).at("fade_in"), ladder.train.epochs / 100);
  EXPECT_EQ(ladder.train.hold, 20);
  EXPECT_EQ(to_json(*fitted(1000, 16, {"model.fade_in=0"}, "vlac").model).at("fade_in"), 0);
  EXPECT_EQ(fitted(1000, 16, {"train.epochs=1"}, "vlac").train.start, "none");
  // One clustering is one, whatever the ladder.
  EXPECT_EQ(fitted(1000, 16, {"model.clusters=[1, 5]"}, "vlac").train.start, "neighbours");
}

TEST(Fitted, ClustersThatAreLearnedFromLabelsAreTheirClasses) {
  Splits labelled = points_of(1000, 16);
  labelled.labelled = labelled.train;
  labelled.labelled.label_names = {"a", "b", "c"};
  const auto clusters = [&](const std::string& model, const std::vector<std::string>& settings) {
    ExperimentFile file;
    file.override("data.path=points.csv");
    for (const std::string& each : settings) file.override(each);
    Experiment experiment = load_experiment(file, model);
    fit_to_data(file, labelled, experiment);
    return to_json(*experiment.model).at("clusters").get<int64_t>();
  };
  EXPECT_EQ(clusters("m2", {}), 3);
  EXPECT_EQ(clusters("m2", {"model.clusters=5"}), 5);
  EXPECT_EQ(clusters("cp_vae", {}), 10);
  labelled.labelled.label_names = {"fraud"};
  EXPECT_EQ(clusters("m2", {}), 2);
  labelled.labelled = {};
  EXPECT_EQ(clusters("m2", {}), 10);
}

}  // namespace
}  // namespace clade
