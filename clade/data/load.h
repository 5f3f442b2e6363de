#pragma once
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/data/dataset.h"

namespace clade {

/// Of colour images, whose levels are no bits.
inline constexpr const char* kColourLikelihood = "discretised_logistic";

/// Which data to train on and what to do with their values.
struct DataOptions : Options {
  std::string name;
  std::string path;
  std::string labels;
  int64_t label_budget = 0;  ///< Of training labels, for Splits::labelled; or kEveryLabel.
  ImageReading images;
  TableReading table;
  std::string values = "auto";
  std::string binarise = "auto";
  int64_t validation = -1;
  int64_t test = -1;

  std::vector<Option> options() override;
  void validate_together() const override;
};

/// Reads the data and splits them.
///
/// A named set keeps its test points (the first `test` of them) and takes validation from the end
/// of train; a file's points are shuffled by `seed` first, and an image folder's parts, train/ and
/// test/, stay what they are. What happens to the values is chosen
/// from all of them, statistics from the training points, and said in Splits::said. Where values
/// are grey levels, validation and test are binarised once, by a seed that is the same everywhere;
/// train stays grey for present().
///
/// Labels that are unknown are counted in Splits::said. `label_budget` of the training labels are
/// drawn by `seed`, as evenly over the classes as possible. With kEveryLabel a file's parts have
/// their shares of each label, so that a few labels are spread over what is learned from and what
/// is held back, validation and test; each class keeps one to learn from.
///
/// `likelihood` is the model's where it is given already: colours are levels for every likelihood
/// but "bernoulli", which takes bits.
///
/// `done` is what a run did with the values when it began, which is done again; null chooses anew.
///
/// Throws ConfigError for settings that do not fit the data (no training points left, more labels
/// than there are), DataError for data that cannot be used.
Splits load_splits(const DataOptions& options, uint64_t seed, const std::string& likelihood = "",
                   const Preprocessing* done = nullptr);

/// Points for a trained model: read as DataOptions::path and labels are (or the test points of a
/// named set), with the training data's preprocessing (also that of images), point shape, columns
/// (by name, where both tables have names) and label names (so that labels keep their numbers; new
/// ones come after). Grey levels are binarised as test data are. Throws DataError where the points
/// are of another size, or grey levels outside what the model was trained on.
Dataset load_points(const std::string& path, const std::string& labels,
                    const Preprocessing& preprocessing, const std::vector<int64_t>& shape,
                    const std::vector<std::string>& label_names = {});

/// The likelihood for these values: "bernoulli" where they are bits or binarised, kColourLikelihood
/// for colours in 256 levels, "negative_binomial" for counts, else "gaussian".
std::string suggested_likelihood(const Splits& splits);

/// Throws ConfigError for a likelihood of numbers or levels where the values are bits, or drawn as
/// such: what it gives them is no probability, and grows without bound. Likewise for one of counts
/// where the values are not read as such, and the other way round.
void check_likelihood(const DataOptions& options, const Splits& splits,
                      const std::string& likelihood);

/// Throws DataError, naming row and feature, where `data` hold a value the likelihood cannot take:
/// outside [0, 1] under those of bits and levels. `advice` is what to do about it.
void check_values(const Dataset& data, const std::string& likelihood, const std::string& advice);

}  // namespace clade
