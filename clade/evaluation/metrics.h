#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/one_dimension.h"
#include "clade/models/information.h"
#include "clade/models/mean_bound.h"

namespace clade {

/// The importance-weighted bound F_S (Burda et al. 2016), nats per data point.
struct LogLikelihood {
  double value = 0;
  int64_t importance_samples = 1;  ///< S
  bool sum_clusters = false;       ///< Whether each weight sums every cluster.
  std::optional<int64_t> points;   ///< Those whose gain over the bound stands for that of all.
  std::optional<double> few;       ///< F_S of kFewSamples, if S is more.
};

/// The bound and F_S of what the model reads, if the data have other units.
struct Standardised {
  double elbo = 0;
  double log_likelihood = 0;
};

/// What one discrete latent's clusters are measured by.
struct ClusterMetrics {
  int64_t clusters = 1;                    ///< K
  double confidence = 1;                   ///< Mean of max_k q(y_k | x).
  int64_t in_use = 1;                      ///< Clusters that hold a point.
  ClusterUse use;                          ///< How they share the points.
  double told_apart = 1;                   ///< See clusters_told_apart().
  int64_t labelled = 0;                    ///< Points whose label is known.
  int64_t label_shared = 0;                ///< See shared_by_labels().
  std::optional<ClusteringScores> scores;  ///< If any label is known and K > 1.
};

/// A continuous layer's KL, nats per data point, and what its units say.
struct LayerMetrics {
  std::string name;
  double divergence = 0;
  std::vector<double> unit_divergence;
  int64_t active_units = 0;
  /// Share of points whose nearest other one, by their posterior means, has the same label: which
  /// level of several carries what the labels tell. If two labels are known at least.
  std::optional<double> neighbour_accuracy = {};
};

/// Of the points whose label is one that the model learned.
struct Classification {
  int64_t points = 0;
  std::vector<std::pair<std::string, double>> error;  ///< Share that each classifier gets wrong.
};

/// Everything that evaluate() measures on one split. Bounds are nats per data point, of densities
/// of the data in their own units if `log_volume` is given. Every figure is finite.
struct Metrics {
  int64_t points = 0;
  double seconds = 0;
  MeanBound bound;
  /// The bound in bits, negative, a number of each pixel: of images.
  std::optional<double> bits_per_dimension;
  LogLikelihood log_likelihood;
  std::optional<double> log_volume;  ///< See TrainedModel::log_volume().
  std::optional<Standardised> standardised;
  /// Those that the model would copy more narrowly if it might.
  std::optional<int64_t> features_at_least_deviation;
  std::vector<LayerMetrics> layers;
  ClusterMetrics clusters;  ///< Of the main discrete latent.
  /// Of each discrete latent with clusters, if several have any.
  std::vector<std::pair<std::string, ClusterMetrics>> latents;
  std::optional<Classification> classification;
  /// Of models trained on relaxed clusters; it bounds nothing.
  std::optional<double> relaxed_elbo;
  std::optional<double> looser_elbo;       ///< Model::looser_bound
  std::optional<Information> information;  ///< The KL of the latents taken apart.
  std::optional<OneDimension> generation;  ///< Of one-dimensional data.
};

/// As it stands below the split's name in RUN/metrics.json.
void to_json(nlohmann::json& json, const Metrics& metrics);

/// A number that tables and pages show.
struct Figure {
  std::string name;  ///< "accuracy, one-to-one"; of one of several latents "…, y2"
  double value = 0;
  int digits = 0;            ///< After the point.
  bool detail = false;       ///< Which a comparison of models leaves out.
  std::string says = {};     ///< A sentence for the page, or "".
  std::string unit = {};     ///< "nats"; "%" if people read `value`, a share, in hundredths.
  bool of_clusters = false;  ///< Whether it measures a discrete latent.

  /// "-86.69", as tables have it.
  std::string cell() const;

  /// "-86.69 nats", "97.8 %".
  std::string said() const;
};

/// The split whose figures a run is known by, of those in metrics.json: unseen points, or whatever
/// there is; "" if nothing is.
std::string measured_split(const nlohmann::json& metrics);

/// The figures of one split as it stands in metrics.json, also of earlier versions, in the order in
/// which people read them. Of several discrete latents each has its own. `split` is what the points
/// are called: "test".
std::vector<Figure> figures_of(const nlohmann::json& metrics, const std::string& split);

/// "α = 50 on their mean", how the losses of labels weighed while the model learned, as a split's
/// metrics have it; "" if they do not, as those of models that take none.
std::string weight_of_labels(const nlohmann::json& metrics);

/// Columns of figures beside each other, a row a name.
struct FigureTable {
  std::vector<std::string> rows;
  std::vector<std::map<std::string, Figure>> columns;

  /// What stands there, or `missing`.
  std::string cell(const std::string& row, size_t column, const std::string& missing) const;
};

/// Rows in the order of the columns' figures, as far as those agree.
FigureTable side_by_side(const std::vector<std::vector<Figure>>& columns);

}  // namespace clade
