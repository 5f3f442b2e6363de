#pragma once
#include <string>
#include <vector>

#include "clade/models/mean_bound.h"
#include "clade/training/trained_model.h"

namespace clade {

/// What the posteriors of a data set say about one continuous layer.
struct LayerSummary {
  std::string name;
  torch::Tensor means;            // [N, d] posterior means
  torch::Tensor unit_divergence;  // [d] KL of each unit, nats per data point
  double divergence = 0;          ///< Of the layer, their sum.
  /// Units whose posterior mean, measured from the prior's mean in the prior's deviations, varies
  /// over the data by more than 0.01. Under N(0, I) that is the count of Burda et al. 2016; learned
  /// priors p(z|y) that lie apart move the posterior's mean, but are no activity.
  int64_t active_units = 0;
};

/// Model::cluster_probabilities() of a whole data set, in evaluation mode. x: [N, D] with N > 0.
std::vector<torch::Tensor> cluster_probabilities(Model& model, const torch::Tensor& x,
                                                 Generator& generator,
                                                 int64_t draws = Model::kClassifierDraws);

/// q(y | x) of each of discrete() by which points are assigned to clusters, [N, K_l]. If it depends
/// on draws they follow from `seed`, a run's, and are the same for every point: whoever asks, in
/// whatever file and order, gets the same answer. x: [N, D] with N > 0.
std::vector<torch::Tensor> assignment(Model& model, const torch::Tensor& x, uint64_t seed);

/// The same of the main discrete latent, [N, K], as `clade cluster` has it; of a model that no run
/// made by the seed 1.
torch::Tensor assign(const TrainedModel& trained, const torch::Tensor& x);

/// The classifiers of a model that takes labels (see Model::classifiers), [N, C] each. x: [N, D]
/// with N > 0.
std::vector<Classifier> classifiers(Model& model, const torch::Tensor& x, Generator& generator);

/// What Model::encode() says of a whole data set, from the data up, in evaluation mode. x: [N, D]
/// with N > 0.
std::vector<LayerSummary> layers_of(Model& model, const torch::Tensor& x, Generator& generator);

}  // namespace clade
