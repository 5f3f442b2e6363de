#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

#include "clade/core/random.h"
#include "clade/models/given.h"
#include "clade/training/trained_model.h"

namespace clade {

/// n new points in the units of the data and of their kinds: whole numbers where all were whole,
/// the words of columns of words, and nothing beyond the range of the training points. `given`:
/// latents held fixed, such as {{"y", torch::tensor(3)}} for those of cluster 3. [n, D]. Throws
/// Error if the model generates what is not finite.
torch::Tensor generate(const TrainedModel& trained, int64_t n, const Given& given = {},
                       uint64_t seed = 1);

/// The same as the model reads points: draws of x, or its means, as people look at it. [n, D]
torch::Tensor draw(const TrainedModel& trained, int64_t n, const Given& given, bool means,
                   Generator& generator);

/// Throws Error, with what to do, for points that are not finite.
void require_finite_points(const torch::Tensor& points);

/// Points as the data are that the model was trained on, and what is to be said of them.
struct AsDataAre {
  torch::Tensor values;            // [n, D]
  std::vector<std::string> notes;  ///< How many were moved into range.
};

/// `points`, [n, D], are draws, or means, which are only put into the data's units.
AsDataAre as_data_are(const TrainedModel& trained, const torch::Tensor& points, bool means);

}  // namespace clade
