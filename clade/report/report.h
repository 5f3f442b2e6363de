#pragma once
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "clade/evaluation/contrasts.h"

namespace clade {

/// One figure a reader should see first.
struct Headline {
  std::string label;        ///< "log-likelihood"
  std::string value;        ///< "-228.4 nats"
  std::string explanation;  ///< One line for someone who does not know the word.
};

/// One named term of the bound over training, in nats per data point.
struct Curve {
  std::string name;
  std::vector<double> epochs;
  std::vector<double> train;       ///< One an epoch, or none; NaN leaves a gap.
  std::vector<double> validation;  ///< One an epoch, or none; NaN leaves a gap.
  bool of_bound = true;            ///< A term of the bound; else a figure of its clusters.
  double floor = 0;                ///< What training charges at least for its mean; 0 for none.

  const char* axis() const { return of_bound ? "nats per data point" : "of validation points"; }
};

/// What a discrete latent has to show; one of at least two clusters. Everything but the share may
/// be missing.
struct Clustering {
  std::string name;  ///< "y2"; said where there are several.
  /// Mean over data points of the probability of a point's own cluster; NaN when not known.
  double confidence = std::numeric_limits<double>::quiet_NaN();
  torch::Tensor share;             // [K] q(y) of the training data
  torch::Tensor samples;           // [K, n, D] generated from each cluster
  torch::Tensor points;            // [K, m, D] real points most sure of it, surest first
  torch::Tensor point_confidence;  // [K, m] their probability; NaN where there is no point
  torch::Tensor confusion;         // [K, C] int64, points of cluster k with label c
  torch::Tensor given_label;       // [C, K] q(y | label)
  /// Of each of the K clusters what sets it apart, strongest first; none of images.
  std::vector<std::vector<Contrast>> contrasts = {};
  torch::Tensor samples_uniform;  // [n, D] drawn with every cluster equally likely, where the model
                                  // does not draw them so
  std::vector<std::string> classes = {};  ///< What its clusters are called, if they are classes.
  bool of_level = false;  ///< Of a ladder: samples differ by this level's own layer alone.
};

/// A point whose class is known, and named wrongly.
struct Misnamed {
  std::string point;  ///< "row 17", or what the data call it.
  int64_t label;
  int64_t cluster;
  double probability;  ///< Of the cluster, as the model has it.
};

/// What a model that learned classes from labels makes of the points whose labels were held back.
struct HeldBack {
  std::vector<std::string> classes;  ///< What its clusters are called: labels, and then others.
  torch::Tensor learned;             // [C] int64, labels of each class it learned from
  torch::Tensor confusion;  // [C, K] int64, points of each class given each name; may be missing
  std::vector<Misnamed> misnamed;  ///< Some of those named wrongly, what it is surest of first.
  torch::Tensor points;            // [n, D] the same; or missing
};

/// A continuous latent, seen along its first two principal components, or its only two units.
struct Scatter {
  std::string name;               ///< "z1"
  torch::Tensor points;           // [n, 2]
  std::vector<double> explained;  ///< Share of the variance along each component; may be empty.
  std::vector<torch::Tensor> clusters;  // [n] int64 of each of the report's clusterings, or none
  torch::Tensor label;                  // [n] int64, negative where unknown; or undefined
  size_t own = 0;  ///< Which of those clusterings colours it at first: that of its own latent.
  std::string axis = "principal component";  ///< What an axis is; or "unit", or "feature".
  torch::Tensor grid = {};  // [2, n] where a mesh has its columns and rows, rising; or undefined
  /// What the axes are called if not as above; one that says nothing has no name.
  std::optional<std::array<std::string, 2>> axes = {};
};

/// What is generated on a grid over the two units of a layer that depends on no other: its columns
/// and rows are quantiles of the prior, the second unit rising upwards (CaGeM, figure 3).
struct Mesh {
  std::string layer;            ///< "z2"
  torch::Tensor random;         // [n, n, D] with the rest drawn; missing if a cluster comes before
  torch::Tensor given_cluster;  // [M, n, n, D] with a cluster held; or missing
  std::vector<int64_t> clusters;  ///< Which M clusters, of the first clustering.
};

/// log p(x) over the plane of two features, in the data's units.
struct PlaneDensity {
  std::string name;           ///< Whose it is.
  torch::Tensor low, high;    // [2] float64, the borders; cells have their centres between
  torch::Tensor log_density;  // [n, n] float64, in nats; rows of the second feature, rising
  double mean;                ///< Of log p(x) of the points measured.
};

/// Densities side by side.
struct PlaneDensities {
  std::vector<PlaneDensity> maps;  ///< Of the model, and of what stands beside it.
  /// What the features are called.
  std::array<std::string, 2> axes = {"first feature", "second feature"};
  int64_t draws = 0;    ///< Of the latents, which the model's density is a mean over.
  int64_t points = 0;   ///< How many points the means are of.
  int64_t samples = 0;  ///< Importance samples that the model's mean is measured with.
};

/// A continuous latent that moves while all else stays.
struct Traversed {
  std::string name;      ///< "w"
  torch::Tensor points;  // [rows, steps, D]
};

/// Each cluster with another latent at zero, the middle of its prior (GMVAE, figure 5a).
struct AtZero {
  std::string name;               ///< Of the latent that is zero: "w".
  size_t clustering;              ///< Whose clusters, of the report's clusterings.
  std::vector<int64_t> clusters;  ///< Which of them, one a row, strongest first.
  torch::Tensor points;           // [rows, n, D]
};

/// One row of the table of details.
struct Detail {
  std::string key;
  std::string value;
};

/// What a trained model has to show. Everything but `title` and `shape` may be missing, and its
/// section is then left out. Values of images lie in [0, 1], others are in the data's units. Points
/// of one feature or of a table with names are drawn as histograms and want hundreds. Tensors on
/// any device.
struct Report {
  std::string title;  ///< "cp_vae on fashion-mnist"
  std::string said;   ///< What model and what data, in plain sentences.
  std::vector<Headline> headline;
  std::vector<Curve> curves;
  std::vector<int64_t> shape;            ///< Of one point: {28, 28}, {32, 32, 3} or {D}.
  std::vector<std::string> columns;      ///< Names of the features of a table; empty of others.
  std::vector<Clustering> clusterings;   ///< From the data up; none without clusters.
  std::vector<std::string> label_names;  ///< label_names[label]; may be empty.
  torch::Tensor originals;               // [n, D] real points …
  torch::Tensor reconstructions;         // [n, D] … and what the model makes of them
  torch::Tensor samples;                 // [n, D] drawn from the model
  std::vector<Traversed> traversals;     ///< Of images.
  /// Of images, a layer each: some points, what the model makes of them, and that with this layer
  /// drawn anew, all others kept.
  std::vector<Traversed> variations;
  std::vector<AtZero> at_zero;            ///< Of images.
  std::vector<HeldBack> held_back;        ///< One if the model learned from labels, or none.
  std::vector<Scatter> plane;             ///< Of points of two features: real ones and drawn ones.
  std::vector<PlaneDensities> densities;  ///< Over the same plane; one, or none.
  std::vector<Scatter> latents;
  std::vector<Mesh> meshes;     ///< Of images; one, or none.
  std::vector<Scatter> start;   ///< The codes training started from; one a latent with some.
  std::vector<Detail> details;  ///< Resolved experiment, seed, command, machine.
};

/// Writes `folder`/index.html, one page that opens from disk and needs no other file, and its
/// pictures beside it as PNG files: clusters (those that hold 1/K of the data or more and, below an
/// empty row, as many others as make 30), labels (drawn from each label's strongest clusters),
/// components, reconstructions, samples, samples_uniform, clusters_at_NAME_0, traversal_NAME,
/// variation_NAME, mesh_NAME and mesh_NAME_given_cluster where points are images; curves, q_y,
/// q_y_given_label, confusion, histograms (points of one feature), density,
/// plane_real_points and plane_drawn_points (of two), and latent_NAME where gnuplot is installed.
/// label_clusters.csv has each label's strongest clusters, cluster_features.csv what sets each
/// cluster apart. Where there are several clusterings, files of one end in its name:
/// clusters_y2.png. Returns notes for the reader, one line each, about what was left out and why.
/// Every file is written completely or not at all. Throws Error when a tensor's shape does not fit
/// the others, the folder cannot be written, or points are images and Clade was built without
/// libpng.
std::vector<std::string> write_report(const Report& report, const std::filesystem::path& folder);

}  // namespace clade
