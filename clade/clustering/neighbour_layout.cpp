#include "clade/clustering/neighbour_layout.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "clade/clustering/neighbour_graph.h"
#include "clade/clustering/principal_components.h"
#include "clade/core/error.h"
#include "clade/ops/kernels.h"
#include "clade/ops/threads.h"

namespace clade {
namespace {

// Below which neighbours need not get closer. 0 packs clusters, as mixtures want it.
constexpr double kMinDistance = 0;

constexpr int64_t kPushes = 5;  // each time an edge is taken, as in the authors' program

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

// Edges in heaps by the blocks of points that their ends are in. Heaps that share no block can be
// worked on at once, each in its own order, and the numbers do not depend on the threads.
class EdgeHeaps {
 public:
  // Points are dealt to blocks as if at random, so that heaps are alike.
  explicit EdgeHeaps(const NeighbourGraph& graph)
      : blocks_(std::clamp<int64_t>(graph.size() / 512 * 2, 2, 16)),
        begin_(static_cast<size_t>(blocks_ * blocks_) + 1) {
    for_edges(graph,
              [&](int64_t heap, int32_t, size_t) { ++begin_[static_cast<size_t>(heap) + 1]; });
    for (size_t heap = 1; heap < begin_.size(); ++heap) begin_[heap] += begin_[heap - 1];
    head_.resize(graph.weight.size());
    tail_.resize(graph.weight.size());
    share_.resize(graph.weight.size());
    const float most =
        share_.empty() ? 1 : *std::max_element(graph.weight.begin(), graph.weight.end());
    auto next = begin_;
    for_edges(graph, [&](int64_t heap, int32_t head, size_t e) {
      const auto place = static_cast<size_t>(next[static_cast<size_t>(heap)]++);
      head_[place] = head;
      tail_[place] = graph.neighbour[e];
      share_[place] = graph.weight[e] / most;
    });
  }

  // In which no two heaps share a block: first each block's own edges, then those of pairs of
  // blocks, as teams are paired in a tournament in which each meets each.
  int64_t rounds() const { return blocks_; }
  int64_t heaps_in(int64_t round) const { return round == 0 ? blocks_ : blocks_ / 2; }

  int64_t heap(int64_t round, int64_t i) const {
    if (round == 0) return heap_of(i, i);
    const int64_t turning = blocks_ - 1;
    if (i == 0) return heap_of(round - 1, turning);
    return heap_of((round - 1 + i) % turning, (round - 1 - i + turning) % turning);
  }

  void pass(ops::LayoutPass pass, int64_t heap) const {
    pass.head = head_.data();
    pass.tail = tail_.data();
    pass.share = share_.data();
    pass.key = derive_seed(pass.key, std::to_string(pass.number) + "/" + std::to_string(heap));
    ops::kernels().layout_pass(pass, begin_[static_cast<size_t>(heap)],
                               begin_[static_cast<size_t>(heap) + 1]);
  }

 private:
  int64_t block_of(int64_t point) const {
    return static_cast<int64_t>((static_cast<uint64_t>(point) * 0x9e3779b97f4a7c15U >> 33) %
                                static_cast<uint64_t>(blocks_));
  }
  int64_t heap_of(int64_t a, int64_t b) const { return std::min(a, b) * blocks_ + std::max(a, b); }

  template <class F>
  void for_edges(const NeighbourGraph& graph, const F& f) const {
    for (int64_t i = 0; i < graph.size(); ++i) {
      const int64_t block = block_of(i);
      for (auto e = static_cast<size_t>(graph.begin[static_cast<size_t>(i)]);
           e < static_cast<size_t>(graph.begin[static_cast<size_t>(i) + 1]); ++e) {
        f(heap_of(block, block_of(graph.neighbour[e])), static_cast<int32_t>(i), e);
      }
    }
  }

  int64_t blocks_;
  std::vector<int64_t> begin_;  // of each heap's edges
  std::vector<int32_t> head_, tail_;
  std::vector<float> share_;
};

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

// The layout of a graph from given positions, [N, dimensions]: the same sizes.
torch::Tensor laid_out(const NeighbourGraph& graph, const torch::Tensor& start,
                       const LayoutOptions& options, Generator& generator,
                       const Progress& progress) {
  torch::NoGradGuard no_grad;
  const int64_t n = graph.size(), epochs = epochs_of(options, n);
  const auto positions = padded(spread(start.to(torch::kCPU, torch::kFloat32), generator));
  auto before = torch::empty_like(positions);
  const EdgeHeaps edges(graph);
  const LayoutCurve curve = layout_curve(kMinDistance);
  ops::LayoutPass pass{};
  pass.position = positions.data_ptr<float>();
  pass.before = before.data_ptr<float>();
  pass.points = n;
  pass.stride = positions.size(1);
  pass.pushes = kPushes;
  pass.a = static_cast<float>(curve.a);
  pass.b = static_cast<float>(curve.b);
  pass.key = drawn_key(generator);
  for (pass.number = 0; pass.number < epochs; ++pass.number) {
    pass.step = 1 - static_cast<float>(pass.number) / static_cast<float>(epochs);
    before.copy_(positions);
    for (int64_t round = 0; round < edges.rounds(); ++round) {
      parallel_for(edges.heaps_in(round), 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) edges.pass(pass, edges.heap(round, i));
      });
    }
    if (progress) progress(pass.number + 1, epochs);
  }
  return positions.slice(1, 0, start.size(1)).contiguous();
}

// Which share of the time of a layout the search for neighbours takes is not known; it is reported
// as this share of the epochs.
int64_t search_share(int64_t epochs) {
  return epochs / 4;
}

torch::Tensor layout_of_all(const torch::Tensor& x, const LayoutOptions& options,
                            Generator& generator, const Progress& progress) {
  const int64_t epochs = epochs_of(options, x.size(0)), search = search_share(epochs);
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
  const int64_t total = epochs_of(options, points.size(0));
  const auto neighbours =
      nearest_neighbours(x.index_select(0, rest), points, k, [&](int64_t, int64_t) {
        if (progress) progress(search_share(total) + total, search_share(total) + total);
      });
  auto all = torch::empty({x.size(0), options.dimensions}, positions.options());
  all.index_copy_(0, sample, positions);
  all.index_copy_(0, rest, among_neighbours(neighbours, positions));
  return all;
}

}  // namespace clade
