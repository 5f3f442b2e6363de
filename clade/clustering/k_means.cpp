#include "clade/clustering/k_means.h"

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <limits>

#include "clade/clustering/blocks.h"
#include "clade/core/error.h"

namespace clade {
namespace {

using clustering::for_blocks;
using clustering::rows_in_double;
using clustering::rows_of_block;
using clustering::sum_blocks;

// Points with what their squared distances to centres take, read block by block.
struct CentredPoints {
  torch::Tensor x;     // [N, D]
  torch::Tensor mean;  // [D] float64
  int64_t rows;        // of a block

  CentredPoints(const torch::Tensor& points, int64_t clusters)
      : x(points),
        mean(clustering::mean_of_rows(points)),
        rows(rows_of_block(points.size(1) + clusters)) {}

  torch::Tensor block(int64_t begin, int64_t end) const {
    return rows_in_double(x, begin, end) - mean;
  }
};

// [B, D], [K, D] -> [B, K]
torch::Tensor squared_distances(const torch::Tensor& points, const torch::Tensor& centres) {
  const auto halves = torch::addmm(-0.5 * centres.square().sum(1), points, centres.t());
  return (points.square().sum(1, /*keepdim=*/true) - 2 * halves).clamp_min_(0);
}

// The squared distance of each point to the nearest of some centres, and which it is: [N] each.
struct NearestCentre {
  torch::Tensor square, centre;
};

NearestCentre nearest_centre(const CentredPoints& points, const torch::Tensor& centres) {
  const int64_t n = points.x.size(0);
  NearestCentre all{torch::empty({n}, centres.options()),
                    torch::empty({n}, centres.options().dtype(torch::kInt64))};
  for_blocks(points.x.device(), n, points.rows, [&](int64_t begin, int64_t end) {
    const auto [square, centre] = squared_distances(points.block(begin, end), centres).min(1);
    all.square.slice(0, begin, end).copy_(square);
    all.centre.slice(0, begin, end).copy_(centre);
  });
  return all;
}

// n of the points, as likely as their weights, [N]; all alike if none has a weight.
torch::Tensor draw_rows(const torch::Tensor& weights, int64_t n, Generator& generator) {
  const auto sums = weights.cumsum(0);
  const auto total = sums[-1].item<double>();
  if (!(total > 0)) {
    return random_rows(n, weights.size(0), generator.device(), generator).to(weights.device());
  }
  const auto uniform = torch::empty({n}, torch::dtype(torch::kFloat64).device(generator.device()))
                           .uniform_(0, total, generator);
  return torch::searchsorted(sums, uniform.to(weights.device()), /*out_int32=*/false,
                             /*right=*/true)
      .clamp_max(weights.size(0) - 1);
}

// The squared distance of each point to each of L further centres, but none above `bound`, [N]:
// [L, N].
torch::Tensor bounds_with(const CentredPoints& points, const torch::Tensor& bound,
                          const torch::Tensor& further) {
  const int64_t n = points.x.size(0);
  auto all = torch::empty({further.size(0), n}, further.options());
  for_blocks(points.x.device(), n, points.rows, [&](int64_t begin, int64_t end) {
    const auto squares = squared_distances(points.block(begin, end), further);  // [B, L]
    all.slice(1, begin, end).copy_(torch::minimum(squares.t(), bound.slice(0, begin, end)));
  });
  return all;
}

torch::Tensor rows_at(const CentredPoints& points, const torch::Tensor& rows) {  // [n] -> [n, D]
  return points.x.index_select(0, rows).to(torch::kFloat64) - points.mean;
}

// Centred, [K, D].
torch::Tensor plus_plus_start(const CentredPoints& points, int64_t clusters, Generator& generator) {
  const int64_t draws = 2 + static_cast<int64_t>(std::log(static_cast<double>(clusters)));
  const auto first = random_rows(1, points.x.size(0), generator.device(), generator);
  auto centres = rows_at(points, first.to(points.x.device()));
  auto bound = nearest_centre(points, centres).square;
  while (centres.size(0) < clusters) {
    const auto drawn = rows_at(points, draw_rows(bound, draws, generator));
    const auto bounds = bounds_with(points, bound, drawn);
    const auto best = bounds.sum(1).argmin().item<int64_t>();  // that leaves the least inertia
    bound = bounds[best];
    centres = torch::cat({centres, drawn.slice(0, best, best + 1)});
  }
  return centres;
}

// For each cluster the sum of its points and their number: [K, D + 1].
torch::Tensor cluster_sums(const CentredPoints& points, const torch::Tensor& centres) {
  return sum_blocks(
      points.x.device(), points.x.size(0), points.rows, [&](int64_t begin, int64_t end) {
        const auto block = points.block(begin, end);
        const auto centre = std::get<1>(squared_distances(block, centres).min(1, /*keepdim=*/true));
        const auto member =
            torch::zeros({block.size(0), centres.size(0)}, block.options()).scatter_(1, centre, 1);
        return torch::cat({torch::mm(member.t(), block), member.sum(0).unsqueeze(1)}, 1);
      });
}

// The means of the clusters; one without points starts again at a point far from all centres.
torch::Tensor moved_centres(const CentredPoints& points, const torch::Tensor& centres,
                            const torch::Tensor& sums) {
  const auto counts = sums.select(1, -1);
  auto moved = sums.slice(1, 0, centres.size(1)) / counts.clamp_min(1).unsqueeze(1);
  const auto empty = (counts == 0).nonzero().squeeze(1);
  if (empty.size(0) > 0) {
    const auto squares = nearest_centre(points, centres).square;
    moved.index_copy_(0, empty, rows_at(points, std::get<1>(squares.topk(empty.size(0)))));
  }
  return moved;
}

double mean_variance(const CentredPoints& points) {
  const auto squares = nearest_centre(points, torch::zeros_like(points.mean).unsqueeze(0)).square;
  return squares.mean().item<double>() / static_cast<double>(points.x.size(1));
}

// Calls `each` before each iteration.
KMeans lloyd(const CentredPoints& points, torch::Tensor centres, const KMeansOptions& options,
             double variance, const std::function<void()>& each) {
  KMeans result;
  const double still = options.tolerance * options.tolerance * variance;
  for (double moved = 2 * still + 1; result.iterations < options.iterations && moved > still;) {
    each();
    const auto next = moved_centres(points, centres, cluster_sums(points, centres));
    moved = (next - centres).square().sum(1).max().item<double>();
    centres = next;
    ++result.iterations;
  }
  const auto nearest = nearest_centre(points, centres);
  result.centres = centres + points.mean;
  result.clusters = nearest.centre;
  result.inertia = nearest.square.sum().item<double>();
  return result;
}

}  // namespace

KMeans k_means(const torch::Tensor& x, int64_t clusters, const KMeansOptions& options,
               Generator& generator, const Progress& progress) {
  torch::NoGradGuard no_grad;
  if (clusters < 1 || clusters > x.size(0)) {
    throw Error(std::to_string(clusters) + " clusters of " + std::to_string(x.size(0)) +
                " points; there must be at least one, and a point for each");
  }
  const CentredPoints points(x, clusters);
  clustering::require_finite(points.mean);
  const double variance = mean_variance(points);
  KMeans best;
  for (int64_t start = 0; start < options.starts; ++start) {
    const auto each = clustering::saying(progress, start, options.starts);
    KMeans found =
        lloyd(points, plus_plus_start(points, clusters, generator), options, variance, each);
    if (start == 0 || found.inertia < best.inertia) best = std::move(found);
    if (progress) progress(start + 1, options.starts);
  }
  return best;
}

}  // namespace clade
