#pragma once
#include <torch/types.h>

#include "clade/core/progress.h"
#include "clade/core/random.h"

namespace clade {

struct LayoutOptions {
  int64_t dimensions = 10;
  int64_t neighbours = 15;  ///< Nearest others of a point that it is tied to.
  /// Of stochastic gradient descent; 0: 500 up to 10,000 points, 200 above.
  int64_t epochs = 0;
  /// Of more points a sample of so many is laid out, and each other is put among its neighbours.
  int64_t most_points = 100000;
};

/// Points in a few dimensions that keep who is near whom and let gaps between groups open: UMAP
/// (McInnes, Healy & Melville 2018) of the exact graph of nearest neighbours, from a start at the
/// principal components. x: [N, D] finite, N > 1, best some dozens of principal components; fewer
/// points than neighbours are all neighbours. The search for neighbours runs on x's device, the
/// layout on the CPU; up to eight threads share it, and their number does not change the numbers.
/// `generator` is one of the CPU. `progress` counts epochs (the search counts as some) and may
/// throw, which ends the work. [N, dimensions] float32 on x's device.
torch::Tensor neighbour_layout(const torch::Tensor& x, const LayoutOptions& options,
                               Generator& generator, const Progress& progress = {});

/// The curve 1 / (1 + a d^2b) that comes closest, by least squares over distances 0 to 3, to 1
/// below `min_distance` and exp(min_distance − d) above.
struct LayoutCurve {
  double a, b;
};
LayoutCurve layout_curve(double min_distance);

}  // namespace clade
