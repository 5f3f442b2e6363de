#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "clade/core/progress.h"
#include "clade/data/dataset.h"
#include "clade/report/report.h"
#include "clade/training/trained_model.h"

namespace clade {

/// The density that a model of points of two features has over their plane (GMVAE, figure 2) and,
/// if it has clusters, 30 at most, beside it that of a mixture of as many Gaussians of full
/// covariance fitted to some points of `train`; nothing for other data and for what is no density.
/// Points are as the model reads them; `measured`: those whose mean log p(x) is taken, not empty.
/// `progress` is called on the way, of parts that take the longest, and may throw.
std::vector<PlaneDensities> plane_densities(const TrainedModel& trained, const Dataset& train,
                                            const Dataset& measured, uint64_t seed,
                                            const Progress& progress = {});

/// For drawing, how dark each cell is, from 0 to 1, [n, n], rows of the second feature rising:
/// log p(x) over `density_range` nats below the highest of all the maps.
inline constexpr double density_range = 4;
torch::Tensor darkness(const PlaneDensities& plane, size_t map);

/// A <figure> a map, as the page of a run and that of several show them, whose numbers become
/// data["densities"].
std::string density_figures(const PlaneDensities& plane, nlohmann::json& data);

}  // namespace clade
