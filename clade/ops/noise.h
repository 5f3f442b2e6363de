#pragma once
#include <torch/types.h>

#include "clade/core/random.h"

namespace clade {

// Bits and normal numbers are drawn on the CPU in float32 by all threads, whose number changes
// nothing; uniform ones, and those elsewhere, by ATen. No gradient.

/// Bits that are 1 with probability p. p: any shape -> same.
torch::Tensor draw_bits(const torch::Tensor& p, Generator& generator);

/// Standard normal numbers of this shape, on the device and of the type of `like`. Rows, the axis
/// before the last, have numbers of their own, or all the same: see SameForEveryRow.
torch::Tensor draw_normals(at::IntArrayRef shape, const torch::Tensor& like, Generator& generator);

/// Numbers evenly from 0 to below 1, of such a shape and likewise for rows.
torch::Tensor draw_uniforms(at::IntArrayRef shape, const torch::Tensor& like, Generator& generator);

/// While it lives, this thread draws for every row of a batch the same normal and uniform numbers,
/// though not the same bits: what is said of a point then depends neither on the points beside it
/// nor on their order.
class SameForEveryRow {
 public:
  SameForEveryRow();
  ~SameForEveryRow();
  SameForEveryRow(const SameForEveryRow&) = delete;
  SameForEveryRow& operator=(const SameForEveryRow&) = delete;

  /// The generator for one of the parts that a batch is divided into: then a copy, so that every
  /// part begins at the same number.
  static Generator of_part(const Generator& generator);

 private:
  bool before_;
};

}  // namespace clade
