#pragma once
#include <string>

#include "clade/experiment/experiment.h"

namespace clade {

/// Gives what `file` leaves open of the model and its training values that fit the data: widths,
/// latent sizes and batch by the number of values and points, epochs by a budget of steps, rate,
/// warm-up and cooldown by the epochs, clusters that start from the graph of neighbours, those of a
/// ladder from what each level says. If the model learns from labels it has as many clusters as
/// there are classes, and many labels weigh no less than few. The defaults of the settings are
/// those of papers, for 50,000 images: a warm-up of 100 epochs is not over when a table of a few
/// thousand rows has been learned. What `file` says always wins. Returns what was chosen, for
/// people.
std::string fit_to_data(ExperimentFile file, const Splits& data, Experiment& experiment);

/// train.label_weight as fit_to_data() chooses it: the default, but 5 at least on the mean loss of
/// labels.
double fitted_label_weight(const Splits& data);

}  // namespace clade
