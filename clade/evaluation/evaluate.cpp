#include "clade/evaluation/evaluate.h"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <numbers>

#include "clade/core/error.h"
#include "clade/core/require.h"
#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/evaluation/one_dimension.h"
#include "clade/evaluation/posteriors.h"
#include "clade/models/evaluation_mode.h"
#include "clade/ops/precision.h"

namespace clade {

using nlohmann::json;

std::vector<Option> EvaluateOptions::options() {
  return {
      {"importance_samples", &importance_samples,
       "S of the importance-weighted bound F_S; the cost grows with it, 5000 is customary, 1 is "
       "the bound itself"},
      {"importance_points", &importance_points,
       "points that F_S is measured on if all would take too long, the same for every seed: what "
       "they gain over their bound is added to the bound of all; 0 for all points"},
      {"sum_clusters", &sum_clusters,
       "in F_S, sum every cluster inside each weight in place of drawing one: a tighter bound, at "
       "K times the cost"},
      {"epoch_points", &epoch_points,
       "validation points whose clusters are compared with their labels, if those are known, after "
       "every epoch of training, for the page's curves: no choice depends on it; 0 for none"},
      {"precision", &precision,
       "of matrix products in F_S: fp32; tf32, on CUDA devices; or bf16, up to twice as fast where "
       "the machine has it and right to some hundredths of a nat"}};
}

void EvaluateOptions::validate() const {
  require_at_least("evaluate.importance_samples", static_cast<double>(importance_samples), 1);
  require_at_most("evaluate.importance_samples", static_cast<double>(importance_samples), 1e6);
  require_at_least("evaluate.importance_points", static_cast<double>(importance_points), 0);
  require_at_least("evaluate.epoch_points", static_cast<double>(epoch_points), 0);
  require_one_of("evaluate.precision", precision, precisions());
}

namespace {

// Every point against every other: the cost grows with their square.
constexpr int64_t kInformationPoints = 5000;

// Of the bound of few points, so that their gain over it is not its noise: cheap beside F_S.
constexpr int64_t kBoundDraws = 30;

std::optional<Information> information_of(Model& model, const torch::Tensor& x,
                                          Generator& generator) {
  const EvaluationMode evaluation(model);
  return model.information(some_rows(x, kInformationPoints), generator);
}

std::vector<double> numbers(const torch::Tensor& of_units) {  // [d] float64
  const auto here = of_units.cpu();
  return {here.data_ptr<double>(), here.data_ptr<double>() + here.numel()};
}

// What one discrete latent is measured by. q_y: [N, K]; assigned: the same as `clade cluster`
// draws it, where it depends on draws.
json cluster_figures(const torch::Tensor& q_y, const torch::Tensor& assigned, const Dataset& data) {
  const ClusterUse use = cluster_use(q_y.mean(0));
  json figures = {{"clusters", q_y.size(1)},
                  {"confidence", std::get<0>(q_y.max(1)).mean().item<double>()},
                  {"clusters_in_use", clusters_in_use(assigned)},
                  {"clusters_above_even_share", use.above_even_share},
                  {"cluster_entropy", use.cluster_entropy},
                  {"effective_clusters", use.effective_clusters},
                  {"clusters_told_apart", clusters_told_apart(q_y)},
                  {"largest_cluster", use.largest_cluster}};
  if (!data.labelled() || q_y.size(1) == 1) return figures;
  const ClusteringScores scores = score_clusters(q_y, data.labels);
  const auto strongest = strongest_of_label(posterior_given_label(q_y, data.labels));
  figures["clustering"] = {{"acc_hungarian", scores.acc_hungarian},
                           {"acc_majority", scores.acc_majority},
                           {"acc_most_confident", scores.acc_most_confident},
                           {"nmi", scores.nmi},
                           {"ari", scores.ari},
                           {"label_shared_clusters", shared_by_labels(strongest).size()}};
  const int64_t labelled = labelled_rows(data.labels).size(0);
  if (labelled < data.size()) figures["clustering"]["points"] = labelled;
  return figures;
}

// The points whose label is one of the `classes` that the model learned, [n] int64.
torch::Tensor rows_of_classes(const Dataset& data, int64_t classes) {
  if (!data.labels.defined()) return torch::empty({0}, torch::kInt64);
  return data.labels.ge(0).logical_and(data.labels.lt(classes)).nonzero().squeeze(1);
}

// How often the classifiers are wrong about the points `rows`, [n] int64, of `data`.
json classification(Model& model, const Dataset& data, const torch::Tensor& rows,
                    Generator& generator) {
  const auto labels = data.labels.index_select(0, rows);
  json figures = {{"points", rows.size(0)}};
  for (const auto& [name, probabilities] :
       classifiers(model, data.x.index_select(0, rows), generator)) {
    const auto wrong = probabilities.argmax(1).ne(labels).to(torch::kFloat64);
    figures["error"][name] = wrong.mean().item<double>();
  }
  return figures;
}

// Written as JSON a number that is not finite would be null, as if nobody had measured it.
void require_finite(const json& figures, const std::string& what, const Dataset& data) {
  if (figures.is_structured()) {
    for (const auto& [key, value] : figures.items()) {
      require_finite(value, what.empty() ? key : what + " " + key, data);
    }
  } else if (figures.is_number_float() && !std::isfinite(figures.get<double>())) {
    throw NumericalError(what + " on " + (data.name.empty() ? "these points" : data.name) +
                         " is not finite; see that their values are like those the model was "
                         "trained on");
  }
}

/// The bound of few points, without the noise of single draws.
double bound_of_few(Model& model, const torch::Tensor& x, Generator& generator) {
  double bound = 0;
  for (int64_t draw = 0; draw < kBoundDraws; ++draw) {
    bound += mean_bound(model, x, generator).elbo / kBoundDraws;
  }
  return bound;
}

/// The importance-weighted bound F_S, nats per data point.
struct WeightedBound {
  double value;  // of standardised values
  json figures;  // in the data's units
};

/// Of all points; or what some gain over their bound, added to that of all, `elbo`.
WeightedBound weighted_bound(Model& model, const Dataset& data, const EvaluateOptions& options,
                             double elbo, double log_volume, uint64_t seed, Generator& generator,
                             const Progress& progress) {
  const int64_t S = options.importance_samples;
  const bool sum_clusters = options.sum_clusters && model.decodings() > 1;  // if there are any
  const bool of_all = options.importance_points == 0;
  const auto x = of_all ? data.x : some_rows(data.x, options.importance_points);  // [n, D]
  double apart = 0;  // the bound of all points less theirs
  double f_s = elbo;
  json figures = {{"importance_samples", S}};
  if (S > 1 || sum_clusters) {
    const PrecisionScope scope(
        precision_for("evaluate.precision", options.precision, data.x.device()));
    if (x.size(0) < data.x.size(0)) apart = elbo - bound_of_few(model, x, generator);
    f_s = apart + log_likelihood(model, x, S, generator, sum_clusters, progress);
    require_finite(f_s, "the log-likelihood", data);
    if (S > kFewSamples) {
      auto of_few = make_generator(derive_seed(seed, "few samples"), data.x.device());
      const double f_few =
          apart + log_likelihood(model, x, kFewSamples, of_few, sum_clusters, progress);
      figures["few"] = {{"value", f_few - log_volume}, {"importance_samples", kFewSamples}};
    }
  }
  figures["value"] = f_s - log_volume;
  if (sum_clusters) figures["sum_clusters"] = true;
  if (!of_all) figures["points"] = x.size(0);
  return {f_s, figures};
}

/// Of the layers, and of the clusters against the labels.
json posterior_figures(Model& model, const Dataset& data, uint64_t seed, Generator& generator) {
  json figures;
  const Posteriors q = posteriors(model, data.x, generator);
  for (const LayerSummary& layer : q.layers) {
    figures["active_units"][layer.name] = layer.active_units;
    figures["units"][layer.name] = layer.means.size(1);
    figures["layer_kl"][layer.name] = layer.divergence;
    figures["unit_kl"][layer.name] = numbers(layer.unit_divergence);
  }
  const auto assigned = assignment(model, data.x, seed);
  const size_t main = model.main_discrete();
  figures.update(cluster_figures(q.clusters[main], assigned[main], data));
  if (const auto several = model.clusterings(); several.size() > 1) {
    for (const size_t l : several) {
      figures["latents"][model.discrete()[l].name] =
          cluster_figures(q.clusters[l], assigned[l], data);
    }
  }
  return figures;
}

}  // namespace

json evaluate(Model& model, const Dataset& data, const EvaluateOptions& options, uint64_t seed,
              const Progress& progress, std::optional<double> log_volume, int64_t classes) {
  const auto start = std::chrono::steady_clock::now();
  Generator generator = make_generator(derive_seed(seed, "evaluation"), data.x.device());
  json metrics;

  const MeanBound mean = mean_bound(model, data.x, generator);
  require_finite(mean.elbo, "the bound", data);
  const double volume = log_volume.value_or(0);
  const MeanBound in_units = mean.less(volume);
  metrics["elbo"] = in_units.elbo;
  if (data.shape.size() > 1) {
    const double bits = in_units.elbo / std::numbers::ln2;
    metrics["bits_per_dimension"] = -bits / static_cast<double>(data.features());
  }
  for (const auto& [name, value] : in_units.terms) metrics["terms"][name] = value;
  const WeightedBound weighted =
      weighted_bound(model, data, options, mean.elbo, volume, seed, generator, progress);
  metrics["log_likelihood"] = weighted.figures;
  if (log_volume) {
    metrics["log_volume"] = volume;
    metrics["standardised"] = {{"elbo", mean.elbo}, {"log_likelihood", weighted.value}};
  }
  if (const auto features = model.features_at_least_deviation()) {
    metrics["features_at_least_deviation"] = *features;
  }

  metrics.update(posterior_figures(model, data, seed, generator));
  const auto known = rows_of_classes(data, classes);  // [n]
  if (known.size(0) > 0) {
    metrics["classification"] = classification(model, data, known, generator);
  }
  if (const auto relaxed = mean_relaxed_bound(model, data.x, generator)) {
    metrics["relaxed_elbo"] = relaxed->elbo - volume;
  }
  // By the same draws, for their difference is often less than the noise of either.
  Generator same = make_generator(derive_seed(seed, "evaluation"), data.x.device());
  if (const auto looser = mean_looser_bound(model, data.x, same)) {
    metrics["looser_elbo"] = looser->elbo - volume;
  }
  if (const auto parts = information_of(model, data.x, generator)) {
    metrics["information"] = {{"mutual_information", parts->mutual_information},
                              {"aggregated_kl", parts->aggregated_kl},
                              {"cluster_entropy", parts->cluster_entropy},
                              {"log_clusters", parts->log_clusters}};
  }
  if (data.features() == 1) {
    // Of one feature the volume is its unit.
    metrics["generation"] = one_dimension(model, data, generator, std::exp(volume));
  }
  require_finite(metrics, "", data);
  metrics["points"] = data.size();
  metrics["seconds"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return metrics;
}

}  // namespace clade
