#include "clade/clustering/nearest_neighbours.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "clade/clustering/blocks.h"
#include "clade/core/error.h"
#include "clade/ops/gemm.h"

namespace clade {
namespace {

using clustering::for_blocks;
using clustering::rows_in_double;

// Of a product of queries and points: points a tile, which stays in the cache while it is searched;
// tiles whose scores are kept together; and points of which only the best score is looked at first.
constexpr int64_t kTile = 4096, kTilesTogether = 8, kGroup = 64;
constexpr int64_t kQueriesOnCpu = 128, kQueriesElsewhere = 2048;

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct Candidates {
  torch::Tensor scores;  // [B, c], best first; kNever for what is no point
  torch::Tensor points;  // [B, c] int64
};

// The c best of both.
Candidates best_of(const Candidates& a, const Candidates& b, int64_t c) {
  if (!a.scores.defined()) return b;
  const auto points = torch::cat({a.points, b.points}, 1);
  const auto [scores, place] = torch::cat({a.scores, b.scores}, 1).topk(c, 1);
  return {scores, points.gather(1, place)};
}

// Points made ready to be searched by products. With q·p − ½|p|² for a score, the nearest point has
// the highest: it is ½|q|² − ½|q − p|².
class Searched {
 public:
  Searched(const torch::Tensor& x, const torch::Tensor& centre, at::ScalarType type)
      : centre_(centre), count_(x.size(0)) {
    const int64_t tiles = (count_ + kTile - 1) / kTile;
    const int64_t groups = (count_ + tiles * kGroup - 1) / (tiles * kGroup);  // in a tile
    tile_ = groups * kGroup;
    const auto options = torch::dtype(type).device(x.device());
    points_ = torch::zeros({tiles * tile_, x.size(1)}, options);
    bias_ = torch::full({tiles * tile_}, kNever, options);
    points_.slice(0, 0, count_).copy_(centred(x));
    const auto square = points_.slice(0, 0, count_).square().sum(1);
    bias_.slice(0, 0, count_).copy_(-0.5 * square);
    farthest_ = std::sqrt(square.max().item<double>());
  }

  torch::Tensor centred(const torch::Tensor& x) const {  // [B, D]
    return (x.to(torch::kFloat64) - centre_).to(points_.scalar_type());
  }

  // The c best of all points for each query. queries: centred, [B, D].
  Candidates best(const torch::Tensor& queries, int64_t c) const {
    Candidates found;
    const int64_t together = std::min(kTilesTogether * tile_, points_.size(0));
    auto scores = torch::empty({together / tile_, queries.size(0), tile_}, queries.options());
    for (int64_t first = 0; first < points_.size(0); first += together) {
      const int64_t tiles = std::min(together, points_.size(0) - first) / tile_;
      found = best_of(found, best_in(scores.slice(0, 0, tiles), queries, first, c), c);
    }
    return found;
  }

  // The least distance² to each query that a point of this score may have, by how far float32 may
  // be off in a sum of products and in centred points. queries: centred, [B, D]; scores: [B] ->
  // [B].
  torch::Tensor least_square(const torch::Tensor& queries, const torch::Tensor& scores) const {
    const double epsilon = std::numeric_limits<float>::epsilon();
    const auto square = queries.to(torch::kFloat64).square().sum(1);
    const auto error = static_cast<double>(queries.size(1) + 4) * epsilon * farthest_ *
                       (square.sqrt() + 0.5 * farthest_);
    return square - 2 * (scores.to(torch::kFloat64) + error);
  }

 private:
  // The best of as many tiles of points, from the point `first`, as `scores`, [tiles, B, tile], has
  // room for.
  Candidates best_in(const torch::Tensor& scores, const torch::Tensor& queries, int64_t first,
                     int64_t c) const {
    const int64_t tiles = scores.size(0), rows = queries.size(0), groups = tile_ / kGroup;
    std::vector<torch::Tensor> tops;  // [B, groups] each
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = first + t * tile_;
      const auto tile = scores[t];
      ops::gemm(tile, queries, points_.slice(0, begin, begin + tile_).t(),
                bias_.slice(0, begin, begin + tile_));
      tops.push_back(tile.view({rows, kGroup, groups}).amax(1));
    }
    // The c best points lie in the c groups with the best tops.
    const auto tops_of_all = torch::cat(tops, 1);
    const int64_t taken = std::min(c, tops_of_all.size(1));
    const auto group = std::get<1>(tops_of_all.topk(taken, 1, true, /*sorted=*/false));
    const auto tile = group.div(groups, "floor");
    const auto counting = torch::arange(std::max(rows, kGroup), group.options());
    const auto member = (group.remainder(groups)).unsqueeze(2) +
                        groups * counting.slice(0, 0, kGroup);  // [B, taken, kGroup], in its tile
    const auto place =
        ((tile * rows + counting.slice(0, 0, rows).unsqueeze(1)) * tile_).unsqueeze(2) + member;
    const auto values = scores.reshape({-1}).take(place).flatten(1);
    const auto points = (first + tile.unsqueeze(2) * tile_ + member).flatten(1);
    const auto [best, order] = values.topk(std::min(c, values.size(1)), 1);
    return {best, points.gather(1, order)};
  }

  torch::Tensor centre_;  // [D] float64
  int64_t count_;
  int64_t tile_;          // points
  torch::Tensor points_;  // centred, whole tiles, [n, D]
  torch::Tensor bias_;    // -½|p|², kNever after the last point, [n]
  double farthest_;       // the length of the longest
};

struct Problem {
  torch::Tensor queries;  // [Q, D]
  torch::Tensor x;        // [N, D]
  bool same;              // the queries are x itself, and none is its own neighbour
  int64_t k;

  // To be looked at more closely. Some to spare, so that float32 seldom leaves a doubt.
  int64_t candidates() const { return std::min(x.size(0), k + 8); }

  int64_t rows() const {  // of a block of queries, for which candidates are copied together
    constexpr int64_t kNumbers = 1 << 22;
    return std::clamp<int64_t>(kNumbers / (candidates() * std::max<int64_t>(1, x.size(1))), 8,
                               x.is_cpu() ? kQueriesOnCpu : kQueriesElsewhere);
  }
};

// The k nearest of the candidates to `queries`, [B, D], rows `own` of all queries, by differences.
Neighbours nearest_of(const Candidates& candidates, const Problem& problem,
                      const torch::Tensor& queries, const torch::Tensor& own) {
  const auto& points = candidates.points;
  const auto found = problem.x.index_select(0, points.clamp_max(problem.x.size(0) - 1).flatten())
                         .to(torch::kFloat64)
                         .view({points.size(0), points.size(1), -1});
  auto distances = (found - queries.to(torch::kFloat64).unsqueeze(1)).norm(2, 2);
  auto excluded = candidates.scores == kNever;
  if (problem.same) excluded |= points == own.unsqueeze(1);
  distances.masked_fill_(excluded, -kNever);
  const auto [sorted, order] = distances.sort(1);
  return {points.gather(1, order.slice(1, 0, problem.k)), sorted.slice(1, 0, problem.k)};
}

// Finds the neighbours of the queries `own`, [B], and writes them to `all`. Returns the queries for
// which a point that is no candidate may be as near.
torch::Tensor search(const Searched& searched, const Problem& problem, const torch::Tensor& own,
                     const Neighbours& all) {
  const auto queries = problem.queries.index_select(0, own);
  const auto centred = searched.centred(queries);
  const auto candidates = searched.best(centred, problem.candidates());
  const auto nearest = nearest_of(candidates, problem, queries, own);
  all.indices.index_copy_(0, own, nearest.indices);
  all.distances.index_copy_(0, own, nearest.distances.to(torch::kFloat32));
  if (problem.candidates() == problem.x.size(0)) return own.slice(0, 0, 0);
  const auto farthest = nearest.distances.select(1, problem.k - 1);
  const auto least = searched.least_square(centred, candidates.scores.select(1, -1));
  return own.index({(farthest > 0) & (farthest.square() > least)});
}

// Searches for the neighbours of the queries `rows`, [R]. Returns those in doubt.
torch::Tensor search_all(const Problem& problem, const torch::Tensor& rows, at::ScalarType type,
                         const Neighbours& all, const Progress& progress) {
  const Searched searched(problem.x, clustering::mean_of_rows(problem.x), type);
  const int64_t block = problem.rows(), n = rows.size(0);
  const int64_t stretch = 64 * block;  // between two reports
  std::vector<torch::Tensor> doubts(static_cast<size_t>((n + block - 1) / block));
  for (int64_t first = 0; first < n; first += stretch) {
    const int64_t last = std::min(n, first + stretch);
    for_blocks(rows.device(), last - first, block, [&](int64_t begin, int64_t end) {
      const auto own = rows.slice(0, first + begin, first + end);
      doubts[static_cast<size_t>((first + begin) / block)] = search(searched, problem, own, all);
    });
    if (progress) progress(last, n);
  }
  return torch::cat(doubts);
}

Neighbours nearest_in(const Problem& problem, const Progress& progress) {
  torch::NoGradGuard no_grad;
  const int64_t most = problem.x.size(0) - (problem.same ? 1 : 0);
  if (problem.k < 1 || problem.k > most) {
    throw Error(std::to_string(problem.k) + " nearest neighbours of " +
                std::to_string(problem.x.size(0)) + " points; there are " + std::to_string(most));
  }
  const int64_t n = problem.queries.size(0);
  const auto device = problem.x.device();
  const Neighbours all{torch::empty({n, problem.k}, torch::dtype(torch::kInt64).device(device)),
                       torch::empty({n, problem.k}, torch::dtype(torch::kFloat32).device(device))};
  if (n == 0) return all;
  const auto rows = torch::arange(n, all.indices.options());
  const auto doubts = search_all(problem, rows, torch::kFloat32, all, progress);
  if (doubts.size(0) > 0) search_all(problem, doubts, torch::kFloat64, all, {});
  return all;
}

}  // namespace

Neighbours nearest_neighbours(const torch::Tensor& x, int64_t k, const Progress& progress) {
  return nearest_in({x, x, /*same=*/true, k}, progress);
}

Neighbours nearest_neighbours(const torch::Tensor& queries, const torch::Tensor& x, int64_t k,
                              const Progress& progress) {
  return nearest_in({queries, x, /*same=*/false, k}, progress);
}

}  // namespace clade
