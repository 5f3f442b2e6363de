#include "clade/training/start.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/safetensors.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/training/folder_for_tests.h"
#include "clade/training/found_clusters.h"
#include "clade/training/run_folder.h"
#include "clade/training/start_file.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

/// 60 bits-like points of three kinds, the training points in another order than their file's.
Splits shuffled_kinds() {
  auto generator = make_generator(5);
  const auto kinds = torch::empty({3, 6}).bernoulli_(0.5, generator) * 0.9 + 0.05;
  const auto order = torch::randperm(60, generator, torch::kInt64);
  Splits splits;
  const auto make = [&](const torch::Tensor& rows) {
    Dataset data;
    data.rows = rows;
    data.labels = rows.remainder(3);  // what kind the file's row is of
    data.x = torch::bernoulli(kinds.index_select(0, data.labels), generator);
    data.shape = {6};
    return data;
  };
  splits.train = make(order.slice(0, 0, 40));
  splits.validation = make(order.slice(0, 40, 50));
  splits.test = make(order.slice(0, 50));
  splits.preprocessing = {torch::zeros({6}), torch::ones({6}), false};
  return splits;
}

class StartFolder : public Folder {
 protected:
  /// A CSV of `rows` lines below `header`, each what `line` says of its number.
  template <class F>
  std::string file(int64_t rows, const F& line, const std::string& header = "") const {
    const auto path = folder_ / "start.csv";
    std::ofstream out(path);
    out << header;
    for (int64_t i = 0; i < rows; ++i) out << line(i) << "\n";
    return path.string();
  }

  /// Responsibilities that know each row's kind, not all of them for certain.
  std::string kinds_file() const {
    return file(60, [](int64_t i) {
      return i % 3 == 0 ? "0.9,0.1,0" : i % 3 == 1 ? "0,1,0" : "0,0.25,0.75";
    });
  }
};

TrainOptions from_file(const std::string& path, double hold) {
  TrainOptions options;
  options.epochs = 5;
  options.batch = 16;
  options.learning_rate = 1e-2;
  options.warmup = 2;
  options.start = "file";
  options.start_file = path;
  options.start_epochs = 2;
  options.hold = hold;
  return options;
}

TrainedModel started(const std::string& name, const Splits& data) {
  return make_model(name, small_options(name), data, /*seed=*/7, torch::kCPU);
}

using StartFiles = StartFolder;

TEST_F(StartFiles, AreReadInTheOrderOfTheFileWhateverTheSplit) {
  const Splits data = shuffled_kinds();
  const auto r = read_start_file(kinds_file(), data, 3).responsibilities;
  ASSERT_EQ(r.sizes(), (std::vector<int64_t>{40, 3}));
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
  EXPECT_FALSE(read_start_file(kinds_file(), data, 3).codes.defined());
}

TEST_F(StartFiles, HaveALineForEveryRowThoughSomeAreNoPoints) {
  Splits data = shuffled_kinds();
  for (Dataset* part : {&data.train, &data.validation, &data.test}) {
    part->rows = 2 * part->rows + 1;  // every other row was left out
    part->rows_of_file = 121;
  }
  const auto kind = [](int64_t i) { return std::to_string((i - 1) / 2 % 3); };
  const auto r = read_start_file(file(121, kind), data, 3).responsibilities;
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
  try {
    read_start_file(file(60, kind), data, 3);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("60 rows for 121 rows of the data"),
              std::string::npos);
  }
}

TEST_F(StartFiles, MayHoldLabelsThatAreLargeNumbers) {  // 2^24 and more, as dates are
  const Splits data = shuffled_kinds();
  const auto days = file(60, [](int64_t i) { return std::to_string(20240000 + i % 3); });
  const auto r = read_start_file(days, data, 3).responsibilities;
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
}

TEST_F(StartFiles, MayBeWhatClusterAndEmbedWrote) {
  const Splits data = shuffled_kinds();
  const auto read = [&](const std::string& header, const std::string& before,
                        const auto& values_of) {
    const auto row = [&](int64_t i) { return std::to_string(i) + before + values_of(i % 3); };
    return read_start_file(file(60, row, header), data, 3);
  };
  const auto clusters = read("index,label,cluster,probability\n", ",setosa,",
                             [](int64_t k) { return std::to_string(k) + ",0.75"; });
  EXPECT_TRUE(torch::equal(clusters.responsibilities.argmax(1), data.train.labels));
  const std::array<std::string, 3> shares = {"0,0.75,0.75,0.25,0", "1,0.5,0.5,0.5,0", "2,1,0,0,1"};
  const auto all = read("index,cluster,probability,p_0,p_1,p_2\n", ",",
                        [&](int64_t k) { return shares[static_cast<size_t>(k)]; });
  EXPECT_TRUE(all.responsibilities[0].equal(
      torch::tensor({{0.75F, 0.25F, 0.0F}, {0.5F, 0.5F, 0.0F}, {0.0F, 0.0F, 1.0F}})
          .index_select(0, data.train.labels)[0]));
  const auto codes = read("index,label,z_0,z_1\n", ",setosa,",
                          [](int64_t k) { return std::to_string(k) + ".5,-1"; });
  EXPECT_TRUE(codes.codes.select(1, 0).equal(data.train.labels + 0.5));
  EXPECT_EQ(codes.codes.size(1), 2);
}

TEST_F(StartFiles, HaveNoClusterOfNoise) {
  const Splits data = shuffled_kinds();
  const auto noise = file(60, [](int64_t i) { return std::to_string(i % 4 - 1); });
  try {
    read_start_file(noise, data, 4);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("15 points have the label -1"), std::string::npos);
  }
}

TEST_F(StartFiles, AreRefusedInWordsAboutThem) {
  const Splits data = shuffled_kinds();
  const auto refusal_of = [&](const auto& row) {
    try {
      read_start_file(file(60, row), data, 3);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const auto missing = refusal_of([](int64_t i) { return i == 4 ? "1.5," : "2.5,-3"; });
  EXPECT_NE(missing.find("row 4 (counted from 0)"), std::string::npos) << missing;
  EXPECT_NE(missing.find("is no number; give one for each point"), std::string::npos) << missing;
  EXPECT_EQ(missing.find("data.missing"), std::string::npos);
  const auto alike = refusal_of([](int64_t) { return "2.5,-3"; });
  EXPECT_NE(alike.find("all codes are the same"), std::string::npos) << alike;
}

TEST_F(StartFiles, MayHoldLabelsOfAnyNumbersOrCodes) {
  const Splits data = shuffled_kinds();
  const auto labels = file(60, [](int64_t i) { return std::to_string(40 + 10 * (i % 3)); });
  const auto r = read_start_file(labels, data, 4).responsibilities;  // one cluster is nobody's
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
  EXPECT_EQ(r.size(1), 4);
  EXPECT_EQ(r.sum().item<double>(), 40);

  const auto codes = file(60, [](int64_t i) { return std::to_string(2 * i) + ",-0.5"; });
  const StartFile read = read_start_file(codes, data, 3);
  EXPECT_FALSE(read.responsibilities.defined());
  EXPECT_TRUE(torch::equal(read.codes.select(1, 0).to(torch::kInt64), 2 * data.train.rows));
}

TEST_F(StartFiles, MayHoldLabelsThatAreWords) {
  const Splits data = shuffled_kinds();
  const auto word = [](int64_t i) { return "type " + std::to_string(i % 3); };
  const auto named = [](int64_t i) {
    return "row" + std::to_string(i) + ",\"B, " + "xyz"[i % 3] + "\"";
  };
  for (const char* header : {"", "kind\n"}) {
    const auto r = read_start_file(file(60, word, header), data, 3).responsibilities;
    EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels)) << header;
  }
  const auto r = read_start_file(file(60, named, ",kind\n"), data, 3).responsibilities;
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
  // Names of points beside their codes are no labels.
  const auto codes = file(
      60, [](int64_t i) { return "p" + std::to_string(i) + ",1.5," + std::to_string(i % 5); },
      ",u,v\n");
  EXPECT_EQ(read_start_file(codes, data, 3).codes.size(1), 2);
}

TEST_F(StartFiles, AreJoinedByTheNamesOfRows) {
  Splits data = shuffled_kinds();
  for (Dataset* part : {&data.train, &data.validation, &data.test}) {
    for (int64_t i = 0; i < part->size(); ++i) {
      part->index.names.push_back("p" + std::to_string(part->rows[i].item<int64_t>()));
    }
  }
  const auto name = [](int64_t i) { return "p" + std::to_string(59 - i) + ","; };
  const auto words = file(
      60, [&](int64_t i) { return name(i) + "type " + std::to_string((59 - i) % 3); }, ",kind\n");
  const auto r = read_start_file(words, data, 3).responsibilities;
  EXPECT_TRUE(torch::equal(r.argmax(1), data.train.labels));
  const auto codes = file(
      60, [&](int64_t i) { return name(i) + std::to_string(59 - i) + ",-0.5"; }, ",u,v\n");
  const auto read = read_start_file(codes, data, 3).codes;
  EXPECT_TRUE(torch::equal(read.select(1, 0).to(torch::kInt64), data.train.rows));
}

TEST_F(StartFiles, ThatDoNotFitAreRefusedInALine) {
  const Splits data = shuffled_kinds();
  const auto refusal = [&](const std::string& path, int64_t clusters) -> std::string {
    try {
      read_start_file(path, data, clusters);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  const auto fewer = file(59, [](int64_t) { return "0.5,0.5,0"; });
  EXPECT_NE(refusal(fewer, 3).find("has 59 rows for 60 points"), std::string::npos);
  EXPECT_NE(refusal(kinds_file(), 5).find("tells 3 clusters apart and the model has 5"),
            std::string::npos);
  const auto labels = file(60, [](int64_t i) { return std::to_string(i % 7); });
  EXPECT_NE(refusal(labels, 3).find("set model.clusters"), std::string::npos);
  const auto holes = file(60, [](int64_t i) { return i == 4 ? "nan,1" : "0.5,0.25"; });
  EXPECT_NE(refusal(holes, 2), "");
  const auto ids = file(
      60, [](int64_t i) { return "p" + std::to_string(i) + (i % 2 ? ",B" : ",T"); }, "cell,kind\n");
  EXPECT_NE(refusal(ids, 2).find("has 2 columns ('cell', 'kind')"), std::string::npos);
  EXPECT_NE(refusal(ids, 2).find("give one label a row"), std::string::npos);
  const auto unknown = file(60, [](int64_t i) { return i == 4 ? "" : i % 2 ? "B" : "T"; });
  EXPECT_NE(refusal(unknown, 2).find("row 4 (counted from 0) has no label"), std::string::npos);
}

TEST_F(StartFiles, AreKeptForOthersToRead) {
  Start start{"", torch::rand({4, 3}), torch::rand({4, 2}), "clusters started from a \"file\"", {}};
  start.made_by = {{"kind", "file"}, {"neighbours", 15}};
  write_starts(folder("run"), {start});
  ASSERT_EQ(read_starts(folder("run")).size(), 1u);
  const Start again = read_starts(folder("run")).front();
  EXPECT_TRUE(torch::equal(again.responsibilities, start.responsibilities));
  EXPECT_TRUE(torch::equal(again.codes, start.codes));
  EXPECT_EQ(again.said, start.said);
  EXPECT_EQ(again.made_by, start.made_by);
  EXPECT_EQ(again.latent, "");
  EXPECT_THROW(read_starts(folder("none")), Error);
}

TEST_F(StartFiles, KeepWhatEachLatentStartedFrom) {
  const Start y1{"y1", torch::rand({4, 3}), {}, "from a layout", {{"kind", "file"}}};
  const Start y2{"y2", torch::rand({4, 2}), torch::rand({4, 5}), "from codes", {{"seed", 3}}};
  EXPECT_EQ(said_of({y1, y2}), "y1: from a layout; y2: from codes");
  write_starts(folder("run"), {y1, y2});
  const auto again = read_starts(folder("run"));
  ASSERT_EQ(again.size(), 2u);
  for (const auto& [found, expected] : {std::pair{again[0], y1}, std::pair{again[1], y2}}) {
    EXPECT_EQ(found.latent, expected.latent);
    EXPECT_TRUE(torch::equal(found.responsibilities, expected.responsibilities));
    EXPECT_EQ(found.said, expected.said);
    EXPECT_EQ(found.made_by, expected.made_by);
  }
  EXPECT_FALSE(again[0].codes.defined());
  EXPECT_TRUE(torch::equal(again[1].codes, y2.codes));
}

/// Of 60 points the shuffled training ones, and the first `known` of them as labelled.
Dataset first_labelled(const Splits& data, int64_t known) {
  Dataset labelled = data.train;
  labelled.x = data.train.x.slice(0, 0, known);
  labelled.labels = data.train.labels.slice(0, 0, known);
  labelled.rows = data.train.rows.slice(0, 0, known);
  labelled.label_names = {"a", "b", "c"};
  return labelled;
}

TEST(NumberByLabels, MakesClassesOfClustersThatAgree) {
  const Splits data = shuffled_kinds();
  const Dataset labelled = first_labelled(data, 20);
  const auto soft = torch::one_hot(data.train.labels, 3).to(torch::kFloat32) * 0.7 + 0.1;
  Start start;
  start.responsibilities = soft.roll(1, /*dims=*/1);  // class 0 is cluster 1
  start.said = "clusters";
  number_by_labels(start, data.train, labelled);
  EXPECT_TRUE(start.used);
  EXPECT_EQ(start.said, "clusters; 20 of 20 labels agree with them");
  EXPECT_TRUE(start.responsibilities.slice(0, 0, 20).equal(
      torch::one_hot(labelled.labels, 3).to(torch::kFloat32)));
  EXPECT_TRUE(torch::equal(start.responsibilities.slice(0, 20, 40), soft.slice(0, 20, 40)));
}

TEST(NumberByLabels, LeavesClustersAloneThatAreNoClasses) {
  const Splits data = shuffled_kinds();
  Start start;
  start.responsibilities = torch::one_hot(data.train.rows.remainder(2), 3).to(torch::kFloat32);
  number_by_labels(start, data.train, first_labelled(data, 20));
  EXPECT_FALSE(start.used);
  EXPECT_NE(start.said.find("too few"), std::string::npos) << start.said;
}

class Starting : public StartFolder, public testing::WithParamInterface<std::string> {
 protected:
  /// The model and its folder's state after training, stopped after `steps` and resumed.
  TrainedModel trained(const std::string& run, const Splits& data, const TrainOptions& options,
                       int64_t steps = 1000) {
    auto model = started(GetParam(), data);
    RunFolder kept(folder(run));
    StopAfter stop(steps);
    Trainer trainer(model, data, options, /*seed=*/7);
    if (!trainer.run({&kept, &stop}).interrupted) return model;
    auto resumed = started(GetParam(), data);
    Trainer again(resumed, data, options, /*seed=*/7);
    kept.resume(again);
    again.run({&kept});
    return resumed;
  }
};

void expect_same(TrainedModel& a, TrainedModel& b) {
  for (const auto& [name, tensor] : state_of(*a.model)) {
    EXPECT_TRUE(torch::equal(tensor, state_of(*b.model).at(name))) << name;
  }
  EXPECT_EQ(a.provenance, b.provenance);
}

TEST_P(Starting, IsResumedBitForBit) {
  const Splits data = shuffled_kinds();
  for (const double hold : {0.0, 2.0, 3.0}) {
    TrainOptions options = from_file(kinds_file(), hold);
    if (hold == 3) {
      options.soft_hold = 0.5;
      options.cooldown = 1;
    }
    const std::string name = std::to_string(hold);
    auto at_once = trained(name + "-whole", data, options);
    // Three steps an epoch: within the start, at its end, just after it, within the run.
    for (const int64_t steps : {1, 3, 4, 6, 7, 11, 13}) {
      auto resumed = trained(name + "-" + std::to_string(steps), data, options, steps);
      expect_same(at_once, resumed);
    }
  }
}

TEST_P(Starting, LearnsTheClustersItIsGiven) {
  const Splits data = shuffled_kinds();
  TrainOptions options = from_file(kinds_file(), /*hold=*/5);
  options.epochs = 60;
  options.early_stopping_patience = 0;
  auto model = trained("run", data, options);
  auto generator = make_generator(1);
  model.model->eval();
  const auto q_y = model.model->cluster_probabilities(data.train.x, generator)[0];
  const auto r = read_start_file(kinds_file(), data, 3).responsibilities;
  EXPECT_GT(q_y.argmax(1).eq(r.argmax(1)).to(torch::kFloat64).mean().item<double>(), 0.7);
  const auto& said = model.provenance.at("start");
  EXPECT_EQ(said.at("kind"), "file");
  EXPECT_EQ(said.at("hold"), 5.0);
}

INSTANTIATE_TEST_SUITE_P(Models, Starting,
                         testing::Values("cp_vae", "indq", "gm_dgm", "mog", "vampprior", "hvp",
                                         "cagem"),
                         [](const auto& test) { return test.param; });

using StartOfTraining = StartFolder;

TEST_F(StartOfTraining, ReadsNoLabel) {
  Splits data = shuffled_kinds();
  const TrainOptions options = from_file(kinds_file(), 1);
  auto model = started("cp_vae", data);
  Trainer(model, data, options, 7).run();
  for (Dataset* split : {&data.train, &data.validation, &data.test}) {
    split->labels = split->labels.flip(0);
  }
  auto other = started("cp_vae", data);
  Trainer(other, data, options, 7).run();
  expect_same(model, other);
}

/// Keeps the weights of the state after so many epochs.
class KeepWeights : public TrainingObserver {
 public:
  explicit KeepWeights(int64_t epoch) : epoch_(epoch) {}
  void keep_state(const TrainingState& state) override {
    if (state.standing.epoch != epoch_) return;
    for (const auto& [name, tensor] : state.weights) weights[name] = tensor.clone();
  }
  std::map<std::string, torch::Tensor> weights;

 private:
  int64_t epoch_;
};

TEST_F(StartOfTraining, GivesThePriorsTheMomentsOfWhatIsInTheClusters) {
  const Splits data = shuffled_kinds();
  auto model = started("cp_vae", data);
  KeepWeights kept(/*epoch=*/2);
  Trainer(model, data, from_file(kinds_file(), 1), 7).run({&kept});
  load_state(*model.model, kept.weights, "the end of the start");

  const auto r = read_start_file(kinds_file(), data, 3).responsibilities;
  auto generator = make_generator(1);
  const auto q = model.model->layer_posterior("y", data.train.x, {{"y", r.argmax(1)}}, generator);
  for (int64_t k = 0; k < 3; ++k) {
    for (int64_t unit = 0; unit < 2; ++unit) {
      double weight = 0, sum = 0, squares = 0;
      for (int64_t i = 0; i < 40; ++i) {
        const auto share = r[i][k].item<double>();
        const auto mean = q.mean()[i][unit].item<double>();
        weight += share;
        sum += share * mean;
        squares += share * (mean * mean + std::exp(q.log_variance()[i][unit].item<double>()));
      }
      const double mean = sum / weight, variance = squares / weight - mean * mean;
      EXPECT_NEAR(kept.weights.at("p_z_given_y.mean")[k][unit].item<double>(), mean, 1e-4);
      EXPECT_NEAR(kept.weights.at("p_z_given_y.log_variance")[k][unit].item<double>(),
                  std::clamp(std::log(variance), -6.0, 2.0), 1e-3);
    }
  }
}

TEST_F(StartOfTraining, IsAStageWithTermsAndWeightsOfItsOwn) {
  const Splits data = shuffled_kinds();
  auto model = started("cp_vae", data);
  RunFolder run(folder("run"));
  Trainer(model, data, from_file(kinds_file(), /*hold=*/0), 7).run({&run});
  std::istringstream lines(read_file(folder("run") / "log.jsonl"));
  int64_t epoch = 0;
  for (std::string text; std::getline(lines, text); ++epoch) {
    const auto line = nlohmann::json::parse(text);
    const bool starts = epoch < 2;
    EXPECT_EQ(line.at("stage"), starts ? "start" : "run");
    EXPECT_EQ(line.at("beta"), starts ? 0.0 : epoch == 2 ? 0.5 : 1.0);
    EXPECT_EQ(line.at("train").at("terms").contains("hold"), starts);
    EXPECT_FALSE(line.at("validation").at("terms").contains("hold"));
    double elbo = 0;
    for (const auto& [name, value] : line.at("train").at("terms").items()) {
      if (name != "hold")
        elbo += name.rfind("KL", 0) == 0 ? -value.get<double>() : value.get<double>();
    }
    EXPECT_NEAR(line.at("train").at("elbo").get<double>(), elbo, 1e-6);
  }
  EXPECT_EQ(epoch, 5);
  EXPECT_GT(nlohmann::json::parse(read_file(folder("run") / "model.json"))["provenance"]["epoch"],
            2);
}

TrainOptions from_autoencoder(const std::string& start) {
  TrainOptions options = from_file("", /*hold=*/2);
  options.start = start;
  options.start_file = "";
  options.start_epochs = 4;
  options.start_beta = 0.5;
  options.epochs = 7;
  return options;
}

class StartingLevels : public Starting {};

TEST_P(StartingLevels, EachHasClustersOfItsOwn) {
  const Splits data = shuffled_kinds();
  for (const std::string start : {"autoencoder", "autoencoder+neighbours"}) {
    const TrainOptions options = from_autoencoder(start);
    auto at_once = trained(start, data, options);
    const auto starts = read_starts(folder(start));
    ASSERT_EQ(starts.size(), 2u);
    for (size_t l = 0; l < 2; ++l) {
      EXPECT_EQ(starts[l].latent, l == 0 ? "y1" : "y2");
      EXPECT_EQ(starts[l].responsibilities.sizes(), (std::vector<int64_t>{40, 3}));
      EXPECT_EQ(starts[l].made_by.at("kind"), start);
      EXPECT_EQ(at_once.provenance.at("start").at(starts[l].latent), starts[l].made_by);
    }
    EXPECT_FALSE(starts[0].responsibilities.equal(starts[1].responsibilities));
    EXPECT_EQ(at_once.provenance.at("start").at("said"), said_of(starts));
    // Before the clusters, as they are found, while they are learned, and after.
    for (const int64_t steps : {2, 6, 8, 12, 16}) {
      auto resumed = trained(start + std::to_string(steps), data, options, steps);
      expect_same(at_once, resumed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, StartingLevels, testing::Values("vlac"),
                         [](const auto& test) { return test.param; });

TEST_F(StartOfTraining, OfAModelThatLearnsLabelsIsUsedIfTheyAgree) {
  Splits data = shuffled_kinds();
  data.labelled = first_labelled(data, 12);
  for (const bool agrees : {true, false}) {
    const auto path =
        file(60, [&](int64_t i) { return std::to_string(agrees ? (i + 1) % 3 : i % 2); });
    TrainOptions options = from_file(path, /*hold=*/5);
    auto model = started("m2", data);
    RunFolder run(folder(agrees ? "agrees" : "not"));
    StopAfter stop(4);  // within the second epoch
    Trainer(model, data, options, 7).run({&run, &stop});
    auto resumed = started("m2", data);
    Trainer again(resumed, data, options, 7);
    run.resume(again);
    again.run({&run});
    EXPECT_EQ(said_of_guidance(resumed).empty(), !agrees);
    auto whole = started("m2", data);
    Trainer(whole, data, options, 7).run();
    expect_same(whole, resumed);
    std::istringstream lines(read_file(folder(agrees ? "agrees" : "not") / "log.jsonl"));
    for (std::string text; std::getline(lines, text);) {
      const auto line = nlohmann::json::parse(text);
      EXPECT_EQ(line.at("train").at("terms").contains("hold"), agrees);
    }
    if (agrees) continue;
    options.start = "none";
    options.start_file = "";
    options.hold = 0;
    auto plain = started("m2", data);
    Trainer(plain, data, options, 7).run();
    for (const auto& [name, tensor] : state_of(*plain.model)) {
      EXPECT_TRUE(torch::equal(tensor, state_of(*whole.model).at(name))) << name;
    }
  }
}

/// Stops training as soon as it looks for clusters.
struct StopWhileSought : TrainingObserver {
  bool during_start(const std::string&, int64_t, int64_t) override { return false; }
};

TEST_F(StartOfTraining, IsGoneOnWithAfterItWasStoppedTwiceWhileClustersWereSought) {
  Splits data = shuffled_kinds();
  data.labelled = first_labelled(data, 12);
  const TrainOptions options = from_autoencoder("autoencoder+neighbours");
  auto whole = started("m2", data);
  Trainer(whole, data, options, 7).run();

  RunFolder run(folder("run"));
  StopWhileSought stop;
  auto first = started("m2", data), second = started("m2", data), last = started("m2", data);
  EXPECT_TRUE(Trainer(first, data, options, 7).run({&run, &stop}).interrupted);
  Trainer again(second, data, options, 7);
  run.resume(again);
  EXPECT_TRUE(again.run({&run, &stop}).interrupted);
  Trainer once_more(last, data, options, 7);
  run.resume(once_more);
  once_more.run({&run});
  expect_same(whole, last);
}

TEST(FoundClusters, LeaveTheModelAsItIs) {
  auto generator = make_generator(3);
  Splits data;
  data.train.x = torch::empty({60, 64}).uniform_(0, 1, generator);
  data.train.shape = {8, 8};
  data.preprocessing = {torch::zeros({64}), torch::ones({64})};
  const auto settings = small_options("vlac", 2);
  from_json({{"layers", {"3c2s2p0", "4c2s2p0"}}, {"batch_norm", true}, {"clusters", {2, 3}}},
            *settings);
  TrainedModel trained = make_model("vlac", settings, data, /*seed=*/5, torch::kCPU);
  TrainOptions options = from_autoencoder("autoencoder+neighbours");
  options.batch = 20;
  trained.model->train();
  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, tensor] : state_of(*trained.model)) before[name] = tensor.clone();
  ASSERT_EQ(found_clusters(*trained.model, data, options, /*seed=*/5).size(), 2u);
  for (const auto& [name, tensor] : state_of(*trained.model)) {
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  }
}

/// Notes whether training drew relaxed clusters.
class NoteRelaxed : public TrainingObserver {
 public:
  void after_epoch(const EpochLog& log) override { relaxed = log.train.kind == BoundKind::relaxed; }
  bool relaxed = false;
};

TEST_F(StartOfTraining, ThatTellsOneLatentOfTwoLeavesTheBoundRelaxed) {
  const Splits data = shuffled_kinds();
  for (const std::string name : {"indq", "vlac"}) {
    auto of = make_model(name, small_options(name, 3, "gumbel"), data, /*seed=*/7, torch::kCPU);
    NoteRelaxed note;
    Trainer(of, data, from_file(kinds_file(), 2), 7).run({&note});
    EXPECT_EQ(note.relaxed, name == "vlac");
  }
}

/// Resumed when it is finished, a run is not told any more, and its bound is what it was.
TEST_F(StartOfTraining, LeavesABoundWithItsNameOnResume) {
  Splits data = shuffled_kinds();
  data.validation = {};  // so that the training bound is all there is
  data.train.rows_of_file = 60;
  const auto made = [&] {
    return make_model("indq", small_options("indq", 3, "gumbel"), data, 7, torch::kCPU);
  };
  auto told = made(), again = made();
  const TrainOptions options = from_file(kinds_file(), 2);
  RunFolder run(folder("run"));
  EXPECT_EQ(Trainer(told, data, options, 7).run({&run}).best_kind, BoundKind::elbo);
  Trainer resumed(again, data, options, 7);
  run.resume(resumed);
  EXPECT_EQ(resumed.run().best_kind, BoundKind::elbo);
  EXPECT_EQ(again.provenance.at("bound"), told.provenance.at("bound"));
  EXPECT_FALSE(again.provenance.contains("relaxed_bound"));
}

/// In a cooldown that holds softly the expectation over clusters is the model's own again.
TEST_F(StartOfTraining, IsToldUntilACooldownThatHoldsSoftly) {
  struct : TrainingObserver {
    void after_epoch(const EpochLog& log) override {
      relaxed.push_back(log.train.kind == BoundKind::relaxed);
      held.push_back(std::any_of(log.train.terms.begin(), log.train.terms.end(),
                                 [](const auto& term) { return term.first == "hold"; }));
    }
    std::vector<bool> relaxed, held;
  } note;
  const Splits data = shuffled_kinds();
  auto model = make_model("indq", small_options("indq", 3, "gumbel"), data, 7, torch::kCPU);
  TrainOptions options = from_file(kinds_file(), 2);
  options.cooldown = 2;
  options.soft_hold = 0.5;
  Trainer(model, data, options, 7).run({&note});
  EXPECT_EQ(note.relaxed, (std::vector<bool>{false, false, false, true, true}));
  EXPECT_EQ(note.held, std::vector<bool>(5, true));
}

/// A finished run is as finished when it is opened again, though its labels did away with the start
/// that its settings ask for: early stopping counts without one.
TEST_F(StartOfTraining, ThatLabelsDoNotAgreeWithIsNotWaitedForOnResume) {
  Splits data = shuffled_kinds();
  data.labelled = first_labelled(data, 12);
  data.labelled.labels = (data.labelled.labels + torch::arange(12)).remainder(3);
  TrainOptions options = from_file(kinds_file(), 0);
  options.epochs = 60;
  options.start_epochs = 20;
  options.learning_rate = 0.3;  // stalls
  options.early_stopping_patience = 3;
  auto model = started("m2", data);
  RunFolder run(folder("stalls"));
  Trainer(model, data, options, 7).run({&run});
  ASSERT_FALSE(model.provenance.at("start").value("used", true));
  const auto numbers = read_checkpoint_numbers(folder("stalls"));
  ASSERT_LT(numbers.at("epoch").get<int64_t>(), 25);  // too soon for a schedule with the start
  EXPECT_TRUE(is_complete(numbers, options));
  auto again = started("m2", data);
  Trainer resumed(again, data, options, 7);
  run.resume(resumed);
  EXPECT_TRUE(resumed.finished());
}

/// An autoencoder's clusters are found within the stage, which goes on without them.
TEST_F(StartOfTraining, ThatLabelsDoNotAgreeWithLateKeepsItsSchedule) {
  Splits data = shuffled_kinds();
  data.labelled = first_labelled(data, 12);
  data.labelled.labels = (data.labelled.labels + torch::arange(12)).remainder(3);
  TrainOptions options = from_autoencoder("autoencoder");
  options.restarts = 2;
  auto model = started("m2", data);
  RunFolder run(folder("run"));
  Trainer(model, data, options, 7).run({&run});
  EXPECT_TRUE(said_of_guidance(model).empty());
  EXPECT_EQ(model.provenance.at("restarts").size(), 2u);
  std::istringstream lines(read_file(folder("run") / "log.jsonl"));
  std::vector<double> betas;
  for (std::string text; std::getline(lines, text);) {
    betas.push_back(nlohmann::json::parse(text).at("beta"));
  }
  const std::vector<double> restart = {0.5, 0.5, 0.5, 0.5, 0.75, 1};
  std::vector<double> expected = restart;
  expected.insert(expected.end(), restart.begin(), restart.end());
  expected.push_back(1);
  EXPECT_EQ(betas, expected);
}

class Restarting : public Starting {
 protected:
  /// Two epochs to start, two to warm up, after which they are compared, and two more.
  TrainOptions with_restarts(int64_t restarts) const {
    TrainOptions options = from_file(kinds_file(), 1);
    options.restarts = restarts;
    options.epochs = 6;
    return options;
  }
};

TEST_P(Restarting, TheBestByValidationGoesOnAndIsResumedBitForBit) {
  const Splits data = shuffled_kinds();
  TrainOptions options = with_restarts(3);
  auto at_once = trained("whole", data, options);
  const std::vector<double> bounds = at_once.provenance.at("restarts");
  ASSERT_EQ(bounds.size(), 3);
  EXPECT_NE(bounds[0], bounds[1]);
  // The log has every epoch of every restart, and the best of them goes on.
  std::istringstream lines(read_file(folder("whole") / "log.jsonl"));
  std::vector<nlohmann::json> log;
  for (std::string text; std::getline(lines, text);) log.push_back(nlohmann::json::parse(text));
  ASSERT_EQ(log.size(), 3 * 4 + 2);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(log[4 * i + 3].at("restart"), i);
    EXPECT_EQ(log[4 * i + 3].at("validation").at("elbo"), bounds[i]);
  }
  const auto best = std::max_element(bounds.begin(), bounds.end()) - bounds.begin();
  EXPECT_EQ(log.back().at("restart"), best);
  EXPECT_EQ(log.back().at("epoch"), 6);

  // Within a restart, at the end of the first, in the last, and after them. Three steps an epoch.
  for (const int64_t steps : {5, 12, 13, 24, 30, 36, 37, 40}) {
    auto resumed = trained(std::to_string(steps), data, options, steps);
    expect_same(at_once, resumed);
    std::istringstream again(read_file(folder(std::to_string(steps)) / "log.jsonl"));
    size_t line = 0;
    for (std::string text; std::getline(again, text); ++line) {
      const auto entry = nlohmann::json::parse(text);
      EXPECT_EQ(entry.at("epoch"), log.at(line).at("epoch")) << steps;
      EXPECT_EQ(entry.at("restart"), log.at(line).at("restart")) << steps;
    }
    EXPECT_EQ(line, log.size()) << steps;
  }
}

/// Fewer restarts than were compared already: the best of those goes on.
TEST_P(Restarting, FewerOnResumeLeaveTheBestSoFar) {
  const Splits data = shuffled_kinds();
  TrainOptions options = with_restarts(3);
  auto stopped = started(GetParam(), data);
  RunFolder run(folder("fewer"));
  StopAfter stop(30);  // in the third of them
  Trainer(stopped, data, options, 7).run({&run, &stop});
  ASSERT_TRUE(std::filesystem::exists(folder("fewer") / "restart"));
  options.restarts = 2;
  auto model = started(GetParam(), data);
  Trainer trainer(model, data, options, 7);
  run.resume(trainer);
  trainer.run({&run});
  const std::vector<double> bounds = model.provenance.at("restarts");
  ASSERT_EQ(bounds.size(), 2);
  std::istringstream lines(read_file(folder("fewer") / "log.jsonl"));
  nlohmann::json last;
  for (std::string text; std::getline(lines, text);) last = nlohmann::json::parse(text);
  EXPECT_EQ(last.at("restart"), bounds[0] > bounds[1] ? 0 : 1);
  EXPECT_EQ(last.at("epoch"), 6);
  EXPECT_FALSE(std::filesystem::exists(folder("fewer") / "restart"));
}

/// Killed after the best restart was chosen and before all files of it were in place.
TEST_P(Restarting, AChoiceThatWasCutOffIsMadeAgain) {
  const Splits data = shuffled_kinds();
  TrainOptions options = with_restarts(2);
  auto at_once = trained("once", data, options);
  struct CutOff : TrainingObserver {
    void choose_restart(int64_t, double, const std::vector<Start>&) override {
      throw Interrupted("killed");
    }
  } cut_off;
  auto model = started(GetParam(), data);
  RunFolder run(folder("cut"));
  Trainer killed(model, data, options, 7);
  EXPECT_THROW(killed.run({&cut_off, &run}), Interrupted);
  auto again = started(GetParam(), data);
  Trainer resumed(again, data, options, 7);
  run.resume(resumed);
  resumed.run({&run});
  expect_same(at_once, again);
}

/// Breaks weights in the second epoch of some restarts, and counts those that are lost.
struct Breaks : TrainingObserver {
  Breaks(TrainedModel& trained, std::set<int64_t> restarts)
      : model(*trained.model), breaks(std::move(restarts)) {}
  Model& model;
  std::set<int64_t> breaks, lost;
  bool after_step(const TrainingProgress& progress) override {
    if (breaks.count(progress.restart) > 0 && progress.epoch == 2) {
      torch::NoGradGuard no_grad;
      model.parameters()[0].fill_(std::nan(""));
    }
    return true;
  }
  void lose_restart(int64_t restart, const std::string& why) override {
    EXPECT_NE(why.find("NaN"), std::string::npos) << why;
    lost.insert(restart);
  }
};

TEST_P(Restarting, GoesOnWithoutTheOneThatDiverges) {
  const Splits data = shuffled_kinds();
  const TrainOptions options = with_restarts(3);
  auto at_once = trained("whole", data, options);
  const std::vector<double> bounds = at_once.provenance.at("restarts");
  const auto best = std::max_element(bounds.begin(), bounds.end()) - bounds.begin();
  const int64_t broken = best == 0 ? 1 : 0;

  auto without = started(GetParam(), data);
  Breaks breaks(without, {broken + 1});
  Trainer(without, data, options, 7).run({&breaks});
  EXPECT_EQ(breaks.lost, breaks.breaks);
  std::vector<double> rest = without.provenance.at("restarts");
  EXPECT_EQ(rest.at(broken), -std::numeric_limits<double>::infinity());
  rest[broken] = bounds[broken];
  EXPECT_EQ(rest, bounds);
  without.provenance["restarts"] = bounds;
  expect_same(at_once, without);
}

TEST_P(Restarting, IsResumedAfterTheOneThatDiverged) {
  const Splits data = shuffled_kinds();
  const TrainOptions options = with_restarts(3);
  auto at_once = started(GetParam(), data);
  Breaks breaks(at_once, {1});
  Trainer(at_once, data, options, 7).run({&breaks});

  auto stopped = started(GetParam(), data);
  RunFolder run(folder("stopped"));
  Breaks same(stopped, {1});
  StopAfter stop(9);  // six of them in the first
  Trainer(stopped, data, options, 7).run({&run, &same, &stop});
  EXPECT_EQ(same.lost, same.breaks);
  auto again = started(GetParam(), data);
  Trainer trainer(again, data, options, 7);
  run.resume(trainer);
  trainer.run({&run});
  expect_same(at_once, again);
}

TEST_P(Restarting, EndsIfAllDiverge) {
  const Splits data = shuffled_kinds();
  auto model = started(GetParam(), data);
  Breaks breaks(model, {1, 2});
  EXPECT_THROW(Trainer(model, data, with_restarts(2), 7).run({&breaks}), NumericalError);
  EXPECT_EQ(breaks.lost, std::set<int64_t>{1});
}

/// Whether a run has stalled is asked of the epochs after the restarts.
TEST_P(Restarting, AreNoTimeInWhichNothingGetsBetter) {
  const Splits data = shuffled_kinds();
  TrainOptions options;
  options.start = "none";
  options.restarts = 2;
  options.warmup = 0;
  options.early_stopping_patience = 1;
  options.epochs = 4;
  options.batch = 16;
  auto model = started(GetParam(), data);
  EXPECT_GT(Trainer(model, data, options, 7).run().epochs, 1);
}

/// Which of how many restarts the steps were said to belong to.
struct RestartsSeen : TrainingObserver {
  std::set<std::pair<int64_t, int64_t>> seen;
  bool after_step(const TrainingProgress& progress) override {
    seen.emplace(progress.restart, progress.restarts);
    return true;
  }
};

TEST_P(Restarting, SaysWhichOneItIsWhileTheyAreCompared) {
  const Splits data = shuffled_kinds();
  TrainOptions options = with_restarts(2);
  auto model = started(GetParam(), data);
  RestartsSeen watch;
  Trainer(model, data, options, /*seed=*/7).run({&watch});
  EXPECT_EQ(watch.seen, (std::set<std::pair<int64_t, int64_t>>{{0, 2}, {1, 2}, {2, 2}}));
}

INSTANTIATE_TEST_SUITE_P(Models, Restarting, testing::Values("cp_vae", "mog"),
                         [](const auto& test) { return test.param; });

TEST_F(StartOfTraining, IsRefusedWhereItMakesNoSense) {
  const Splits data = shuffled_kinds();
  const auto refuses = [&](const std::string& name, const auto& change) {
    auto model = started(name, data);
    TrainOptions options = from_file(kinds_file(), 1);
    change(options);
    EXPECT_THROW(Trainer(model, data, options, 7), ConfigError);
  };
  refuses("vae", [](auto&) {});
  refuses("cp_vae", [](auto& options) { options.start = "none"; });
  refuses("cp_vae", [](auto& options) { options.start_file = ""; });
  refuses("cp_vae", [](auto& options) { options.epochs = 2; });
  refuses("cp_vae", [](auto& options) { options.restarts = 0; });
  refuses("cp_vae", [](auto& options) {
    options.restarts = 2;
    options.epochs = 4;
  });
  refuses("mog", [](auto& options) { options.objective = "iwae"; });
  refuses("cp_vae", [](auto& options) {
    options.start = "none";
    options.start_file = "";
  });
  refuses("cp_vae", [](auto& options) {
    options.start = "autoencoder";
    options.start_file = "";
    options.start_epochs = 1;
  });
}

TEST_F(StartFolder, WhatMadeItIsReadAsAnyFileOfARun) {
  Start start;
  start.responsibilities = torch::ones({2, 1});
  start.said = "clusters started from b\xfc.csv";  // a path that is not UTF-8
  write_starts(folder("a"), {start});
  EXPECT_EQ(read_starts(folder("a")).front().said, "clusters started from b\xef\xbf\xbd.csv");
  TensorFile file;
  file.tensors["responsibilities"] = start.responsibilities;
  for (const std::string& metadata :
       {"{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}",
        std::string(R"({"said":7})"), std::string()}) {
    file.metadata = metadata;
    write_safetensors(folder("a") / "start.safetensors", file);
    EXPECT_THROW(read_starts(folder("a")), Error);
  }
}

}  // namespace
}  // namespace clade
