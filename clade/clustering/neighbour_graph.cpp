#include "clade/clustering/neighbour_graph.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "clade/ops/threads.h"

namespace clade {
namespace {

constexpr int64_t kPointsPerThread = 512;

double strength(double distance, double nearest, double width) {
  return distance > nearest ? std::exp((nearest - distance) / width) : 1.0;
}

// The width at which the strengths of one point's k distances sum to `target`, by bisection.
double width_of(const float* distances, int64_t k, double nearest, double target) {
  constexpr int kSteps = 64;
  constexpr double kClose = 1e-5;
  double low = 0, high = std::numeric_limits<double>::infinity(), width = 1;
  for (int step = 0; step < kSteps; ++step) {
    double sum = 0;
    for (int64_t j = 0; j < k; ++j) sum += strength(distances[j], nearest, width);
    if (std::abs(sum - target) < kClose) break;
    (sum > target ? high : low) = width;
    width = std::isinf(high) ? 2 * width : (low + high) / 2;
  }
  return width;
}

// As in the authors' program: where points crowd, widths do not go to zero.
double least_width(const float* distances, int64_t k, double nearest, double mean_of_all) {
  constexpr double kShare = 1e-3;
  if (nearest == 0) return kShare * mean_of_all;
  double sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += distances[j];
  return kShare * sum / static_cast<double>(k + 1);
}

struct HalfEdge {
  int32_t to;
  float strength;
};

// For each point the strengths of its own neighbours and of those whose neighbour it is.
struct HalfEdges {
  std::vector<int64_t> begin;
  std::vector<HalfEdge> edges;
};

HalfEdges half_edges(const int64_t* indices, const float* strengths, int64_t n, int64_t k) {
  HalfEdges half;
  half.begin.assign(static_cast<size_t>(n) + 1, 0);
  for (int64_t i = 0; i < n * k; ++i) {
    half.begin[static_cast<size_t>(i / k) + 1] += 1;
    half.begin[static_cast<size_t>(indices[i]) + 1] += 1;
  }
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) half.begin[i + 1] += half.begin[i];
  half.edges.resize(static_cast<size_t>(2 * n * k));
  std::vector<int64_t> next(half.begin.begin(), half.begin.end() - 1);
  const auto put = [&](int64_t from, int64_t to, float value) {
    half.edges[static_cast<size_t>(next[static_cast<size_t>(from)]++)] = {static_cast<int32_t>(to),
                                                                          value};
  };
  for (int64_t i = 0; i < n * k; ++i) {
    put(i / k, indices[i], strengths[i]);
    put(indices[i], i / k, strengths[i]);
  }
  return half;
}

}  // namespace

torch::Tensor membership_strengths(const torch::Tensor& distances) {
  const auto given = distances.to(torch::kCPU, torch::kFloat32).contiguous();
  const int64_t n = given.size(0), k = given.size(1);
  const double target = std::log2(static_cast<double>(k + 1));
  const double mean =
      n == 0 ? 0 : given.sum(torch::kFloat64).item<double>() / static_cast<double>(n * (k + 1));
  auto strengths = torch::empty_like(given);
  const auto* from = given.data_ptr<float>();
  auto* to = strengths.data_ptr<float>();
  parallel_for(n, kPointsPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* d = from + i * k;
      const float* first = std::find_if(d, d + k, [](float one) { return one > 0; });
      const double nearest = first == d + k ? 0 : *first;
      const double width =
          std::max(width_of(d, k, nearest, target), least_width(d, k, nearest, mean));
      for (int64_t j = 0; j < k; ++j) {
        to[i * k + j] = static_cast<float>(strength(d[j], nearest, width));
      }
    }
  });
  return strengths;
}

NeighbourGraph neighbour_graph(const Neighbours& neighbours) {
  const auto indices = neighbours.indices.to(torch::kCPU).contiguous();
  const auto strengths = membership_strengths(neighbours.distances);
  const int64_t n = indices.size(0), k = indices.size(1);
  HalfEdges half = half_edges(indices.data_ptr<int64_t>(), strengths.data_ptr<float>(), n, k);
  NeighbourGraph graph;
  graph.begin = {0};
  graph.neighbour.reserve(half.edges.size());
  graph.weight.reserve(half.edges.size());
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    const auto begin = half.edges.begin() + half.begin[i],
               end = half.edges.begin() + half.begin[i + 1];
    std::sort(begin, end, [](const HalfEdge& a, const HalfEdge& b) { return a.to < b.to; });
    for (auto edge = begin; edge != end; ++edge) {
      float weight = edge->strength;
      if (edge + 1 != end && (edge + 1)->to == edge->to) {
        const float other = (++edge)->strength;
        weight += other - weight * other;
      }
      if (!(weight > 0)) continue;
      graph.neighbour.push_back(edge->to);
      graph.weight.push_back(weight);
    }
    graph.begin.push_back(static_cast<int64_t>(graph.weight.size()));
  }
  return graph;
}

}  // namespace clade
