#pragma once
#include <torch/types.h>

#include "clade/core/random.h"

namespace clade {

/// The directions in which data vary most. On the data's device, in double precision.
struct PrincipalComponents {
  torch::Tensor mean;        ///< Of the data, [D].
  torch::Tensor axes;        ///< Orthonormal columns, [D, P].
  torch::Tensor deviations;  ///< Of the data along each axis, largest first, in their units, [P].

  /// Coordinates along the axes, centred in double precision: [N, D] -> [N, P] float32.
  torch::Tensor project(const torch::Tensor& x) const;
};

/// The `count` first principal components of x, [N, D] with N > 0; fewer where N or D is less. Up
/// to 2,000 features they are exact, from the covariance; above that they come from products with
/// random vectors, repeated until the variances stand still (Halko, Martinsson & Tropp 2011), which
/// is all that `generator` is for. The entry of an axis that is largest in size is positive. Data
/// are read by blocks: in memory the exact way needs two matrices [D, D] a thread, the other one a
/// few [D, count + 10]. x: any floating type, finite.
PrincipalComponents principal_components(const torch::Tensor& x, int64_t count,
                                         Generator& generator);

}  // namespace clade
