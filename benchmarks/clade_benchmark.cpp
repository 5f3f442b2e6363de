// Times what users wait for: a training step, importance-weighted evaluation, clustering; and the
// matrix products of a step alone, which nothing built on them can beat. Models with convolutions
// take training steps only. benchmarks/run puts eager PyTorch beside it.
// `clade_benchmark --first_step=CASE` takes one step and ends; `--threads=N` comes before all else,
// or `--device=cuda`, on which training steps alone are timed.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "clade/core/memory.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/models/evaluation_mode.h"
#include "clade/ops/gemm.h"
#include "clade/ops/threads.h"
#include "clade/training/trainer.h"

namespace clade {
namespace {

constexpr int64_t kBatch = 100;

torch::Device device = torch::kCPU;

/// A product of a step: rows [n, in] by weights [in, out], and whether gradients go on to the rows.
struct Layer {
  int64_t rows, in, out;
  bool first = false;
};

struct Case {
  std::string name;
  std::string model;
  nlohmann::json settings;
  std::vector<Layer> layers = {};         ///< None if there are convolutions.
  std::vector<int64_t> image = {28, 28};  ///< Grey levels become bits, colours do not.
  int64_t points = 50000, batch = kBatch, samples = 1;
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

/// experiments/gmvae, row mnist-10-1; with 10 draws of z and w, mnist-10-10.
Case gmvae_mnist(const std::string& name, int64_t draws) {
  return {.name = name,
          .model = "gmvae",
          .settings = {{"layers", {"16c6", "32c6", "64c4s2p1", "500"}}, {"clusters", 10}},
          .batch = 50,
          .samples = draws};
}

/// experiments/vlac, row 1-1-50-1 of SVHN. Of colour images fewer are kept in memory.
Case vlac_svhn() {
  return {.name = "vlac_svhn",
          .model = "vlac",
          .settings = {{"layers",
                        {"64c4s2p1 64c4same", "128c4s2p1 128c4same", "256c4s2p1 256c4same",
                         "1024 1024"}},
                       {"latents", {5, 5, 5, 10}},
                       {"clusters", {1, 1, 50, 1}},
                       {"estimator", "gumbel"},
                       {"likelihood", "discretised_logistic"}},
          .image = {32, 32, 3},
          .points = 10000};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"vae", "vae", nlohmann::json::object(), vae_layers()},
      {"cp_vae_10", "cp_vae", {{"clusters", 10}}, cp_vae_layers(10)},
      {"cp_vae_150", "cp_vae", {{"clusters", 150}}, cp_vae_layers(150)},
      {"cp_vae_500", "cp_vae", {{"clusters", 500}}, cp_vae_layers(500)},
      {"cagem", "cagem", {{"clusters", 10}}, cagem_layers(10)},
      gmvae_mnist("gmvae_mnist", 1),
      gmvae_mnist("gmvae_mnist_10", 10),
      vlac_svhn(),
  };
  return all;
}

bool has_convolutions(const Case& c) {
  return c.layers.empty();
}

// Made once: a benchmark runs as often as it takes to time it, and a second copy made while the
// first is freed would count as its peak memory.
const Splits& images(const Case& c, int64_t points) {
  static std::map<std::pair<std::vector<int64_t>, int64_t>, Splits> made;
  Splits& data = made[{c.image, points}];
  if (data.train.x.defined()) return data;
  auto generator = make_generator(1);
  const int64_t features = c10::multiply_integers(c.image);
  const bool is_grey = c.image.size() == 2;
  data.train.name = "noise";
  data.train.x = torch::empty({points, features}).uniform_(0, 1, generator).square_();
  data.train.shape = c.image;
  data.train = data.train.to(device);
  data.preprocessing = {torch::zeros({features}), torch::ones({features}), /*binarise=*/is_grey};
  return data;
}

TrainedModel make(const Case& c, const Splits& data, const std::string& estimator = "exact") {
  auto options = find_model(c.model).options();
  auto settings = c.settings;
  if (estimator != "exact") settings["estimator"] = estimator;
  from_json(settings, *options);
  return make_model(c.model, options, data, /*seed=*/1, device);
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
  const Splits& data = images(c, c.points);
  TrainedModel trained = make(c, data, estimator);
  TrainOptions options;
  options.batch = c.batch;
  options.samples = c.samples;
  options.precision = precision;
  StopWhenDone observer(go_on);
  Trainer(trained, data, options, /*seed=*/1).run({&observer});
}

void train_step(benchmark::State& state, const Case& c, const std::string& precision,
                const std::string& estimator) {
  // A GPU's steps are only asked for: it is waited for once in a hundred, not after each.
  const int64_t between = device.is_cuda() ? 100 : 1;
  int64_t left = 3 * between;
  train(c, precision, estimator, [&] {
    if (--left > 0) return true;
    if (device.is_cuda()) torch::cuda::synchronize();
    left = between;
    return state.KeepRunningBatch(between);
  });
  state.counters["peak_mib"] = peak_mib();
}

void evaluate(benchmark::State& state, const Case& c, const std::string& precision,
              const std::string&) {
  const Splits& data = images(c, 100);
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
  const Splits& data = images(c, c.model == "cagem" ? 1000 : 10000);
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
    if (device.is_cuda()) {
      for (const char* precision : {"fp32", "tf32", "bf16"}) {
        add("train_step", train_step, c, precision);
      }
      continue;
    }
    for (const std::string precision : {"fp32", "bf16"}) {
      add("train_step", train_step, c, precision);
      if (has_convolutions(c)) continue;
      add("limit", limit, c, precision);
      add("evaluate", evaluate, c, precision);
      if (c.model == "cp_vae") add("train_step", train_step, c, precision, "sum_and_sample");
    }
    if (c.model != "vae" && !has_convolutions(c)) add("cluster", cluster, c, "fp32");
  }
}

}  // namespace
}  // namespace clade

int main(int argc, char** argv) {
  clade::keep_freed_memory();
  const auto take = [&](std::string_view flag) -> const char* {  // what follows it, or null
    if (argc < 2 || !std::string_view(argv[1]).starts_with(flag)) return nullptr;
    const char* value = argv[1] + flag.size();
    argv[1] = argv[0];
    ++argv;
    --argc;
    return value;
  };
  const char* threads = take("--threads=");
  clade::use_threads(threads != nullptr ? std::atoll(threads) : 0);
  if (take("--device=cuda") != nullptr) clade::device = torch::Device(torch::kCUDA, 0);
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
