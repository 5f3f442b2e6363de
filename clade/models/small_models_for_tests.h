#pragma once
#include <memory>
#include <string>

#include "clade/models/registry.h"

namespace clade {

/// Settings for an instance of the model that a test can train in a moment: six hidden units, two
/// dimensions a layer, two layers of a ladder.
inline std::shared_ptr<ModelOptions> small_options(const std::string& name, int64_t clusters = 3,
                                                   const std::string& estimator = "exact") {
  auto options = find_model(name).options();
  for (Option& option : options->options()) {
    const bool levels = name == "vlae" || name == "vlac";
    if (option.name == "layers" || option.name == "upper_layers")
      std::get<std::vector<std::string>*>(option.value)->assign(levels ? 2 : 1, "6");
    if (option.name == "widths") *std::get<std::vector<int64_t>*>(option.value) = {6, 6};
    if (option.name == "prior_layers") *std::get<std::vector<int64_t>*>(option.value) = {6};
    if (option.name == "depth") *std::get<int64_t*>(option.value) = 1;
    if (option.name == "latents") {
      *std::get<std::vector<int64_t>*>(option.value) = {2, 2};
    } else if (option.name.rfind("latent", 0) == 0 || option.name == "auxiliary") {
      *std::get<int64_t*>(option.value) = 2;
    }
    if (option.name == "clusters" || option.name == "components") {
      if (auto* of_levels = std::get_if<std::vector<int64_t>*>(&option.value)) {
        **of_levels = {clusters, clusters};
      } else {
        *std::get<int64_t*>(option.value) = clusters;
      }
    }
    // Without a corner, at which a finite difference is no gradient.
    if (option.name == "activation" && levels) *std::get<std::string*>(option.value) = "elu";
    if (option.name == "summed_clusters") *std::get<int64_t*>(option.value) = 1;
    if (option.name == "estimator") *std::get<std::string*>(option.value) = estimator;
  }
  options->validate();
  return options;
}

}  // namespace clade
