#pragma once
#include <string>

#include "clade/experiment/experiment.h"

namespace clade {

/// What is to be trained: an experiment that leaves nothing open, and its data.
struct Prepared {
  Experiment experiment;
  Splits data;         ///< On the CPU.
  std::string chosen;  ///< What fits the data, for people; "" if nothing was fitted to them.
};

/// Who says what an experiment file leaves open.
enum class LeftOpen {
  fits_the_data,  ///< fit_to_data(), as of `clade train DATA`; the model is kDefaultModel.
  of_the_papers,  ///< The defaults of the settings, as of an experiment file, which names its
                  ///< model.
};

/// Reads the data that `file` names, and completes what it says of the rest. A likelihood follows
/// from what the values are; no learned deviation becomes smaller than a twentieth of the
/// feature's; of data that are no named set every label is learned from, if the model can. Throws
/// ConfigError and DataError for what cannot be trained, with what to do.
Prepared prepare(ExperimentFile file, LeftOpen left_open = LeftOpen::fits_the_data);

/// The data of an experiment that is yet to begin, read and split (see load_splits); its likelihood
/// counts only if it is given, and not yet to be chosen by them.
Splits load_new_splits(const Experiment& experiment, bool likelihood_given);

}  // namespace clade
