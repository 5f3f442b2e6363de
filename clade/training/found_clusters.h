#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "clade/data/dataset.h"
#include "clade/models/model.h"
#include "clade/training/schedule.h"
#include "clade/training/start.h"

namespace clade {

// What the start stage asks of the model and does to it: which latents are started, and what of the
// training points each is clustered by. How points are clustered, whatever they are of, is in
// start_clusters.h. Model and data are on the same device.

/// The names of the discrete latents that are started: by an autoencoder, which has codes for each
/// of them, all that divide points; else the main one. The model has one at least.
std::vector<std::string> started_latents(const Model& model, const TrainOptions& options);

/// The clusters that training starts from, one Start for each of started_latents(), in their order:
/// found, as options.start says, in the data, in the user's file, or in what the model makes of the
/// training points, of which it has been an autoencoder for clusters_found_at() epochs by then.
/// options.start is not "none". Everything random follows from `seed`; the model stays as it is.
/// Throws what `progress` throws, and what start_from_file() does.
std::vector<Start> found_clusters(Model& model, const Splits& data, const TrainOptions& options,
                                  uint64_t seed, const StartProgress& progress = {});

/// What the model's posterior now makes of the points of each cluster of `latent`, for
/// Model::start_clusters(): a prior that begins where the points of its cluster lie need not find
/// them. responsibilities: [N, K] of the training points, on their device, for each latent whose
/// clusters are used; the posterior is told the most probable. -> [K], [K, D], [K, d], [K, d]
/// float64, D features in the units of data.train.x, NaN for a cluster of no weight. Everything
/// random follows from `seed`; the model stays as it is.
ClusterMoments moments_of_clusters(Model& model, const Splits& data, const std::string& latent,
                                   const Responsibilities& responsibilities, uint64_t seed);

}  // namespace clade
