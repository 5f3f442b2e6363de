#pragma once
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clade/clustering/nearest_neighbours.h"

namespace clade {

/// A graph with weighted edges, each in both directions, kept row after row.
struct NeighbourGraph {
  std::vector<int64_t> begin;      ///< Of each point's edges; [N + 1].
  std::vector<int32_t> neighbour;  ///< Of each edge, ascending for each point.
  std::vector<float> weight;       ///< Of each edge, in (0, 1].

  int64_t size() const { return static_cast<int64_t>(begin.size()) - 1; }
};

/// How surely each of its k nearest points is a point's neighbour: exp(−(d − ρ) / σ) where d
/// exceeds ρ, the distance to the nearest that does not coincide with it, else 1; σ is such that
/// they sum to log2(k + 1). distances: [N, k], ascending -> [N, k] float32 on the CPU. (UMAP,
/// section 3.1; umap-learn counts the point itself, its n_neighbors is k + 1.)
torch::Tensor membership_strengths(const torch::Tensor& distances);

/// The fuzzy union of both directions: the weight of an edge is a + b − ab, where i is j's
/// neighbour with strength a and j i's with b.
NeighbourGraph neighbour_graph(const Neighbours& neighbours);

}  // namespace clade
