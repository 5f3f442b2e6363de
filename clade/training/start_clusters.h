#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "clade/training/start.h"

namespace clade {

// How points are clustered, whatever they are of. Everything random follows from `seed`.

/// What a mixture of Gaussians that points may be made of is like.
struct Gaussians {
  bool diagonal;           ///< Of covariances without correlation.
  double excess_kurtosis;  ///< Of the points about them; see Mixture.
};

/// Whether K Gaussians may be what x, [N, D], is made of: twice as many, fitted to the same four
/// fifths of it, explain the rest no better but for luck. With full covariances if there are two
/// points for each of their parameters, else with diagonal ones if there is one; none if there are
/// too few for these too. Of more than 10,000 points it asks a sample.
std::optional<Gaussians> gaussians_of(const torch::Tensor& x, int64_t clusters, uint64_t seed,
                                      const StartProgress& progress = {});

/// The clusters of a mixture of products of Bernoulli distributions, if x, [N, D], is of bits (no
/// feature has more than two values) and K of its components are what it is made of, asked as by
/// gaussians_of(); nothing if not, or if there are too few points to tell.
std::optional<Start> start_from_classes_of_bits(const torch::Tensor& x, const std::string& said_of,
                                                int64_t clusters, uint64_t seed,
                                                const StartProgress& progress = {});

/// Clusters from the graph of nearest neighbours: a mixture with full covariances on its layout in
/// ten dimensions. Two kinds of data are not for it: x that is made of classes of bits, or of
/// Gaussians that pairs of samples show as surely as a layout, or four fifths as surely if the
/// points lie about them as a Gaussian's do, since a layout blurs what overlaps, whose clusters are
/// a mixture of those; and x of which samples find k-means again and neither of these, as of much
/// noise. `said_of` says what x, [N, D], is of the N points.
Start start_from_neighbours(const torch::Tensor& x, const std::string& said_of, int64_t clusters,
                            uint64_t seed, const StartProgress& progress = {});

/// Clusters as a mixture with full covariances, or diagonal ones of few points, finds them in
/// codes, [N, d] with N >= clusters: the best by likelihood of several k-means++ starts.
Start start_from_codes(const torch::Tensor& codes, const std::string& said_of, int64_t clusters,
                       uint64_t seed, const StartProgress& progress = {});

}  // namespace clade
