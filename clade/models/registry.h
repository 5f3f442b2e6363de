#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clade/models/model.h"

namespace clade {

/// A model the library knows: what it is called, its settings, and how to make one.
struct ModelEntry {
  std::string name;
  std::string summary;
  std::function<std::shared_ptr<ModelOptions>()> options;

  /// `options` must come from this entry's own `options()`; `x` is a data point as a network reads
  /// it. Weights are drawn on the CPU, so that a seed means the same model on every device.
  std::function<std::shared_ptr<Model>(const ModelOptions& options, const Parent& x,
                                       Generator& generator)>
      make;
  bool takes_labels = false;  ///< What Model::takes_labels() will say.
  /// The weight by which training holds on to clusters found elsewhere if nobody gives another.
  /// Where z alone decides y, a firm hold drives z apart to make sure of y.
  double hold = 20;
  /// Whether `layers` are one list from the data on, which may begin with convolutions.
  bool convolutions = true;
};

/// Every model, in the order in which `clade models` lists them.
const std::vector<ModelEntry>& models();

/// Throws ConfigError with the nearest known name.
const ModelEntry& find_model(const std::string& name);

/// The settings of a model for a run folder to fill in: what it says nothing of is as 0.1.0 had it.
/// Throws ConfigError with the nearest known name.
std::shared_ptr<ModelOptions> options_of_run(const std::string& name);

}  // namespace clade
