#pragma once
#include <torch/types.h>

#include <string>

#include "clade/data/dataset.h"
#include "clade/data/points.h"

namespace clade {

struct ChosenPreprocessing {
  Preprocessing preprocessing;
  std::string said;  ///< What the values are and what is done with them.
};

/// Chooses by `values` and `binarise` (DataOptions) what to do with `points`: the kind of values
/// from all of them, the statistics from the rows `train`, [n] int64. `likelihood` is the model's,
/// "" where it is not chosen yet: colours are bits under "bernoulli" alone, and features that never
/// vary are left out of densities only. `fill` is what was put for missing cells, or undefined.
/// Throws DataError where the values are not what `values` says, ConfigError where `binarise`
/// cannot be had with them.
ChosenPreprocessing choose_preprocessing(const Points& points, const torch::Tensor& train,
                                         const std::string& values, const std::string& binarise,
                                         const std::string& likelihood,
                                         const torch::Tensor& fill = {});

/// Whether points of this shape, which are rows of 200 columns or more, may be counts of many
/// things, few of each.
bool may_be_counts_of_many(const std::vector<int64_t>& shape);

/// Whether the raw values of points that may be such, [N, D], are: whole numbers, a third zeros.
bool are_counts_of_many(const torch::Tensor& raw);

/// Throws DataError where a value is no whole number from 0 to 100,000, up to which float32 tells
/// log(1 + count) of one count from that of the next, with advice for a model that is `trained` or
/// is to be.
void check_counts(const Points& points, bool trained);

/// What is to stand for missing cells, NaN: the mean of the others of their feature over the rows
/// `train`, [n] int64. [D] float64. Throws DataError for a feature that has none there.
torch::Tensor means_of_present(const Points& points, const torch::Tensor& train);

/// Puts `fill`, [D], for the missing cells, NaN, and says in points.note how many there were.
void fill_missing(const torch::Tensor& fill, Points& points);

/// How many points differ in a feature that was the same at all training points.
int64_t points_that_differ(const Points& points, const Preprocessing& how);

/// Says of the first feature that in most points lies far from where it lay in training, as of
/// another unit, and of how many more do. x: the points as the model reads them, [N, D].
std::string said_of_other_scale(const Points& points, const torch::Tensor& x,
                                const Preprocessing& how);

/// "3 features are constant …" and that `others` differ there, points_that_differ(); or "".
std::string said_of_constants(const Points& points, const Preprocessing& how, int64_t others);

/// Throws DataError with `advice` where a value of x, [N, D], lies outside [least, most]. `points`
/// names the position.
void check_range(const torch::Tensor& x, double least, double most, const Points& points,
                 const std::string& advice);

/// Of images in floating numbers that leave 0 to 1, or -1 to 1, by rounding alone, puts the values
/// back.
void put_back_rounding(Points& points);

/// Whether all features are read alike, as levels are.
bool reads_levels(const Preprocessing& how);

/// White of the levels that are read so, from 0; else 0.
double white_read_by(const Preprocessing& how);

/// Whether all features are read as levels from 0 to 1 or from -1 to 1.
bool reads_fractions(const Preprocessing& how);

/// Throws DataError where a trained model reads levels and `points` lie outside them, or are levels
/// of another range (from 0 to 1 where white was 255), which it would take for all but black.
void check_levels(const Preprocessing& how, const Points& points);

/// Checks levels that a trained model is to read as bits against those it was trained on. Where
/// white was the brightest there was (grey levels from 0 to 16), a little brighter ones count as
/// white, and points.note says so. Throws DataError for others outside.
void cap_levels(const Preprocessing& preprocessing, Points& points);

}  // namespace clade
