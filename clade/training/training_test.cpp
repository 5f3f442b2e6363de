#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/models/evaluation_mode.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/training/checkpoint.h"
#include "clade/training/folder_for_tests.h"
#include "clade/training/provenance.h"
#include "clade/training/run_folder.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

/// Bits of three prototypes with noise: enough for a model to learn something in a second.
Splits three_prototypes() {
  auto generator = make_generator(1);
  Splits splits;
  const auto prototypes = torch::empty({3, 8}).bernoulli_(0.5, generator) * 0.8 + 0.1;
  const auto make = [&](int64_t n) {
    Dataset data;
    data.labels = torch::randint(3, {n}, generator, torch::kInt64);
    data.x = prototypes.index_select(0, data.labels);
    data.shape = {8};
    return data;
  };
  splits.train = make(96);
  splits.validation = make(32);
  splits.validation.x = present(splits.validation.x, true, generator);
  splits.test = splits.validation;
  splits.preprocessing = {torch::zeros({8}), torch::ones({8}), true};
  return splits;
}

TrainedModel small(const std::string& name, const Splits& data, uint64_t seed = 3) {
  return make_model(name, small_options(name), data, seed, torch::kCPU);
}

/// What training descends: the bound, or the looser one of eq. 4 of GMVAE.
double trained_on(const nlohmann::json& train) {
  return train.contains("elbo") ? train.at("elbo") : train.at("looser_elbo");
}

TrainOptions quick(int64_t epochs) {
  TrainOptions options;
  options.epochs = epochs;
  options.batch = 20;
  options.learning_rate = 1e-2;
  options.warmup = 2;
  return options;
}

TrainingSummary train(TrainedModel& trained, const Splits& data, const TrainOptions& options) {
  return Trainer(trained, data, options, /*seed=*/3).run();
}

TrainingSummary train_in(const fs::path& run, TrainedModel& trained, const Splits& data,
                         const TrainOptions& options,
                         int64_t steps = std::numeric_limits<int64_t>::max()) {
  RunFolder folder(run);
  StopAfter stop(steps);
  return Trainer(trained, data, options, /*seed=*/3).run({&folder, &stop});
}

TrainingSummary resume_in(const fs::path& run, TrainedModel& trained, const Splits& data,
                          const TrainOptions& options) {
  RunFolder folder(run);
  Trainer trainer(trained, data, options, /*seed=*/3);
  folder.resume(trainer);
  return trainer.run({&folder});
}

TEST(Adam, NormGradGivesEveryTensorADirectionOnly) {
  const GradientPieces gradient = {
      {torch::tensor({3.0, -4.0}), 2}, {torch::Tensor(), 3}, {torch::zeros({1}), 1}};
  const auto scaled = over_their_norms(gradient);
  EXPECT_TRUE(torch::allclose(scaled[0].values, torch::tensor({0.6, -0.8})));
  // One all but zero does not move at full speed: the code it is from adds 1e-7 to the norm.
  const auto small = over_their_norms({{torch::full({1}, 1e-8F), 1}})[0].values;
  EXPECT_NEAR(small.item<double>(), 1.0 / 11, 1e-6);
  EXPECT_FALSE(scaled[1].values.defined());
  EXPECT_EQ(scaled[2].values.item<double>(), 0);
}

TEST(Adam, AgreesWithTheReferenceOptimiser) {
  auto ours = torch::nn::Linear(3, 2);
  auto reference = torch::nn::Linear(3, 2);
  {
    torch::NoGradGuard no_grad;
    reference->weight.copy_(ours->weight);
    reference->bias.copy_(ours->bias);
  }
  FlatParameters flat(*ours);
  Adam adam(flat.values());
  auto generator = make_generator(1);
  torch::optim::Adam expected(reference->parameters(), torch::optim::AdamOptions(0.01));
  for (int step = 0; step < 20; ++step) {
    const auto x = torch::empty({5, 3}).normal_(0, 1, generator);
    flat.forget_gradient();
    ours(x).square().sum().backward();
    adam.begin_step(0.01);
    adam.step(flat.values(), flat.gradient(), torch::tensor(1.0F));
    expected.zero_grad();
    reference(x).square().sum().backward();
    expected.step();
  }
  EXPECT_TRUE(torch::allclose(ours->weight, reference->weight, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(ours->bias, reference->bias, 1e-5, 1e-6));
}

TEST(TrainOptions, WarmsUpLinearlyAndDecaysInSteps) {
  TrainOptions options;
  options.warmup = 4;
  options.learning_rate = 1;
  options.learning_rate_decay = 0.5;
  options.decay_every = 3;
  EXPECT_DOUBLE_EQ(options.beta(0), 0.25);
  EXPECT_DOUBLE_EQ(options.beta(3), 1);
  EXPECT_DOUBLE_EQ(options.beta(100), 1);
  options.warmup = 0;
  EXPECT_DOUBLE_EQ(options.beta(0), 1);
  EXPECT_DOUBLE_EQ(options.learning_rate_at(2, {}), 1);
  EXPECT_DOUBLE_EQ(options.learning_rate_at(3, {}), 0.5);
  EXPECT_DOUBLE_EQ(options.learning_rate_at(6, {}), 0.25);
}

TEST(TrainOptions, CoolsDownLinearlyTowardsTheEnd) {
  TrainOptions options;
  options.learning_rate = 1;
  options.epochs = 5;
  options.cooldown = 3;
  const std::vector<double> expected = {1, 1, 0.75, 0.5, 0.25};
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    EXPECT_DOUBLE_EQ(options.learning_rate_at(epoch, {}), expected[static_cast<size_t>(epoch)]);
  }
  options.epochs = 3;
  options.cooldown = 100;  // longer than all of training
  EXPECT_DOUBLE_EQ(options.learning_rate_at(0, {}), 0.75);
  EXPECT_DOUBLE_EQ(options.learning_rate_at(2, {}), 0.25);
}

TEST(TrainOptions, NamesTheStagesThatFollowOneAnother) {
  TrainOptions options;
  options.epochs = 10;
  const auto named = [&](std::optional<int64_t> stalled_at) {
    std::string text;
    for (int64_t epoch = 0; epoch < options.epochs_in_all(stalled_at); ++epoch) {
      text += options.stage_of(epoch, stalled_at).name().substr(0, 1);
    }
    return text;
  };
  EXPECT_EQ(named({}), "rrrrrrrrrr");
  EXPECT_EQ(named(4), "rrrr");
  options.cooldown = 3;
  EXPECT_EQ(named({}), "rrrrrrrccc");
  EXPECT_EQ(named(4), "rrrrccc");
  options.cooldown = 30;
  EXPECT_EQ(named({}), "cccccccccc");
  EXPECT_EQ(options.stage_of(10, {}).name(), "cooldown");  // after the end
}

TEST(TrainOptions, StartsBeforeTheWarmup) {
  TrainOptions options = quick(10);
  options.cooldown = 3;
  options.warmup = 4;
  options.hold = 5;
  options.start = "autoencoder";
  options.start_epochs = 3;
  std::string stages;
  for (const Stage& stage : options.stages({})) {
    stages +=
        stage.name() + " " + std::to_string(stage.begin) + "-" + std::to_string(stage.end) + " ";
  }
  EXPECT_EQ(stages, "start 0-3 run 3-7 cooldown 7-10 ");
  EXPECT_EQ(options.clusters_found_at(), 2);
  EXPECT_EQ(options.hold_at(1), 0);
  EXPECT_EQ(options.hold_at(2), 5);
  EXPECT_EQ(options.hold_at(9), 5);
  EXPECT_EQ(options.beta(2), 0);
  options.start_beta = 0.5;
  EXPECT_EQ(options.beta(2), 0.5);
  EXPECT_EQ(options.beta(3), 0.625);  // halfway from there to 1 by a fourth, …
  EXPECT_EQ(options.beta(6), 1);
  options.start_beta = 0;
  EXPECT_EQ(options.beta(3), 0.25);
  EXPECT_EQ(options.beta(6), 1);
  EXPECT_FALSE(options.holds_softly(9));
  options.soft_hold = 2;
  EXPECT_EQ(options.hold_at(6), 5);
  EXPECT_EQ(options.hold_at(7), 2);
  EXPECT_EQ(options.hold_at(5, 5), 2);  // stopped early, and cools down
  EXPECT_TRUE(options.holds_softly(5, 5));
  options.cooldown = 0;
  EXPECT_THROW(options.validate_stages(), ConfigError);
  options.soft_hold = 0;
  options.hold = 0;
  EXPECT_EQ(options.hold_at(2), 1);  // learned in any case
  EXPECT_EQ(options.hold_at(3), 0);
  options.start = "neighbours";
  EXPECT_EQ(options.clusters_found_at(), 0);
}

TEST(TrainOptions, KnowsFromACheckpointWhenTrainingEnds) {
  TrainOptions options;
  options.epochs = 100;
  options.warmup = 0;
  options.early_stopping_patience = 5;
  const auto end = [&](int64_t epoch, int64_t best, int64_t position = 0, int64_t stalled = -1) {
    Standing standing{epoch, position, best, {}};
    if (stalled >= 0) standing.stalled_at = stalled;
    return options.epochs_in_all(options.stalled_at(standing));
  };
  EXPECT_EQ(end(14, 10), 100);
  EXPECT_EQ(end(15, 10), 15);  // as of a checkpoint from before there was a cooldown
  options.cooldown = 20;
  EXPECT_EQ(end(15, 10), 35);
  EXPECT_EQ(end(30, 29, 0, 15), 35);  // a better epoch within the cooldown
  EXPECT_EQ(end(85, 79), 100);        // within the cooldown at the end
  EXPECT_EQ(end(79, 70), 99);
  options.early_stopping_patience = 50;
  EXPECT_EQ(end(15, 10, 0, 15), 100);
  EXPECT_EQ(end(15, 10, 3, 15), 35);
  EXPECT_EQ(end(16, 10, 0, 15), 35);
}

TEST(Checkpoint, SaysWhetherTrainingIsComplete) {
  TrainOptions options;
  options.epochs = 30;
  options.warmup = 0;
  options.early_stopping_patience = 5;
  options.cooldown = 10;
  nlohmann::json state = {{"epoch", 15}, {"best_epoch", 10}, {"position", 0}};
  EXPECT_FALSE(is_complete(state, options));  // stalled; the cooldown follows
  options.cooldown = 0;
  EXPECT_TRUE(is_complete(state, options));
  state["best_epoch"] = 11;
  EXPECT_FALSE(is_complete(state, options));
  state = {{"epoch", 20}, {"best_epoch", 20}, {"position", 0}, {"stalled_at", 15}};
  options.cooldown = 5;
  EXPECT_TRUE(is_complete(state, options));
  options.cooldown = 6;
  EXPECT_FALSE(is_complete(state, options));
}

using Clusters = Folder;

class Training : public Folder, public testing::WithParamInterface<std::string> {};

std::map<std::string, torch::Tensor> copy_of_state(TrainedModel& trained) {
  std::map<std::string, torch::Tensor> copy;
  for (const auto& [name, tensor] : state_of(*trained.model)) copy[name] = tensor.clone();
  return copy;
}

std::vector<nlohmann::json> log_of(const fs::path& run) {
  std::vector<nlohmann::json> epochs;
  std::ifstream log(run / "log.jsonl");
  for (std::string line; std::getline(log, line);) epochs.push_back(nlohmann::json::parse(line));
  return epochs;
}

void expect_same_state(TrainedModel& a, TrainedModel& b) {
  const auto left = copy_of_state(a), right = copy_of_state(b);
  for (const auto& [name, tensor] : left) {
    EXPECT_TRUE(torch::equal(tensor, right.at(name))) << name;
  }
}

TEST_P(Training, RaisesTheBound) {
  const Splits data = three_prototypes();
  auto trained = small(GetParam(), data);
  auto generator = make_generator(5);
  const double before = mean_bound(*trained.model, data.validation.x, generator).elbo;
  train(trained, data, quick(30));
  const double after = mean_bound(*trained.model, data.validation.x, generator).elbo;
  EXPECT_GT(after, before + 0.2);
  EXPECT_NEAR(trained.model->aggregated_posterior().sum().item<double>(), 1, 1e-5);
}

TEST_P(Training, EndsWhereFp32DoesInBf16) {
  const Splits data = three_prototypes();
  const auto trained_in = [&](const std::string& precision) {
    auto trained = small(GetParam(), data);
    TrainOptions options = quick(30);
    options.precision = precision;
    train(trained, data, options);
    auto generator = make_generator(5);
    return mean_bound(*trained.model, data.validation.x, generator).elbo;
  };
  try {
    precision_for("train.precision", "bf16", torch::kCPU);
  } catch (const ConfigError&) {
    EXPECT_THROW(trained_in("bf16"), ConfigError);
    GTEST_SKIP() << "this CPU has no bf16 products";
  }
  const double bf16 = trained_in("bf16"), fp32 = trained_in("fp32");
  EXPECT_NEAR(bf16, fp32, 0.1);
  EXPECT_NE(bf16, fp32);  // its products were taken
}

TEST_F(Clusters, AreNotAllOneFromTheFirstEpochOn) {
  // With KL(y) under warm-up, or a decoder that prefers a cluster by accident, q(y|x) gives every
  // point to one cluster within an epoch and never recovers.
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  const auto bound = [&] {
    auto generator = make_generator(5);
    return mean_bound(*trained.model, data.validation.x, generator).elbo;
  };
  const double before = bound();
  TrainOptions options = quick(20);
  options.warmup = 10;
  train(trained, data, options);
  EXPECT_GT(bound(), before + 0.2);  // else it passes by learning nothing
  EXPECT_LT(trained.model->aggregated_posterior().max().item<double>(), 0.6);
}

TEST_P(Training, ResumesBitForBitBetweenEpochsAndWithinOne) {
  const Splits data = three_prototypes();
  TrainOptions options = quick(6);
  options.cooldown = 4;
  auto whole = small(GetParam(), data);
  train_in(folder("whole"), whole, data, options);

  // Stopped after 3 epochs of 5 steps, and in the middle of the next, then taken up.
  for (const int64_t stop_at : {15, 17}) {
    const auto run = folder("part" + std::to_string(stop_at));
    auto part = small(GetParam(), data);
    EXPECT_TRUE(train_in(run, part, data, options, stop_at).interrupted);
    auto resumed = small(GetParam(), data, /*seed=*/99);  // other weights: all must come from disk
    const auto summary = resume_in(run, resumed, data, options);
    EXPECT_FALSE(summary.interrupted);
    EXPECT_EQ(summary.epochs, 6);
    expect_same_state(whole, resumed);
    const auto bounds = [](const fs::path& folder) {
      std::vector<double> all;
      for (const auto& entry : log_of(folder)) {
        all.push_back(trained_on(entry["train"]));
        all.push_back(entry["validation"]["elbo"]);
      }
      return all;
    };
    EXPECT_EQ(bounds(folder("whole")), bounds(run));
  }
}

TEST_P(Training, NeedsNoFolder) {
  const Splits data = three_prototypes();
  auto in_memory = small(GetParam(), data);
  auto in_pieces = small(GetParam(), data);
  auto in_a_folder = small(GetParam(), data);
  const auto summary = train(in_memory, data, quick(3));
  train_in(folder("a"), in_a_folder, data, quick(3));
  expect_same_state(in_memory, in_a_folder);
  EXPECT_EQ(in_memory.provenance, in_a_folder.provenance);
  EXPECT_EQ(in_memory.provenance.at("bound"), summary.best_bound);

  StopAfter stop(7);  // in the second of three epochs of five steps
  Trainer trainer(in_pieces, data, quick(3), /*seed=*/3);
  EXPECT_TRUE(trainer.run({&stop}).interrupted);
  EXPECT_FALSE(trainer.run().interrupted);
  expect_same_state(in_memory, in_pieces);
}

TEST_F(Clusters, RelaxAtTheTemperatureOfTheBestEpochHoweverComeBy) {
  const Splits data = three_prototypes();
  const auto relaxing = [&] {
    auto options = small_options("cp_vae", 3, "gumbel");
    from_json({{"temperature_rate", 0.05}}, *options);
    return make_model("cp_vae", options, data, 3, torch::kCPU);
  };
  const auto relaxed = [&](TrainedModel& trained) {
    auto generator = make_generator(5);
    return mean_relaxed_bound(*trained.model, data.validation.x, generator)->elbo;
  };
  auto trained = relaxing();
  train_in(folder("a"), trained, data, quick(6));
  auto loaded = load_model(folder("a"), torch::kCPU);
  auto resumed = relaxing();
  resume_in(folder("a"), resumed, data, quick(6));
  EXPECT_EQ(relaxed(trained), relaxed(loaded));
  EXPECT_EQ(relaxed(trained), relaxed(resumed));
}

TEST_F(Clusters, LearnFromGradientsOverTheirNorms) {
  const Splits data = three_prototypes();
  const auto learned = [&](const std::string& optimiser, int64_t epochs = 30) {
    auto trained = small("cp_vae", data);
    TrainOptions options = quick(epochs);
    options.optimiser = optimiser;
    train(trained, data, options);
    auto generator = make_generator(5);
    return mean_bound(*trained.model, data.validation.x, generator).elbo;
  };
  const double plain = learned("adam"), by_norm = learned("adam_norm_grad");
  EXPECT_GT(by_norm, learned("adam_norm_grad", 1) + 0.2);
  EXPECT_NE(plain, by_norm);
  EXPECT_NEAR(plain, by_norm, 0.5);
}

TEST_P(Training, SavesAndLoadsTheModel) {
  const Splits data = three_prototypes();
  auto trained = small(GetParam(), data);
  trained.label_names = {"a", "b", "c"};
  save_model(trained, folder("a"));
  auto loaded = load_model(folder("a"), torch::kCPU);
  expect_same_state(trained, loaded);
  EXPECT_EQ(loaded.name, GetParam());
  EXPECT_EQ(loaded.label_names, trained.label_names);
  EXPECT_EQ(loaded.shape, trained.shape);
  EXPECT_TRUE(loaded.preprocessing.binarise);
}

TEST_F(Folder, LogsBoundsInTheUnitsOfTheData) {
  Splits data = three_prototypes();
  data.preprocessing.binarise = false;
  data.preprocessing.scale = torch::full({8}, 0.5, torch::kFloat64);
  const auto logged = [&](std::optional<double> log_volume, const std::string& name) {
    data.preprocessing.log_volume = log_volume;
    auto options = find_model("vae").options();
    options->likelihood = "gaussian";
    auto trained = make_model("vae", options, data, 1, torch::kCPU);
    train_in(folder(name), trained, data, quick(2));
    EXPECT_EQ(load_model(folder(name), torch::kCPU).log_volume(), log_volume);
    return log_of(folder(name)).back();
  };
  const auto plain = logged({}, "plain"), in_units = logged(8 * std::log(0.5), "units");
  for (const char* split : {"train", "validation"}) {
    const auto &a = plain.at(split), &b = in_units.at(split);
    EXPECT_NEAR(b.at("elbo").get<double>(), a.at("elbo").get<double>() - 8 * std::log(0.5), 1e-9);
    EXPECT_NEAR(b.at("terms").at("log p(x|z)").get<double>(),
                a.at("terms").at("log p(x|z)").get<double>() - 8 * std::log(0.5), 1e-9);
    EXPECT_EQ(b.at("terms").at("KL(z)"), a.at("terms").at("KL(z)"));
  }
}

using ModelFile = Folder;

TEST_F(ModelFile, KeepsShiftAndScaleInDoubleAndForEarlierReadersInFloat) {
  Splits data = three_prototypes();
  data.preprocessing.shift = torch::full({8}, 1.7e9 + 0.1, torch::kFloat64);
  data.preprocessing.scale = torch::full({8}, 0.1, torch::kFloat64);
  data.preprocessing.constant = torch::full({8}, std::nan(""), torch::kFloat64);
  data.preprocessing.constant[3] = 0.2;
  data.preprocessing.whole = torch::arange(8) < 2;
  data.preprocessing.fill = torch::full({8}, 1.7e9 + 0.3, torch::kFloat64);
  data.preprocessing.log_volume = -3.5;
  const auto trained = small("vae", data);
  save_model(trained, folder("a"));
  const Preprocessing kept = load_model(folder("a"), torch::kCPU).preprocessing;
  EXPECT_TRUE(kept.shift.equal(data.preprocessing.shift));
  EXPECT_TRUE(kept.scale.equal(data.preprocessing.scale));
  EXPECT_EQ(kept.constant[3].item<double>(), 0.2);
  EXPECT_EQ(kept.constant.isnan().sum().item<int64_t>(), 7);
  EXPECT_TRUE(kept.whole.equal(data.preprocessing.whole));
  EXPECT_TRUE(kept.fill.equal(data.preprocessing.fill));
  EXPECT_EQ(kept.log_volume, -3.5);
  TensorFile file = read_safetensors(folder("a") / "model.safetensors");
  EXPECT_TRUE(file.tensors.at("data.scale").equal(torch::full({8}, 0.1F)));
  // As 0.1.0 wrote it: computed in float32, too.
  for (const char* name : {"data.shift.float64", "data.scale.float64"}) file.tensors.erase(name);
  write_safetensors(folder("a") / "model.safetensors", file);
  EXPECT_EQ(load_model(folder("a"), torch::kCPU).preprocessing.shift.scalar_type(),
            torch::kFloat32);
}

TEST_P(Training, KeepsAFlatLogOfEveryTerm) {
  const Splits data = three_prototypes();
  auto trained = small(GetParam(), data);
  train_in(folder("a"), trained, data, quick(2));
  int64_t epochs = 0;
  for (const auto& entry : log_of(folder("a"))) {
    EXPECT_EQ(entry.at("epoch"), ++epochs);
    double elbo = 0;
    for (const auto& [name, value] : entry.at("train").at("terms").items()) {
      elbo += name.rfind("KL", 0) == 0 ? -value.get<double>() : value.get<double>();
    }
    EXPECT_NEAR(elbo, trained_on(entry.at("train")), 1e-9);
    EXPECT_EQ(entry.at("train").contains("looser_elbo"), GetParam() == "gmvae");
    EXPECT_TRUE(entry.at("validation").contains("elbo"));
    for (const char* key :
         {"learning_rate", "beta", "seconds", "samples_per_second", "validation"}) {
      EXPECT_TRUE(entry.contains(key)) << key;
    }
  }
  EXPECT_EQ(epochs, 2);
}

TEST_F(Clusters, RelaxedHaveABoundOfAnotherName) {
  for (const std::string name : {"cp_vae", "cagem"}) {
    Splits data = three_prototypes();
    const auto made = [&](const std::string& estimator) {
      return make_model(name, small_options(name, 3, estimator), data, 3, torch::kCPU);
    };
    auto relaxed = made("gumbel"), exact = made("exact"), alone = made("gumbel");
    const auto summary = train_in(folder(name), relaxed, data, quick(2));
    train_in(folder(name + "-exact"), exact, data, quick(2));
    for (const auto& entry : log_of(folder(name))) {
      EXPECT_TRUE(entry.at("train").contains("relaxed_elbo"));
      EXPECT_FALSE(entry.at("train").contains("elbo"));
      EXPECT_TRUE(entry.at("validation").contains("elbo"));
    }
    for (const auto& entry : log_of(folder(name + "-exact"))) {
      EXPECT_FALSE(entry.at("train").contains("relaxed_elbo"));
      EXPECT_TRUE(entry.at("train").contains("elbo"));
    }
    EXPECT_EQ(summary.best_kind, BoundKind::elbo);
    EXPECT_FALSE(relaxed.provenance.contains("relaxed_bound"));
    data.validation = {};  // so that the training bound is all there is
    const auto unseen = train_in(folder(name + "-alone"), alone, data, quick(2));
    EXPECT_EQ(unseen.best_kind, BoundKind::relaxed);
    EXPECT_EQ(alone.provenance.at("relaxed_bound"), unseen.best_bound);
    EXPECT_FALSE(alone.provenance.contains("bound"));
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Training, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& model : models()) names.push_back(model.name);
                           return names;
                         }()),
                         [](const auto& test) { return test.param; });

/// The three prototypes, and the labels of the first twelve training points.
Splits partly_labelled() {
  Splits data = three_prototypes();
  data.labelled = data.train;
  data.labelled.x = data.train.x.slice(0, 0, 12);
  data.labelled.labels = data.train.labels.slice(0, 0, 12).clone();
  return data;
}

TrainedModel labelled_model(const Splits& data, uint64_t seed = 3) {
  return small("m2", data, seed);
}

using Labels = Folder;

TEST_F(Labels, TeachWhichClusterIsWhichClass) {
  const Splits data = partly_labelled();
  auto trained = labelled_model(data);
  train(trained, data, quick(30));
  auto generator = make_generator(5);
  const EvaluationMode evaluation(*trained.model);
  const auto q_y = trained.model->cluster_probabilities(data.validation.x, generator).front();
  const auto right = q_y.argmax(-1).eq(data.validation.labels).to(torch::kFloat64).mean();
  EXPECT_GT(right.item<double>(), 0.8);
}

TEST_F(Labels, OfMoreClassesThanClustersAreRefusedAndMarksForUnknownOnesNamed) {
  Splits data = partly_labelled();
  data.labelled.labels[0] = 3;
  const auto refusal = [&](const char* last) -> std::string {
    data.labelled.label_names = {"a", "b", "c", last};
    auto trained = labelled_model(data);
    try {
      train(trained, data, quick(1));
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal("d").find("each class needs one; set model.clusters to 4"), std::string::npos);
  EXPECT_NE(refusal("?").find("'?' counts as a class; if it means unknown, leave it empty"),
            std::string::npos);
}

/// Points of a square on both sides of its diagonal, with a gap between; the side is the label.
Splits two_sides() {
  auto generator = make_generator(2);
  const auto make = [&](int64_t n) {
    Dataset data;
    data.labels = torch::randint(2, {n}, generator, torch::kInt64);
    const auto side = data.labels.to(torch::kFloat32);
    const auto along = torch::empty({n}).uniform_(0.2, 0.8, generator);
    const auto across = (side - 0.5) * torch::empty({n}).uniform_(0.1, 0.4, generator);
    data.x = torch::stack({along + across, along - across}, 1);
    data.shape = {2};
    return data;
  };
  Splits splits;
  splits.train = make(200);
  splits.labelled = splits.train;
  splits.test = make(500);
  splits.preprocessing = {torch::zeros({2}), torch::ones({2}), false};
  return splits;
}

TEST_F(Labels, OfEveryPointTeachBothClassifiersOfCagemALine) {
  const Splits data = two_sides();
  auto options = small_options("cagem", /*clusters=*/2);
  options->likelihood = "gaussian";
  // That z2 tells clusters apart is worth KL(z2) just what KL(y) has to gain by it. Early in a long
  // warm-up it costs little.
  from_json({{"warm_up_clusters", false}}, *options);
  auto trained = make_model("cagem", options, data, 3, torch::kCPU);
  TrainOptions how = quick(40);
  how.warmup = 400;
  how.label_weight = 20;
  train(trained, data, how);
  auto generator = make_generator(5);
  const EvaluationMode evaluation(*trained.model);
  const auto classifiers = trained.model->classifiers(data.test.x, generator);
  ASSERT_EQ(classifiers.size(), 2u);
  for (const auto& [name, probabilities] : classifiers) {
    const auto wrong = probabilities.argmax(1).ne(data.test.labels).to(torch::kFloat64).mean();
    EXPECT_LT(wrong.item<double>(), 0.03) << name;
  }
}

TEST_F(Labels, OfEveryPointTeachCagemThroughAWarmUpThatEnds) {
  // At the full bound z2 may forget what only p(y|z2) reads; q(y|x) has what the labels say.
  const Splits data = two_sides();
  auto options = small_options("cagem", /*clusters=*/2);
  options->likelihood = "gaussian";
  auto trained = make_model("cagem", options, data, 3, torch::kCPU);
  TrainOptions how = quick(40);
  how.warmup = 20;
  how.label_weight = 20;
  train(trained, data, how);
  ASSERT_EQ(how.beta(39), 1);
  auto generator = make_generator(5);
  const EvaluationMode evaluation(*trained.model);
  std::map<std::string, double> wrong;
  for (const auto& [name, probabilities] : trained.model->classifiers(data.test.x, generator)) {
    wrong[name] =
        probabilities.argmax(1).ne(data.test.labels).to(torch::kFloat64).mean().item<double>();
  }
  EXPECT_LT(wrong.at("q(y|x)"), 0.03);
  EXPECT_LT(wrong.at("p(y|x)"), 0.35);
}

TEST_F(Labels, BesideTheBudgetChangeNothing) {
  const Splits data = partly_labelled();
  const auto trained_on = [](const Splits& splits) {
    auto trained = labelled_model(splits);
    train(trained, splits, quick(3));
    return trained;
  };
  auto as_they_are = trained_on(data);
  Splits permuted = data;
  permuted.train.labels = data.train.labels.flip(0);
  permuted.validation.labels = data.validation.labels.flip(0);
  auto others_permuted = trained_on(permuted);
  expect_same_state(as_they_are, others_permuted);

  permuted.labelled.labels = (data.labelled.labels + 1) % 3;
  auto budget_changed = trained_on(permuted);
  EXPECT_FALSE(
      torch::equal(torch::nn::utils::parameters_to_vector(as_they_are.model->parameters()),
                   torch::nn::utils::parameters_to_vector(budget_changed.model->parameters())));
}

TEST_F(Labels, ChangeNoDrawOfAModelThatTakesNone) {
  const Splits with = partly_labelled(), without = three_prototypes();
  auto a = small("cp_vae", with), b = small("cp_vae", without);
  train(a, with, quick(2));
  train(b, without, quick(2));
  expect_same_state(a, b);
}

TEST_F(Labels, AreDrawnAnewEachStepAndResumedBitForBit) {
  const Splits data = partly_labelled();
  TrainOptions options = quick(3);
  options.labelled_batch = 4;
  auto whole = labelled_model(data), part = labelled_model(data),
       resumed = labelled_model(data, 99);
  train_in(folder("whole"), whole, data, options);
  EXPECT_TRUE(train_in(folder("part"), part, data, options, /*steps=*/7).interrupted);
  resume_in(folder("part"), resumed, data, options);
  expect_same_state(whole, resumed);
  const auto log = log_of(folder("whole"));
  ASSERT_EQ(log.size(), 3u);
  for (size_t i = 0; i < log.size(); ++i) {
    EXPECT_GT(log[i].at("labelled").at("terms").at("H(q(y|x))").get<double>(), 0);
    EXPECT_EQ(log[i].at("labelled"), log_of(folder("part"))[i].at("labelled"));
  }
}

TEST_F(Labels, AreNeitherTakenUpNorLostByAResume) {
  const Splits with = partly_labelled(), without = three_prototypes();
  for (const bool before : {true, false}) {
    auto part = labelled_model(with), resumed = labelled_model(with);
    const auto name = before ? "with" : "without";
    train_in(folder(name), part, before ? with : without, quick(3), /*steps=*/7);
    EXPECT_THROW(resume_in(folder(name), resumed, before ? without : with, quick(3)), Error);
  }
}

TEST_F(Labels, OfMoreClassesThanClustersAreRefused) {
  Splits data = partly_labelled();
  data.labelled.labels[0] = 3;
  auto trained = labelled_model(data);
  EXPECT_THROW(Trainer(trained, data, quick(1), /*seed=*/3), ConfigError);
}

TEST_F(Labels, OfAnotherBudgetOrOtherPointsAreNoticed) {
  Splits data = partly_labelled();
  data.fingerprint.labels = "twelve";
  auto part = labelled_model(data), resumed = labelled_model(data);
  record_data(part, data, 3);
  train_in(folder("a"), part, data, quick(3), /*steps=*/2);
  data.fingerprint.labels = "others";
  EXPECT_THROW(resume_in(folder("a"), resumed, data, quick(3)), DataError);
  // The split follows from the labels, but is not what somebody changed.
  data.fingerprint.all_labels = "fifteen";
  record_data(part, data, 3);
  data.fingerprint.all_labels = "sixteen";
  data.fingerprint.split = "by sixteen";
  try {
    require_same_data(part.provenance, data, 3);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("labels (data.labels) have changed"),
              std::string::npos)
        << error.what();
  }
  auto takes_none = small("cp_vae", data);
  record_data(takes_none, data, 3);
  EXPECT_FALSE(takes_none.provenance.contains("labels"));
  EXPECT_FALSE(takes_none.provenance.contains("all_labels"));
}

using OtherData = Folder;

TEST_F(OtherData, AreRefusedByThePartThatDiffersAlsoWithinTheFirstEpoch) {
  Splits data = three_prototypes();
  data.train.name = "points.csv";
  data.fingerprint = {"96x8 a", "split", "preprocessing", ""};
  auto part = small("vae", data);
  record_data(part, data, 3);
  train_in(folder("a"), part, data, quick(3), /*steps=*/2);  // no model is saved yet
  const auto refusal = [&](const Fingerprint& now, uint64_t seed = 3) {
    Splits others = data;
    others.fingerprint = now;
    auto resumed = small("vae", data);
    Trainer trainer(resumed, others, quick(3), seed);
    try {
      RunFolder(folder("a")).resume(trainer);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("taken");
  };
  EXPECT_EQ(refusal(data.fingerprint), "taken");
  EXPECT_EQ(refusal({}), "taken");  // made in memory: nothing is known of them
  EXPECT_EQ(refusal({"97x8 b", "other", "other", ""}),
            "points.csv no longer holds the points this run was trained on: test points could be "
            "among those trained on; give the old file back, or train anew (96x8 a, now 97x8 b)");
  EXPECT_NE(refusal({"96x8 a", "other", "other", ""}).find("data.validation and data.test"),
            std::string::npos);
  EXPECT_NE(refusal({"96x8 a", "split", "other", ""}).find("data.values"), std::string::npos);
  EXPECT_NE(refusal(data.fingerprint, 4).find("seed is 4"), std::string::npos);
}

TEST_F(OtherData, AreKnownByTheModelIfTheStateIsOfAnEarlierVersion) {
  Splits data = three_prototypes();
  data.fingerprint.values = "96x8 a";
  auto part = small("vae", data), resumed = small("vae", data);
  for (TrainedModel* each : {&part, &resumed}) record_data(*each, data, 3);
  train_in(folder("a"), part, data, quick(3), /*steps=*/7);  // in the second epoch
  TrainingState state = read_checkpoint(folder("a"));
  state.provenance = nullptr;
  write_checkpoint(folder("a"), state);
  data.fingerprint.split = "unknown then";
  EXPECT_EQ(resume_in(folder("a"), resumed, data, quick(3)).epochs, 3);
  data.fingerprint.values = "96x8 b";
  write_checkpoint(folder("a"), state);
  EXPECT_THROW(resume_in(folder("a"), resumed, data, quick(3)), DataError);
}

TEST_F(Folder, WeightsKeepTheStampOfTheirEpochIfEpochsAreNowFewer) {
  const Splits data = three_prototypes();
  TrainOptions options = quick(8);
  auto trained = small("vae", data);
  options.checkpoint_every = 100;
  train_in(folder("a"), trained, data, options);
  // As after a crash: the state is of epoch 2, the best weights of a later one.
  auto two = small("vae", data);
  train_in(folder("two"), two, data, quick(2));
  write_checkpoint(folder("a"), read_checkpoint(folder("two")));
  const TrainedModel saved = load_model(folder("a"), torch::kCPU);
  ASSERT_GT(saved.provenance.at("epoch"), 2);
  auto resumed = small("vae", data);
  const auto summary = resume_in(folder("a"), resumed, data, quick(2));
  EXPECT_EQ(summary.epochs, 2);
  EXPECT_EQ(summary.best_epoch, saved.provenance.at("epoch"));
  EXPECT_EQ(summary.best_bound, saved.provenance.at("bound"));
  EXPECT_EQ(load_model(folder("a"), torch::kCPU).provenance, resumed.provenance);
  EXPECT_EQ(resumed.provenance.at("epoch"), saved.provenance.at("epoch"));
  auto generator = make_generator(derive_seed(3, "validation"));
  EXPECT_NEAR(mean_bound(*resumed.model, data.validation.x, generator).elbo, summary.best_bound,
              1e-6);
}

using Failure = Folder;

TEST_F(Failure, NamesTheTermAndStepThatBecameNaN) {
  const Splits data = three_prototypes();
  auto trained = small("vae", data);
  {
    torch::NoGradGuard no_grad;
    trained.model->named_parameters()["p_x_given_z.logits.bias"].fill_(std::nan(""));
  }
  try {
    train(trained, data, quick(2));
    FAIL();
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("log p(x|z) became NaN or infinite at step 1 "),
              std::string::npos)
        << error.what();
  }
}

TEST_F(Failure, LeavesTheLastGoodCheckpoint) {
  Splits data = three_prototypes();
  data.preprocessing.binarise = false;
  auto trained = small("vae", data);
  train_in(folder("a"), trained, data, quick(1));
  const std::string good = read_file(folder("a") / "checkpoint.safetensors");
  data.train.x[95][0] = std::nan("");
  auto again = small("vae", data);
  EXPECT_THROW(resume_in(folder("a"), again, data, quick(3)), NumericalError);
  EXPECT_EQ(read_file(folder("a") / "checkpoint.safetensors"), good);
}

TEST_F(Failure, RefusesTheCheckpointOfAnotherModel) {
  const Splits data = three_prototypes();
  auto vae = small("vae", data);
  train_in(folder("a"), vae, data, quick(1));
  auto other = small("cp_vae", data);
  EXPECT_THROW(resume_in(folder("a"), other, data, quick(2)), Error);
  EXPECT_THROW(resume_in(folder("empty"), vae, data, quick(2)), Error);
}

TEST_F(Failure, IsNoneWhereTheCheckpointIsOlderThanASetting) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  train_in(folder("a"), trained, data, quick(1));
  const auto path = folder("a") / "checkpoint.safetensors";
  TensorFile file = read_safetensors(path);
  auto state = nlohmann::json::parse(file.metadata);
  ASSERT_EQ(state.at("options").erase("prior_spread"), 1u);
  file.metadata = state.dump();
  write_safetensors(path, file);
  EXPECT_NO_THROW(resume_in(folder("a"), trained, data, quick(2)));
}

// By log 1/S Σ w of all its weights, not by their single draws, whose mean falls as S rises.
TEST_F(Failure, OnWeightsEpochsAreJudgedByTheirOwnBound) {
  const Splits data = three_prototypes();
  for (const char* name : {"vae", "cp_vae"}) {
    auto trained = small(name, data);
    TrainOptions options = quick(4);
    options.objective = "iwae";
    options.samples = 5;
    const auto at = folder(name);
    const auto summary = train_in(at, trained, data, options);
    EXPECT_EQ(summary.best_kind, BoundKind::weighted);
    const auto log = log_of(at);
    double best = -1e9;
    for (const auto& entry : log) {
      const auto& validation = entry.at("validation");
      EXPECT_GT(validation.at("weighted"), validation.at("elbo"));
      best = std::max(best, validation.at("weighted").get<double>());
      EXPECT_FALSE(entry.at("train").contains("weighted"));
    }
    EXPECT_EQ(summary.best_bound, best);
    EXPECT_EQ(trained.provenance.at("weighted_bound"), best);
    EXPECT_FALSE(trained.provenance.contains("bound"));
    {  // Of the weights that were kept, by the definition.
      const EvaluationMode evaluation(*trained.model);
      auto generator = make_generator(derive_seed(3, "other draws"));
      const auto log_w =
          trained.model->log_weights(data.validation.x)(5 * 2000, generator).elbo();  // [S, B]
      const auto f_5 = torch::logsumexp(log_w.reshape({2000, 5, -1}), 1).mean() - std::log(5.0);
      EXPECT_NEAR(best, f_5.item<double>(), 0.15) << name;
    }
    // A run that is taken up keeps them.
    options.epochs = 5;
    auto resumed = small(name, data);
    EXPECT_GE(resume_in(at, resumed, data, options).best_bound, best);
    EXPECT_EQ(resumed.provenance.count("weighted_bound"), 1U);
  }
}

TEST_F(Failure, NamesTheOptionThatCannotBe) {
  const Splits data = three_prototypes();
  auto trained = small("vae", data);
  TrainOptions options = quick(1);
  options.batch = 0;
  EXPECT_THROW(Trainer(trained, data, options, /*seed=*/3), ConfigError);
}

TEST_F(Failure, NamesWhyAnObjectiveIsNotSoundForAModel) {
  const Splits data = three_prototypes();
  const auto why = [&](TrainedModel trained, const std::string& gradient) {
    TrainOptions options = quick(1);
    options.objective = "iwae";
    options.samples = 2;
    options.gradient = gradient;
    try {
      Trainer(trained, data, options, /*seed=*/3).run();
      return std::string();
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
  };
  const auto relaxing =
      make_model("cp_vae", small_options("cp_vae", 3, "gumbel"), data, 3, torch::kCPU);
  const auto sampling =
      make_model("cp_vae", small_options("cp_vae", 7, "sum_and_sample"), data, 3, torch::kCPU);
  EXPECT_NE(why(sampling, "standard").find("\"sum_and_sample\" is biased"), std::string::npos);
  EXPECT_EQ(why(small("cp_vae", data), "standard"), "");
  EXPECT_EQ(why(small("gmvae", data), "standard"), "");  // p(y|z,w) follows by Bayes' rule
  const auto one = make_model("adgm", small_options("adgm", 1), data, 3, torch::kCPU);
  EXPECT_EQ(why(one, "standard"), "");  // the auxiliary VAE: nothing is drawn but Gaussians
  EXPECT_EQ(why(one, "doubly_reparameterised"), "");
  EXPECT_EQ(why(relaxing, "standard"), "");
  EXPECT_EQ(why(small("mog", data), "doubly_reparameterised"), "");
  EXPECT_NE(why(relaxing, "doubly_reparameterised").find("for Gaussians alone"), std::string::npos);
  EXPECT_NE(why(small("cp_vae", data), "doubly_reparameterised").find("for Gaussians alone"),
            std::string::npos);
  for (const char* name : {"vampprior", "lvae", "gmvae"}) {
    EXPECT_NE(why(small(name, data), "doubly_reparameterised").find("p and q share parameters"),
              std::string::npos);
    EXPECT_EQ(why(small(name, data), "standard"), "");
  }
  TrainOptions options;
  options.gradient = "doubly_reparameterised";
  EXPECT_THROW(options.validate(), ConfigError);
}

TEST_F(Failure, NamesASettingOfLabelsThatAModelDoesNotLearnFrom) {
  const Splits data = three_prototypes();
  TrainOptions options = quick(1);
  options.label_weight = 5;
  auto vae = small("vae", data), m2 = small("m2", data);
  EXPECT_NO_THROW(Trainer(m2, data, options, /*seed=*/3));
  try {
    Trainer(vae, data, options, /*seed=*/3);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "train.label_weight is 5.0, but vae does not learn from labels; leave it out");
  }
}

/// Writes down what is said of restarts.
class OfRestarts : public TrainingObserver {
 public:
  void keep_starts(const std::vector<Start>&, int64_t restart) override {
    said += "start " + std::to_string(restart) + " ";
  }
  void choose_restart(int64_t restart, double bound, const std::vector<Start>& starts) override {
    chosen = restart;
    best = bound;
    clusters = starts.size();
  }

  void after_epoch(const EpochLog& log) override { seconds += log.seconds; }

  std::string said;
  int64_t chosen = 0;
  double best = 0, seconds = 0;
  size_t clusters = 0;
};

using Restarts = Folder;

TEST_F(Restarts, AreSaidByTheirNumbersAndTheBestByItsBound) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  TrainOptions options = quick(6);
  options.start = "neighbours";
  options.restarts = 3;
  OfRestarts restarts;
  const auto summary = Trainer(trained, data, options, /*seed=*/3).run({&restarts});
  EXPECT_NEAR(summary.seconds, restarts.seconds, 1e-9);  // also of those that do not go on
  EXPECT_EQ(restarts.said, "start 1 start 2 start 3 ");
  EXPECT_EQ(restarts.clusters, 1U);
  const std::vector<double> bounds = trained.provenance.at("restarts");
  EXPECT_EQ(restarts.best, *std::max_element(bounds.begin(), bounds.end()));
  EXPECT_EQ(bounds.at(static_cast<size_t>(restarts.chosen - 1)), restarts.best);
}

TEST_F(Failure, NamesAFadeInThatTheEpochsDoNotEnd) {
  const Splits data = three_prototypes();
  const auto options = small_options("vlac");
  from_json({{"fade_in", 2}}, *options);
  auto ladder = make_model("vlac", options, data, 3, torch::kCPU);
  EXPECT_NO_THROW(Trainer(ladder, data, quick(4), /*seed=*/3));
  try {
    Trainer(ladder, data, quick(3), /*seed=*/3);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "the levels of vlac take 4 epochs to come in, and train.epochs is 3; raise it or "
                 "lower model.fade_in");
  }
}

/// Of validation points, an epoch each.
struct Bounds : TrainingObserver {
  void after_epoch(const EpochLog& log) override { validation.push_back(log.validation->elbo); }
  std::vector<double> validation;
};

TEST(Ladder, IsNotKeptBeforeAllItsLevelsAreThere) {
  const Splits data = three_prototypes();
  const auto options = small_options("vlac");
  from_json({{"fade_in", 2}}, *options);
  auto ladder = make_model("vlac", options, data, 3, torch::kCPU);
  // So slow that a level does nothing but cost its KL.
  TrainOptions slow = quick(4);
  slow.learning_rate = 1e-7;
  Bounds bounds;
  Trainer(ladder, data, slow, /*seed=*/3).run({&bounds});
  EXPECT_GT(bounds.validation.front(), bounds.validation.back());
  EXPECT_EQ(ladder.provenance.at("epoch"), 4);
}

TEST(Ladder, NamesTheLevelThatAloneHasAStart) {
  const Splits data = three_prototypes();
  auto ladder = small("vlac", data);
  TrainOptions options = quick(4);
  options.start = "neighbours";
  Trainer(ladder, data, options, /*seed=*/3).run();
  const std::string said = ladder.provenance.at("start").at("said");
  EXPECT_EQ(said.find("y2 alone: clusters started from "), 0U) << said;
}

TEST_F(Failure, NamesTheMissingModel) {
  EXPECT_THROW(load_model(folder("a"), torch::kCPU), Error);
}

using EarlyStopping = Folder;

TEST_F(EarlyStopping, CountsFromTheBestEpochPastTheWarmup) {
  const Splits data = three_prototypes();
  auto trained = small("vae", data);
  TrainOptions options = quick(1000);
  options.learning_rate = 1e-30;  // nothing improves after the first epoch
  options.warmup = 5;
  options.early_stopping_patience = 3;
  const auto summary = train(trained, data, options);
  EXPECT_TRUE(summary.stopped_early);
  EXPECT_EQ(summary.best_epoch, 1);
  EXPECT_EQ(summary.epochs, 8);
}

TEST_F(EarlyStopping, IsFollowedByTheCooldown) {
  const Splits data = three_prototypes();
  TrainOptions options = quick(1000);
  options.learning_rate = 1e-30;        // nothing improves after the first epoch
  options.early_stopping_patience = 3;  // so it stalls after 2 + 3 epochs
  options.cooldown = 2;
  auto trained = small("vae", data);
  const int64_t within_the_cooldown = 5 * 5 + 7;
  EXPECT_TRUE(train_in(folder("a"), trained, data, options, within_the_cooldown).interrupted);
  EXPECT_EQ(read_checkpoint(folder("a")).stage, "cooldown");
  EXPECT_EQ(resume_in(folder("a"), trained, data, options).epochs, 7);
  std::vector<double> rates;
  std::vector<std::string> stages;
  for (const auto& entry : log_of(folder("a"))) {
    rates.push_back(entry.at("learning_rate").get<double>() / 1e-30);
    stages.push_back(entry.at("stage"));
  }
  EXPECT_EQ(stages,
            (std::vector<std::string>{"run", "run", "run", "run", "run", "cooldown", "cooldown"}));
  ASSERT_EQ(rates.size(), 7u);
  EXPECT_DOUBLE_EQ(rates[4], 1);
  EXPECT_DOUBLE_EQ(rates[5], 2.0 / 3);
  EXPECT_DOUBLE_EQ(rates[6], 1.0 / 3);

  Trainer again(trained, data, options, 3);
  RunFolder(folder("a")).resume(again);
  EXPECT_TRUE(again.finished());
}

TEST_F(EarlyStopping, JudgesByAsManyPointsAsAsked) {
  Splits data = three_prototypes();
  TrainOptions options = quick(3);
  options.validation_points = 7;
  auto asked = small("cp_vae", data);
  const double bound = train(asked, data, options).best_bound;
  Splits some = data;
  some.validation.x = some_rows(data.validation.x, 7);
  EXPECT_FALSE(torch::equal(some.validation.x, data.validation.x.slice(0, 0, 7)));
  auto drawn = small("cp_vae", data);
  EXPECT_EQ(bound, train(drawn, some, quick(3)).best_bound);

  // A training begun when they were the first goes on by those.
  auto part = small("cp_vae", data), resumed = small("cp_vae", data), first = small("cp_vae", data);
  train_in(folder("a"), part, data, options, /*steps=*/2);
  TrainingState state = read_checkpoint(folder("a"));
  state.validation_drawn = false;
  write_checkpoint(folder("a"), state);
  some.validation.x = data.validation.x.slice(0, 0, 7);
  EXPECT_EQ(resume_in(folder("a"), resumed, data, options).best_bound,
            train(first, some, quick(3)).best_bound);
}

TEST_F(Failure, WeighsTheDrawsOfAStepBeforeTakingThem) {
  const Splits data = three_prototypes();
  auto trained = small("vae", data);
  TrainOptions options = quick(1);
  options.samples = int64_t{1} << 40;
  try {
    Trainer(trained, data, options, 3);
    ADD_FAILURE() << "taken";
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("a step of train.samples = 1099511627776", 0), 0u);
  }
  options.samples = 50;
  EXPECT_NO_THROW(Trainer(trained, data, options, 3));
}

TEST_F(EarlyStopping, TrainsWithoutValidationData) {
  Splits data = three_prototypes();
  data.validation = {};
  auto trained = small("cp_vae", data);
  const auto summary = train(trained, data, quick(3));
  EXPECT_EQ(summary.epochs, 3);
  EXPECT_EQ(summary.best_epoch, 3);
}

const std::string kBias = "p_x_given_z_y.logits.bias";  // a weight of cp_vae

/// A change to a file that keeps it whole.
using Change = std::function<void(TensorFile&, nlohmann::json& description)>;

/// What is said of the file once `change` has been made to it; the file is then as it was before.
std::string said_of(const fs::path& path, const Change& change, const std::function<void()>& use) {
  const std::string good = read_file(path);
  TensorFile file = read_safetensors(path);
  auto description = nlohmann::json::parse(file.metadata);
  change(file, description);
  file.metadata = description.dump();
  write_safetensors(path, file);
  std::string said = "nothing";
  try {
    use();
  } catch (const Error& error) {
    said = error.what();
  }
  write_atomically(path, good);
  return said;
}

TEST_F(Failure, RefusesAModelFileThatIsWholeButWrong) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  train_in(folder("a"), trained, data, quick(1));
  const auto path = folder("a") / "model.safetensors";
  const auto in = [](const std::string& pointer, const nlohmann::json& value) {
    return [=](TensorFile&, nlohmann::json& description) {
      description[nlohmann::json::json_pointer(pointer)] = value;
    };
  };
  const auto fill = [](const std::string& tensor, double value) {
    return [=](TensorFile& file, nlohmann::json&) { file.tensors.at(tensor)[0] = value; };
  };
  const auto shape = [](const std::string& tensor, const std::vector<int64_t>& sizes) {
    return [=](TensorFile& file, nlohmann::json&) { file.tensors[tensor] = torch::ones(sizes); };
  };
  nlohmann::json deep = 1;
  for (int i = 0; i < 5000; ++i) deep = nlohmann::json::array({deep});
  const std::vector<std::pair<std::string, Change>> changes = {
      {"not finite", fill("data.shift", std::nan(""))},
      {"not finite", fill("data.scale", HUGE_VAL)},
      {"not finite", fill(kBias, std::nan(""))},
      {"data.scale", fill("data.scale", 0)},
      {"data.scale", fill("data.scale", -1)},
      {"do not fit", shape("data.scale", {7})},
      {"do not fit", shape("data.shift", {8, 1})},
      {"do not fit", in("/shape", {2, 5})},
      {"do not fit", in("/shape", nlohmann::json::array())},
      {"do not fit", in("/shape", {-8, -1})},
      {"do not fit", in("/shape", std::vector<int64_t>(100'000, 1))},
      {"format 2", in("/format", 2)},
      {"other types", in("/format", "one")},
      {"other types", in("/provenance", "mnist")},
      {"other types", in("/provenance/epoch", "one")},
      {"other types", in("/provenance/fingerprint", 7)},
      {"epoch", in("/provenance/epoch", 0)},
      {"other types", in("/label_names", {1, 2})},
      {"columns", in("/columns", {"a"})},
      {"no_such", in("/model", "no_such")},
      {"clusters", in("/options/clusters", 0)},
      {"more than its tensors", in("/options/latent", int64_t{1} << 40)},
      {"model.layers", in("/options/layers", {int64_t{1} << 40})},
      {"nested", in("/options/deep", deep)},
  };
  for (const auto& [mention, change] : changes) {
    const std::string said = said_of(path, change, [&] { load_model(folder("a"), torch::kCPU); });
    EXPECT_NE(said.find(path.string()), std::string::npos) << mention << ": " << said;
    EXPECT_NE(said.find(mention), std::string::npos) << said;
  }
  EXPECT_NO_THROW(load_model(folder("a"), torch::kCPU));
}

TEST_F(Failure, RefusesACheckpointThatIsWholeButWrong) {
  const Splits data = three_prototypes();
  const TrainOptions options = quick(3);
  auto trained = small("cp_vae", data);
  train_in(folder("a"), trained, data, options, /*steps=*/8);  // within the second epoch
  const auto in = [](const std::string& key, const nlohmann::json& value) {
    return [=](TensorFile&, nlohmann::json& numbers) { numbers[key] = value; };
  };
  const auto put = [](const std::string& name, const torch::Tensor& tensor) {
    return [=](TensorFile& file, nlohmann::json&) { file.tensors[name] = tensor; };
  };
  const std::vector<Change> changes = {
      in("epoch", "one"),
      in("epoch", -1),
      in("position", -5),
      in("position", 97),
      in("best_epoch", 7),
      in("seconds", -1),
      in("steps", -1),
      in("terms", {"one"}),
      in("terms", 1),
      in("provenance", 7),
      in("provenance", {{"seed", "one"}}),
      put("generator", torch::zeros({4}, torch::kUInt8)),
      put("generator", torch::full({5056}, 255, torch::kUInt8)),
      put("epoch.order", torch::arange(1, 97)),
      put("epoch.order", torch::zeros({96}, torch::kInt64)),
      put("epoch.order", torch::arange(96, torch::kFloat32)),
      put("epoch.totals", torch::zeros({1}, torch::kFloat64)),
      put("adam.first_moment", torch::zeros({5})),
      put("adam.second_moment", torch::full({5}, std::nan(""))),
      [](TensorFile& file, nlohmann::json&) { file.tensors.erase("adam.first_moment"); },
      [](TensorFile& file, nlohmann::json&) { file.tensors.at("model." + kBias)[0] = HUGE_VAL; }};
  const auto path = folder("a") / "checkpoint.safetensors";
  for (size_t i = 0; i < changes.size(); ++i) {
    auto resumed = small("cp_vae", data);
    const std::string said =
        said_of(path, changes[i], [&] { resume_in(folder("a"), resumed, data, options); });
    EXPECT_NE(said.find(folder("a").string()), std::string::npos) << i << ": " << said;
  }
  const Change other_best = [](TensorFile& file, nlohmann::json&) {
    file.tensors[kBias] = torch::zeros({3});
  };
  auto resumed = small("cp_vae", data);
  const std::string said = said_of(folder("a") / "model.safetensors", other_best,
                                   [&] { resume_in(folder("a"), resumed, data, options); });
  EXPECT_NE(said.find("model.safetensors: tensor " + kBias), std::string::npos) << said;
  auto good = small("cp_vae", data);
  EXPECT_NO_THROW(resume_in(folder("a"), good, data, options));
}

TEST_F(Failure, AResumeWritesTheNumbersThatLaggedBehind) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  train_in(folder("a"), trained, data, quick(1));
  const std::string behind = read_file(folder("a") / "checkpoint.json");
  auto more = small("cp_vae", data);
  resume_in(folder("a"), more, data, quick(2));
  write_atomically(folder("a") / "checkpoint.json", behind);  // as if killed between the two
  EXPECT_EQ(read_checkpoint_numbers(folder("a")).at("epoch"), 2);
  auto again = small("cp_vae", data);
  resume_in(folder("a"), again, data, quick(2));
  EXPECT_EQ(nlohmann::json::parse(read_file(folder("a") / "checkpoint.json")).at("epoch"), 2);
  fs::remove(folder("a") / "checkpoint.safetensors");
  EXPECT_EQ(read_checkpoint_numbers(folder("a")).at("epoch"), 2);
  EXPECT_TRUE(read_checkpoint_numbers(folder("empty")).empty());
}

TEST_F(Failure, ALogKeepsWhatCanBeReadOfIt) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  train_in(folder("a"), trained, data, quick(2));
  const auto log = folder("a") / "log.jsonl";
  write_atomically(log, R"({"epoch":"one"})"
                        "\n7\n" +
                            read_file(log) + R"({"epoch":3)");
  auto resumed = small("cp_vae", data);
  resume_in(folder("a"), resumed, data, quick(3));
  const std::string text = read_file(log);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
}

TEST_F(Failure, ProvenanceIsThatOfTheWeights) {
  const Splits data = three_prototypes();
  auto trained = small("cp_vae", data);
  trained.provenance["fingerprint"] = "96x8 0123";
  train_in(folder("a"), trained, data, quick(1));
  fs::remove(folder("a") / "model.json");
  EXPECT_EQ(load_model(folder("a"), torch::kCPU).provenance.at("fingerprint"), "96x8 0123");
}

}  // namespace
}  // namespace clade
