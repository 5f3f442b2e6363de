// What only a machine with a GPU can say; elsewhere these tests are skipped.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/training/trainer.h"

namespace clade {
namespace {

constexpr uint64_t kWeights = 3;

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }

  const torch::Device cuda_{torch::kCUDA, 0};
};

/// Bits of three prototypes with noise, an epoch of four whole batches of 20 and one of 16; of the
/// first six the labels are learned from, if a model does that.
Splits labelled_prototypes(bool labels, const torch::Device& device) {
  auto generator = make_generator(1);
  const auto prototypes = torch::empty({3, 8}).bernoulli_(0.5, generator) * 0.8 + 0.1;
  Splits data;
  Dataset points;
  points.labels = torch::arange(96) % 3;
  points.x = prototypes.index_select(0, points.labels);
  points.rows = torch::arange(96);
  points.shape = {8};
  data.train = points.to(device);
  if (labels) {
    points.x = points.x.slice(0, 0, 6);
    points.labels = points.labels.slice(0, 0, 6);
    points.rows = points.rows.slice(0, 0, 6);
    data.labelled = points.to(device);
  }
  data.preprocessing = {torch::zeros({8}), torch::ones({8}), true};
  return data;
}

TrainOptions three_epochs() {
  TrainOptions options;
  options.epochs = 3;
  options.batch = 20;
  options.learning_rate = 1e-3;
  options.warmup = 2;
  options.early_stopping_patience = 0;
  return options;
}

torch::Tensor all_parameters(Model& model) {
  std::vector<torch::Tensor> parts;
  for (const auto& parameter : model.parameters()) parts.push_back(parameter.detach().reshape(-1));
  return torch::cat(parts).to(torch::kCPU, torch::kFloat64);  // [P]
}

/// Parameters after training.
torch::Tensor parameters_after(const std::string& name, const std::string& estimator,
                               TrainOptions options, const torch::Device& device, bool graph) {
  const Splits data = labelled_prototypes(find_model(name).takes_labels, device);
  auto model = make_model(name, small_options(name, 3, estimator), data, kWeights, device);
  const auto before = all_parameters(*model.model);
  options.cuda_graph = graph;
  const auto summary = Trainer(model, data, options, kWeights).run();
  EXPECT_EQ(summary.not_captured, "");
  const auto after = all_parameters(*model.model);
  EXPECT_GT((after - before).abs().max().item<double>(), 1e-3) << "nothing was learned";
  return after;
}

void expect_same_steps(const std::string& name, const std::string& estimator,
                       const TrainOptions& options) {
  SCOPED_TRACE(name + " " + estimator + " " + options.gradient + " " + options.start);
  const torch::Device cuda(torch::kCUDA, 0);
  const auto launched = parameters_after(name, estimator, options, cuda, false);
  const auto replayed = parameters_after(name, estimator, options, cuda, true);
  EXPECT_LT((launched - replayed).abs().max().item<double>(), 1e-4);
}

TEST_F(Cuda, AReplayedStepIsTheStepWhateverTheModel) {
  for (const ModelEntry& entry : models()) {
    const auto options = to_json(*small_options(entry.name));
    for (const char* estimator : {"exact", "sum_and_sample", "gumbel"}) {
      if (!options.contains("estimator") && std::string(estimator) != "exact") continue;
      try {
        small_options(entry.name, 3, estimator);
      } catch (const ConfigError&) {
        continue;
      }
      expect_same_steps(entry.name, estimator, three_epochs());
    }
  }
}

TEST_F(Cuda, AReplayedStepIsTheStepWhateverTheObjective) {
  for (const char* gradient : {"standard", "doubly_reparameterised"}) {
    TrainOptions options = three_epochs();
    options.objective = "iwae";
    options.gradient = gradient;
    options.samples = 3;
    expect_same_steps("vae", "exact", options);
  }
  TrainOptions options = three_epochs();
  options.start = "neighbours";
  options.start_epochs = 1;
  expect_same_steps("cp_vae", "exact", options);
  expect_same_steps("cagem", "exact", options);
}

/// Mean of every term over the rows, and what it is off by.
std::map<std::string, std::pair<double, double>> means_of(Model& model, const torch::Tensor& x) {
  auto generator = make_generator(5, x.device());
  torch::NoGradGuard no_grad;
  std::map<std::string, std::pair<double, double>> means;
  for (const Term& term : model.bound(x, generator).terms) {
    const auto value = term.value.to(torch::kFloat64);
    const double rows = static_cast<double>(value.numel());
    means[term.name] = {value.mean().item<double>(), value.var().item<double>() / rows};
  }
  return means;
}

TEST_F(Cuda, EveryTermIsTheOneOfTheCpu) {
  for (const ModelEntry& entry : models()) {
    SCOPED_TRACE(entry.name);
    const Splits data = labelled_prototypes(false, torch::kCPU);
    const auto make = [&](const torch::Device& device) {
      auto made = make_model(entry.name, small_options(entry.name), data, kWeights, device);
      made.model->eval();
      return made;
    };
    const auto here = make(torch::kCPU), there = make(cuda_);
    const auto x = (torch::arange(256).unsqueeze(1).bitwise_right_shift(torch::arange(8)) % 2)
                       .to(torch::kFloat32)
                       .repeat({40, 1});  // [10240, 8]
    const auto expected = means_of(*here.model, x);
    for (const auto& [name, mean] : means_of(*there.model, x.to(cuda_))) {
      const auto& [value, variance] = expected.at(name);
      EXPECT_NEAR(mean.first, value, 6 * std::sqrt(mean.second + variance) + 1e-5) << name;
    }
  }
}

}  // namespace
}  // namespace clade
