#include "clade/clustering/neighbour_layout.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/clustering/principal_components.h"
#include "clade/core/error.h"
#include "clade/ops/kernels.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

// Pushes an edge and epoch, as in the authors' program. An epoch is two passes: in each an edge
// pulls at both its ends.
constexpr int64_t kPushes = 5;

int64_t epochs_of(const LayoutOptions& options, int64_t points) {
  if (options.epochs > 0) return options.epochs;
  return points <= 10000 ? 500 : 200;
}

// Rows with zeros up to a whole number of kLayoutLanes: [N, d] -> [N, stride].
torch::Tensor padded(const torch::Tensor& positions) {
  const int64_t d = positions.size(1), lanes = ops::kLayoutLanes;
  auto rows = torch::zeros({positions.size(0), (d + lanes - 1) / lanes * lanes});
  rows.slice(1, 0, d).copy_(positions);
  return rows;
}

// Each coordinate from 0 to 10, with some noise that parts points at one place.
torch::Tensor spread(const torch::Tensor& start, Generator& generator) {
  constexpr double kSide = 10, kNoise = 1e-4;
  const auto low = start.amin(0), extent = start.amax(0) - low;
  const auto unit = (start - low) / torch::where(extent > 0, extent, torch::ones_like(extent));
  return kSide * unit + torch::empty_like(unit).normal_(0, kNoise, generator);
}

// The first principal components; random numbers for those that the data do not have.
torch::Tensor start_of(const torch::Tensor& x, int64_t dimensions, Generator& generator) {
  const auto first = principal_components(x, dimensions, generator).project(x).to(torch::kCPU);
  if (first.size(1) == dimensions) return first;
  const auto more = torch::empty({x.size(0), dimensions - first.size(1)});
  return torch::cat({first, more.normal_(0, 1, generator)}, 1);
}

std::vector<float> shares_of(const NeighbourGraph& graph) {
  std::vector<float> shares = graph.weight;
  const float most = shares.empty() ? 1 : *std::max_element(shares.begin(), shares.end());
  for (float& share : shares) share /= most;
  return shares;
}

uint64_t drawn_key(Generator& generator) {
  const auto key = torch::empty({1}, torch::kInt64).random_(generator);
  return static_cast<uint64_t>(key.item<int64_t>());
}

// The rows of [0, n) that `rows`, [S], lacks.
torch::Tensor other_rows(const torch::Tensor& rows, int64_t n) {
  auto free = torch::ones({n}, rows.options().dtype(torch::kBool));
  free.index_fill_(0, rows, false);
  return free.nonzero().squeeze(1);
}

// Means of the neighbours' positions, weighted by strength: [Q, d].
torch::Tensor among_neighbours(const Neighbours& neighbours, const torch::Tensor& positions) {
  const auto strengths = membership_strengths(neighbours.distances).to(positions.device());
  const int64_t k = neighbours.indices.size(1);
  auto sum = torch::zeros({strengths.size(0), positions.size(1)}, positions.options());
  for (int64_t j = 0; j < k; ++j) {
    sum +=
        strengths.slice(1, j, j + 1) * positions.index_select(0, neighbours.indices.select(1, j));
  }
  return sum / strengths.sum(1, true);
}

// Which share of the time of a layout the search for neighbours takes is not known; it is reported
// as this share of the epochs.
constexpr int64_t kSearchShare = 4;

torch::Tensor layout_of_all(const torch::Tensor& x, const LayoutOptions& options,
                            Generator& generator, const Progress& progress) {
  const int64_t epochs = epochs_of(options, x.size(0)), search = epochs / kSearchShare;
  const auto report = [&](int64_t done) {
    if (progress) progress(done, search + epochs);
  };
  const int64_t k = std::min(options.neighbours, x.size(0) - 1);
  const auto neighbours =
      nearest_neighbours(x, k, [&](int64_t done, int64_t total) { report(search * done / total); });
  return laid_out(neighbour_graph(neighbours), start_of(x, options.dimensions, generator), options,
                  generator, [&](int64_t done, int64_t) { report(search + done); })
      .to(x.device());
}

}  // namespace

LayoutCurve layout_curve(double min_distance) {
  constexpr int64_t kDistances = 300;
  const auto d = torch::linspace(0, 3, kDistances, torch::kFloat64);
  const auto wanted = torch::where(d < min_distance, torch::ones_like(d), (min_distance - d).exp());
  const auto curve = [&](double a, double b) { return 1 / (1 + a * d.pow(2 * b)); };
  const auto loss = [&](double a, double b) {
    return (curve(a, b) - wanted).square().sum().item<double>();
  };
  // Gauss-Newton with Levenberg's damping.
  LayoutCurve best{1, 1};
  double damping = 1e-2;
  const auto log_square = d.clamp_min(1e-12).log() * 2;
  for (int step = 0; step < 200 && damping < 1e12; ++step) {
    const auto y = curve(best.a, best.b), slope = -y.square() * d.pow(2 * best.b);
    const auto jacobian = torch::stack({slope, best.a * slope * log_square}, 1);
    const auto normal = torch::mm(jacobian.t(), jacobian);
    const auto gradient = torch::mv(jacobian.t(), wanted - y);
    const auto change = torch::linalg_solve(normal + damping * torch::diag(normal.diagonal()),
                                            gradient.unsqueeze(1));
    const double a = best.a + change[0].item<double>(), b = best.b + change[1].item<double>();
    const bool better = loss(a, b) < loss(best.a, best.b);
    if (better) best = {a, b};
    damping *= better ? 0.3 : 10;
  }
  return best;
}

torch::Tensor laid_out(const NeighbourGraph& graph, const torch::Tensor& start,
                       const LayoutOptions& options, Generator& generator,
                       const Progress& progress) {
  torch::NoGradGuard no_grad;
  const int64_t n = graph.size(), epochs = epochs_of(options, n);
  auto from = padded(spread(start.to(torch::kCPU, torch::kFloat32), generator));
  auto to = torch::empty_like(from);
  const auto shares = shares_of(graph);
  const LayoutCurve curve = layout_curve(options.min_distance);
  const uint64_t key = drawn_key(generator);
  for (int64_t number = 0; number < 2 * epochs; ++number) {
    const int64_t pushes = number % 2 == 0 ? kPushes / 2 : kPushes - kPushes / 2;
    const auto step = 1 - static_cast<double>(number / 2) / static_cast<double>(epochs);
    const ops::LayoutPass pass{graph.begin.data(),
                               graph.neighbour.data(),
                               shares.data(),
                               from.data_ptr<float>(),
                               to.data_ptr<float>(),
                               n,
                               from.size(1),
                               number,
                               pushes,
                               static_cast<float>(curve.a),
                               static_cast<float>(curve.b),
                               static_cast<float>(step),
                               derive_seed(key, std::to_string(number))};
    constexpr int64_t kPoints = 256;  // a thread takes at least
    parallel_for(n, kPoints,
                 [&](int64_t begin, int64_t end) { ops::kernels().layout_pass(pass, begin, end); });
    std::swap(from, to);
    if (progress && number % 2 == 1) progress(number / 2 + 1, epochs);
  }
  return from.slice(1, 0, start.size(1)).contiguous();
}

torch::Tensor neighbour_layout(const torch::Tensor& x, const LayoutOptions& options,
                               Generator& generator, const Progress& progress) {
  torch::NoGradGuard no_grad;
  if (x.size(0) < 2) throw Error("a layout needs two points at least");
  if (x.size(0) <= options.most_points) return layout_of_all(x, options, generator, progress);
  const auto order = torch::randperm(x.size(0), generator, torch::kInt64).to(x.device());
  const auto sample = std::get<0>(order.slice(0, 0, options.most_points).sort());
  const auto rest = other_rows(sample, x.size(0));
  const auto points = x.index_select(0, sample);
  const auto positions = layout_of_all(points, options, generator, progress);
  const int64_t k = std::min(options.neighbours, points.size(0));
  const auto neighbours = nearest_neighbours(x.index_select(0, rest), points, k);
  auto all = torch::empty({x.size(0), options.dimensions}, positions.options());
  all.index_copy_(0, sample, positions);
  all.index_copy_(0, rest, among_neighbours(neighbours, positions));
  return all;
}

}  // namespace clade
