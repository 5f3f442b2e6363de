// Times what users wait for: a training step, importance-weighted evaluation, clustering; the
// matrix products of a step alone, which nothing built on them can beat; and networks of
// convolutions, forward and backward. benchmarks/run puts eager PyTorch beside it.
// `clade_benchmark --first_step=CASE` takes one step and ends; `--threads=N` comes before all else.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "clade/core/memory.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/nets/conditional.h"
#include "clade/ops/gemm.h"
#include "clade/ops/threads.h"
#include "clade/training/trainer.h"

namespace clade {
namespace {

constexpr int64_t kFeatures = 784;
constexpr int64_t kBatch = 100;

/// A product of a step: rows [n, in] by weights [in, out], and whether gradients go on to the rows.
struct Layer {
  int64_t rows, in, out;
  bool first = false;
};

struct Case {
  std::string name;
  std::string model;
  nlohmann::json settings;
  std::vector<Layer> layers;
};

std::vector<Layer> vae_layers() {
  constexpr int64_t B = kBatch;
  return {{B, 784, 600, true}, {B, 300, 600}, {B, 300, 40}, {B, 300, 40},
          {B, 40, 600},        {B, 300, 600}, {B, 300, 784}};
}

std::vector<Layer> cp_vae_layers(int64_t K) {
  constexpr int64_t B = kBatch;
  return {{B, 784, 600, true}, {B, 300, 600},     {B, 300, K},      {B, 300, 40},
          {B, 300, 40},        {K, K, 40, true},  {K, K, 40, true}, {K * B, 40, 600},
          {K, K, 600, true},   {K * B, 300, 600}, {K * B, 300, 784}};
}

std::vector<Layer> cagem_layers(int64_t K) {
  constexpr int64_t B = kBatch;
  const int64_t KB = K * B;
  return {{B, 784, 1024, true}, {B, 1024, 512},     {B, 512, 64},    {B, 512, 64},  // q(z1|x)
          {B, 784, 1024, true}, {B, 64, 1024},      {B, 1024, 512},  {B, 512, K},   // q(y|z1,x)
          {B, 784, 1024, true}, {K, K, 1024, true}, {B, 64, 1024},   {KB, 1024, 512},
          {KB, 512, 32},        {KB, 512, 32},                     // q(z2|x,y,z1)
          {KB, 32, 1024},       {KB, 1024, 512},    {KB, 512, K},  // p(y|z2)
          {K, K, 1024, true},   {KB, 32, 1024},     {KB, 1024, 512}, {KB, 512, 64},
          {KB, 512, 64},                                                               // p(z1|y,z2)
          {K, K, 1024, true},   {B, 64, 1024},      {KB, 1024, 512}, {KB, 512, 784}};  // p(x|y,z1)
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"vae", "vae", nlohmann::json::object(), vae_layers()},
      {"cp_vae_10", "cp_vae", {{"clusters", 10}}, cp_vae_layers(10)},
      {"cp_vae_150", "cp_vae", {{"clusters", 150}}, cp_vae_layers(150)},
      {"cp_vae_500", "cp_vae", {{"clusters", 500}}, cp_vae_layers(500)},
      {"cagem", "cagem", {{"clusters", 10}}, cagem_layers(10)},
  };
  return all;
}

// Made once: a benchmark runs as often as it takes to time it, and a second copy made while the
// first is freed would count as its peak memory.
const Splits& grey_levels(int64_t points) {
  static std::map<int64_t, Splits> made;
  Splits& data = made[points];
  if (data.train.x.defined()) return data;
  auto generator = make_generator(1);
  data.train.name = "noise";
  data.train.x = torch::empty({points, kFeatures}).uniform_(0, 1, generator).square_();
  data.train.shape = {28, 28};
  data.preprocessing = {torch::zeros({kFeatures}), torch::ones({kFeatures}), /*binarise=*/true};
  return data;
}

TrainedModel make(const Case& c, const Splits& data, const std::string& estimator = "exact") {
  auto options = find_model(c.model).options();
  auto settings = c.settings;
  if (estimator != "exact") settings["estimator"] = estimator;
  from_json(settings, *options);
  return make_model(c.model, options, data, /*seed=*/1, torch::kCPU);
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

class StopWhenDone : public TrainingObserver {
 public:
  explicit StopWhenDone(std::function<bool()> go_on) : go_on_(std::move(go_on)) {}
  bool after_step(const TrainingProgress&) override { return go_on_(); }

 private:
  std::function<bool()> go_on_;
};

/// Takes training steps for as long as `go_on` says so, which is asked after each.
void train(const Case& c, const std::string& precision, const std::string& estimator,
           const std::function<bool()>& go_on) {
  const Splits& data = grey_levels(50000);
  TrainedModel trained = make(c, data, estimator);
  TrainOptions options;
  options.batch = kBatch;
  options.precision = precision;
  StopWhenDone observer(go_on);
  Trainer(trained, data, options, /*seed=*/1).run({&observer});
}

void train_step(benchmark::State& state, const Case& c, const std::string& precision,
                const std::string& estimator) {
  int warm = 3;
  train(c, precision, estimator, [&] { return warm-- > 0 || state.KeepRunning(); });
  state.counters["peak_mib"] = peak_mib();
}

void evaluate(benchmark::State& state, const Case& c, const std::string& precision,
              const std::string&) {
  const Splits& data = grey_levels(100);
  TrainedModel trained = make(c, data);
  auto generator = make_generator(2);
  const auto x = present(data.train.x, true, generator);
  const PrecisionScope scope(precision_for("precision", precision, torch::kCPU));
  for (auto _ : state) {
    benchmark::DoNotOptimize(log_likelihood_per_point(*trained.model, x, 1000, generator));
  }
  state.counters["peak_mib"] = peak_mib();
}

void cluster(benchmark::State& state, const Case& c, const std::string&, const std::string&) {
  const Splits& data = grey_levels(c.model == "cagem" ? 1000 : 10000);
  TrainedModel trained = make(c, data);
  auto generator = make_generator(2);
  const auto x = present(data.train.x, true, generator);
  const EvaluationMode evaluation(*trained.model);
  for (auto _ : state) {
    for (int64_t start = 0; start < x.size(0); start += 1000) {
      benchmark::DoNotOptimize(
          trained.model->cluster_probabilities(x.slice(0, start, start + 1000), generator));
    }
  }
  state.counters["peak_mib"] = peak_mib();
}

/// The products of one training step, and no more: forward, and both of the backward pass.
void limit(benchmark::State& state, const Case& c, const std::string& precision,
           const std::string&) {
  const auto type = precision == "bf16" ? torch::kBFloat16 : torch::kFloat32;
  double flop = 0;
  std::vector<std::function<void()>> products;
  for (const Layer& layer : c.layers) {
    const auto x = torch::zeros({layer.rows, layer.in}, type);
    const auto w = torch::zeros({layer.out, layer.in}, type);
    const auto y = torch::zeros({layer.rows, layer.out}, type);
    const auto to_w = torch::zeros({layer.out, layer.in});
    const auto to_x = torch::zeros({layer.rows, layer.in}, type);
    products.emplace_back([=] { ops::gemm(y, x, w.t()); });
    products.emplace_back([=] { ops::gemm(to_w, y.t(), x); });
    if (!layer.first) products.emplace_back([=] { ops::gemm(to_x, y, w); });
    flop += 2.0 * static_cast<double>(layer.rows * layer.in * layer.out) * (layer.first ? 2 : 3);
  }
  for (auto _ : state) {
    for (const auto& product : products) product();
  }
  state.counters["flop"] = flop;
}

/// From images to a latent and back.
struct Network {
  std::string name;
  std::vector<int64_t> image;
  TrunkOptions trunk;
  int64_t latent, batch;
  std::string likelihood;
};

const std::vector<Network>& networks() {
  static const std::vector<Network> all = {
      // GMVAE's on MNIST (Dilokthanakul et al. 2016, table A.2).
      {"gmvae_mnist",
       {28, 28},
       {"dense", {"16c6", "32c6", "64c4s2", "500"}, "relu", true},
       200,
       50,
       "bernoulli"},
      // VLAC's on SVHN, its four levels in a row (Willetts, Roberts & Holmes 2019).
      {"vlac_svhn",
       {32, 32, 3},
       {"dense",
        {"64c4s2p1", "64c4same", "128c4s2p1", "128c4same", "256c4s2p1", "256c4same", "1024c4s2p1",
         "1024c4same"},
        "leaky_relu",
        true},
       10,
       100,
       "discretised_logistic"},
  };
  return all;
}

/// log p(x|z) and its gradients, of a batch that is there.
void network_step(benchmark::State& state, const Network& network, const std::string& precision) {
  auto generator = make_generator(1);
  const Parent x = data_parent(network.image);
  GaussianConditional q_z(Parents{x}, network.trunk, network.latent, LogVarianceRange{}, generator);
  Likelihood p_x(network.likelihood, Parents{{"z", network.latent}}, network.trunk, x, generator);
  const auto images = torch::empty({network.batch, x.width}).uniform_(0, 1, generator).square_();
  auto parameters = q_z->parameters();
  for (const auto& parameter : p_x->parameters()) parameters.push_back(parameter);
  const PrecisionScope scope(precision_for("precision", precision, torch::kCPU));
  for (auto _ : state) {
    for (auto& parameter : parameters) parameter.mutable_grad().reset();
    p_x(q_z(images).rsample(generator))->log_prob(images).mean().backward();
  }
  state.counters["peak_mib"] = peak_mib();
}

using Measured = void (*)(benchmark::State&, const Case&, const std::string&, const std::string&);

void add(const std::string& what, Measured f, const Case& c, const std::string& precision,
         const std::string& estimator = "exact") {
  std::string name = what + "/" + c.name + "/" + precision;
  if (estimator != "exact") name += "/" + estimator;
  benchmark::RegisterBenchmark(
      name.c_str(), [=, &c](benchmark::State& state) { f(state, c, precision, estimator); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

void add_all() {
  for (const Case& c : cases()) {
    for (const std::string precision : {"fp32", "bf16"}) {
      add("limit", limit, c, precision);
      add("train_step", train_step, c, precision);
      add("evaluate", evaluate, c, precision);
      if (c.model == "cp_vae") add("train_step", train_step, c, precision, "sum_and_sample");
    }
    if (c.model != "vae") add("cluster", cluster, c, "fp32");
  }
  for (const Network& network : networks()) {
    for (const std::string precision : {"fp32", "bf16"}) {
      const std::string name = "network_step/" + network.name + "/" + precision;
      benchmark::RegisterBenchmark(
          name.c_str(),
          [=, &network](benchmark::State& state) { network_step(state, network, precision); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace
}  // namespace clade

int main(int argc, char** argv) {
  clade::keep_freed_memory();
  const std::string_view threads = "--threads=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(threads)) {
    clade::use_threads(std::atoll(argv[1] + threads.size()));
    argv[1] = argv[0];
    ++argv;
    --argc;
  } else {
    clade::use_threads(0);
  }
  const std::string first = argc > 1 ? argv[1] : "";
  const std::string flag = "--first_step=";
  if (first.rfind(flag, 0) == 0) {
    for (const clade::Case& c : clade::cases()) {
      if (c.name == first.substr(flag.size())) {
        clade::train(c, "fp32", "exact", [] { return false; });
        return 0;
      }
    }
    std::fprintf(stderr, "clade_benchmark: no case %s\n", first.c_str() + flag.size());
    return 2;
  }
  clade::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
