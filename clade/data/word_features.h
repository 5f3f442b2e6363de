#pragma once
#include <torch/types.h>

#include <string>
#include <vector>

#include "clade/core/random.h"
#include "clade/data/dataset.h"

namespace clade {

/// A column of a table that points are written to.
struct TableColumn {
  std::string name;
  int64_t feature;                 ///< That it holds; of words that of the first.
  std::vector<std::string> words;  ///< One a feature from there on, if it is a column of words.

  /// The word of one point, raw: [D], the one whose feature is largest.
  const std::string& word_of(const torch::Tensor& raw) const;
};

/// The columns of the table that D features were read from: those of words (WordFeatures) are one
/// again. Without names they are x0, x1, ...
std::vector<TableColumn> table_columns(const Preprocessing& how, int64_t D);

/// Draws x, [n, D] as the model reads points, with one word in each column of words: with the
/// probability that `means`, [n, D] likewise, give its feature. Draws feature by feature have
/// several words or none.
torch::Tensor with_words_drawn(const torch::Tensor& x, const torch::Tensor& means,
                               const Preprocessing& how, Generator& generator);

}  // namespace clade
