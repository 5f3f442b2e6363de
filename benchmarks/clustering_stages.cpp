// What each stage from points to clusters costs: principal components, the search for neighbours
// alone, the layout (with a search of its own) and the mixture. Prints seconds, processor seconds
// and the peak memory of the process so far, one line a stage.
//
//   clustering_stages [--data FILE [--rows N]] [--points N] [--features D] [--clusters K] [--seed
//   S]
//                     [--threads T] [--out FOLDER]
//
// Without FILE the points are drawn: curved sheets of eight dimensions in D. With FOLDER the codes
// and the responsibilities are left there as .npy, to be scored.
#include <sys/resource.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "clade/clustering/mixture.h"
#include "clade/clustering/nearest_neighbours.h"
#include "clade/clustering/neighbour_layout.h"
#include "clade/clustering/principal_components.h"
#include "clade/core/memory.h"
#include "clade/data/points.h"
#include "clade/formats/npy.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

struct Arguments {
  std::string data, out;
  int64_t rows = 0, points = 10000, features = 784, components = 50, neighbours = 15;
  int64_t dimensions = 10, most_points = LayoutOptions{}.most_points, clusters = 10, threads = 0;
  uint64_t seed = 1;
};

torch::Tensor drawn_points(const Arguments& arguments, Generator& generator) {  // [N, D]
  constexpr int64_t kSheet = 8;
  const auto normal = [&](int64_t rows, int64_t columns) {
    return torch::empty({rows, columns}).normal_(0, 1, generator);
  };
  std::vector<torch::Tensor> sheets;
  for (int64_t k = 0; k < arguments.clusters; ++k) {
    const int64_t n = (arguments.points + k) / arguments.clusters;
    const auto place = torch::mm(normal(n, kSheet), normal(kSheet, arguments.features) / kSheet);
    sheets.push_back(torch::tanh(place + normal(1, arguments.features)));
  }
  return torch::cat(sheets);
}

torch::Tensor points_of(const Arguments& arguments, Generator& generator) {
  if (arguments.data.empty()) return drawn_points(arguments, generator);
  auto values = read_points(arguments.data, "").values;
  if (values.scalar_type() == torch::kUInt8) values = values.to(torch::kFloat32) / 255;
  return arguments.rows > 0 ? values.slice(0, 0, arguments.rows).clone() : values;
}

double processor_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

double peak_mib() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

template <class F>
auto measured(const char* stage, const F& f) {
  const auto start = std::chrono::steady_clock::now();
  const double used = processor_seconds();
  const auto result = f();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  std::printf("%-22s %8.2f s %8.2f s of processors %8.0f MiB\n", stage, wall.count(),
              processor_seconds() - used, peak_mib());
  std::fflush(stdout);
  return result;
}

void run(const Arguments& arguments) {
  auto generator = make_generator(arguments.seed);
  const auto x = measured("points", [&] { return points_of(arguments, generator); });
  std::printf("%lld points of %lld features\n", static_cast<long long>(x.size(0)),
              static_cast<long long>(x.size(1)));
  const auto codes = measured("principal components", [&] {
    return principal_components(x, arguments.components, generator).project(x);
  });
  measured("nearest neighbours",
           [&] { return nearest_neighbours(codes, arguments.neighbours).distances; });
  LayoutOptions layout;
  layout.neighbours = arguments.neighbours;
  layout.dimensions = arguments.dimensions;
  layout.most_points = arguments.most_points;
  const auto places =
      measured("layout, with search", [&] { return neighbour_layout(codes, layout, generator); });
  const auto mixture =
      measured("mixture", [&] { return fit_mixture(places, arguments.clusters, {}, generator); });
  std::printf("log-likelihood %.4f after %lld iterations\n", mixture.log_likelihood,
              static_cast<long long>(mixture.iterations));
  if (arguments.out.empty()) return;
  write_npy(arguments.out + "/components.npy", codes);
  write_npy(arguments.out + "/layout.npy", places);
  write_npy(arguments.out + "/responsibilities.npy", mixture.responsibilities(places));
}

}  // namespace
}  // namespace clade

int main(int argc, char** argv) {
  clade::Arguments arguments;
  CLI::App app("What each stage from points to clusters costs.");
  app.add_option("--data", arguments.data);
  app.add_option("--rows", arguments.rows);
  app.add_option("--points", arguments.points);
  app.add_option("--features", arguments.features);
  app.add_option("--components", arguments.components);
  app.add_option("--neighbours", arguments.neighbours);
  app.add_option("--dimensions", arguments.dimensions);
  app.add_option("--most-points", arguments.most_points);
  app.add_option("--clusters", arguments.clusters);
  app.add_option("--threads", arguments.threads);
  app.add_option("--seed", arguments.seed);
  app.add_option("--out", arguments.out);
  CLI11_PARSE(app, argc, argv);
  clade::keep_freed_memory();
  clade::use_threads(arguments.threads);
  try {
    clade::run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "clustering_stages: %s\n", error.what());
    return 2;
  }
  return 0;
}
