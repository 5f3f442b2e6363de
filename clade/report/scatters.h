#pragma once
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/report/report.h"

namespace clade {

/// What the axes of the plane of two features are called: as `columns`, if features have names.
std::array<std::string, 2> plane_axes(const std::vector<std::string>& columns);

/// What stands beside the axes of `latent`, its share of the variance if that is known; "" of an
/// axis that says nothing.
std::array<std::string, 2> axis_texts(const Scatter& latent);

// Scatter plots of latents, as the page of a run and that of several show them. Of the numbers that
// page.js draws they have "latents" and "clusterings".

/// Adds what the clusters of `one` are called, and their order, strongest first, to
/// data["clusterings"]; "ticks" is for axes that say they are clusters.
void add_clustering(const Clustering& one, nlohmann::json& data);

/// The <figure> of `latent`, called `title`, whose numbers become one more of data["latents"].
/// `of`: the run's, whose clusterings are those of data["clusterings"] from `first` on. It begins
/// by label if there are any and it is asked for `by_label`, and with its own clusters otherwise.
std::string scatter_figure(const Scatter& latent, const std::string& title, const Report& of,
                           bool by_label, nlohmann::json& data, size_t first = 0);

}  // namespace clade
