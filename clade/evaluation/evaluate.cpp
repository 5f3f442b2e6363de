#include "clade/evaluation/evaluate.h"

#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <numbers>

#include "clade/core/error.h"
#include "clade/distributions/bernoulli.h"
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
      {"importance_samples", &importance_samples, between(1, 1e6),
       "S of the importance-weighted bound F_S; the cost grows with it, 5000 is customary, 1 is "
       "the bound itself"},
      {"importance_points", &importance_points, at_least(0),
       "points that F_S is measured on if all would take too long, the same for every seed: what "
       "they gain over their bound is added to the bound of all; 0 for all points"},
      {"sum_clusters", &sum_clusters,
       "in F_S, sum every cluster inside each weight in place of drawing one: a tighter bound, at "
       "K times the cost"},
      {"epoch_points", &epoch_points, at_least(0),
       "validation points whose clusters are compared with their labels, if those are known, after "
       "every epoch of training, for the page's curves: no choice depends on it; 0 for none"},
      {"precision", &precision, any_of(precisions()),
       "of matrix products in F_S: fp32; tf32, on CUDA devices; or bf16, up to twice as fast where "
       "the machine has it and right to some hundredths of a nat"}};
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

// q_y: [N, K].
ClusterMetrics cluster_metrics(const torch::Tensor& q_y, const Dataset& data) {
  ClusterMetrics metrics;
  metrics.clusters = q_y.size(1);
  metrics.confidence = std::get<0>(q_y.max(1)).mean().item<double>();
  metrics.in_use = clusters_in_use(q_y);
  metrics.use = cluster_use(q_y.mean(0));
  metrics.told_apart = clusters_told_apart(q_y);
  if (!data.labelled() || metrics.clusters == 1) return metrics;
  metrics.labelled = labelled_rows(data.labels).size(0);
  metrics.scores = score_clusters(q_y, data.labels);
  const auto strongest = strongest_of_label(posterior_given_label(q_y, data.labels));
  metrics.label_shared = static_cast<int64_t>(shared_by_labels(strongest).size());
  return metrics;
}

/// Whether p(x | ...) is a probability or a density of x: that of bits is none of grey levels.
bool is_of_these_values(Model& model, const torch::Tensor& x) {
  auto any = make_generator(0, x.device());
  const EvaluationMode evaluation(model);
  const auto p_x = model.generations(1, {}, any);
  if (dynamic_cast<const Bernoulli*>(p_x.get()) == nullptr) return true;
  return x.eq(0).logical_or(x.eq(1)).all().item<bool>();
}

// The points whose label is one of the `classes` that the model learned, [n] int64.
torch::Tensor rows_of_classes(const Dataset& data, int64_t classes) {
  if (!data.labels.defined()) return torch::empty({0}, torch::kInt64);
  return data.labels.ge(0).logical_and(data.labels.lt(classes)).nonzero().squeeze(1);
}

// How often the classifiers are wrong about the points `rows`, [n] int64, of `data`.
Classification classification(Model& model, const Dataset& data, const torch::Tensor& rows,
                              Generator& generator) {
  const auto labels = data.labels.index_select(0, rows);
  Classification figures = {rows.size(0), {}};
  for (const auto& [name, probabilities] :
       classifiers(model, data.x.index_select(0, rows), generator)) {
    const auto wrong = probabilities.argmax(1).ne(labels).to(torch::kFloat64);
    figures.error.emplace_back(name, wrong.mean().item<double>());
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

/// F_S of what the model reads: of all points; or what some gain over their bound, added to that of
/// all, `elbo`.
LogLikelihood weighted_bound(Model& model, const Dataset& data, const EvaluateOptions& options,
                             double elbo, uint64_t seed, Generator& generator,
                             const Progress& progress) {
  const int64_t S = options.importance_samples;
  LogLikelihood f_s;
  f_s.value = elbo;
  f_s.importance_samples = S;
  f_s.sum_clusters = options.sum_clusters && model.decodings() > 1;  // if there are any
  const bool of_all = options.importance_points == 0;
  const auto x = of_all ? data.x : some_rows(data.x, options.importance_points);  // [n, D]
  if (S == 1 && !f_s.sum_clusters) return f_s;
  if (x.size(0) < data.x.size(0)) f_s.points = x.size(0);
  const PrecisionScope scope(
      precision_for("evaluate.precision", options.precision, data.x.device()));
  // The bound of all points less theirs.
  const double apart = x.size(0) < data.x.size(0) ? elbo - bound_of_few(model, x, generator) : 0;
  f_s.value = apart + log_likelihood(model, x, S, generator, f_s.sum_clusters, progress);
  require_finite(f_s.value, "the log-likelihood", data);
  if (S > kFewSamples) {
    auto of_few = make_generator(derive_seed(seed, "few samples"), data.x.device());
    f_s.few = apart + log_likelihood(model, x, kFewSamples, of_few, f_s.sum_clusters, progress);
  }
  return f_s;
}

/// Of the layers, and of the clusters against the labels.
void measure_posteriors(Model& model, const Dataset& data, uint64_t seed, Generator& generator,
                        Metrics& metrics) {
  for (const LayerSummary& layer : layers_of(model, data.x, generator)) {
    LayerMetrics& of = metrics.layers.emplace_back(LayerMetrics{
        layer.name, layer.divergence, numbers(layer.unit_divergence), layer.active_units});
    if (data.labelled()) of.neighbour_accuracy = neighbour_accuracy(layer.means, data.labels);
  }
  const auto assigned = assignment(model, data.x, seed);
  const size_t main = model.main_discrete();
  metrics.clusters = cluster_metrics(assigned[main], data);
  const auto several = model.clusterings();
  if (several.size() < 2) return;
  for (const size_t l : several) {
    metrics.latents.emplace_back(model.discrete()[l].name, cluster_metrics(assigned[l], data));
  }
}

}  // namespace

Metrics evaluate(Model& model, const Dataset& data, const EvaluateOptions& options, uint64_t seed,
                 const Progress& progress, std::optional<double> log_volume, int64_t classes) {
  const auto start = std::chrono::steady_clock::now();
  Generator generator = make_generator(derive_seed(seed, "evaluation"), data.x.device());
  Metrics metrics;
  metrics.points = data.size();
  metrics.log_volume = log_volume;
  const double volume = log_volume.value_or(0);

  // Between its parts, so that whoever watches may stop it.
  const auto go_on = [&] {
    if (progress) progress(0, data.size());
  };

  const MeanBound mean = mean_bound(model, data.x, generator);
  go_on();
  require_finite(mean.elbo, "the bound", data);
  metrics.bound = mean.less(volume);
  if (data.shape.size() > 1 && is_of_these_values(model, data.x)) {
    const double bits = metrics.bound.elbo / std::numbers::ln2;
    metrics.bits_per_dimension = -bits / static_cast<double>(data.features());
  }
  LogLikelihood& f_s = metrics.log_likelihood;
  f_s = weighted_bound(model, data, options, mean.elbo, seed, generator, progress);
  if (log_volume) metrics.standardised = {mean.elbo, f_s.value};
  f_s.value -= volume;
  if (f_s.few) *f_s.few -= volume;
  metrics.features_at_least_deviation = model.features_at_least_deviation();

  measure_posteriors(model, data, seed, generator, metrics);
  go_on();
  const auto known = rows_of_classes(data, classes);  // [n]
  if (known.size(0) > 0) metrics.classification = classification(model, data, known, generator);
  if (const auto relaxed = mean_relaxed_bound(model, data.x, generator)) {
    metrics.relaxed_elbo = relaxed->elbo - volume;
  }
  // By the same draws, for their difference is often less than the noise of either.
  Generator same = make_generator(derive_seed(seed, "evaluation"), data.x.device());
  if (const auto looser = mean_looser_bound(model, data.x, same)) {
    metrics.looser_elbo = looser->elbo - volume;
  }
  go_on();
  metrics.information = information_of(model, data.x, generator);
  if (data.features() == 1) {
    // Of one feature the volume is its unit.
    metrics.generation = one_dimension(model, data, generator, std::exp(volume));
  }
  require_finite(metrics, "", data);
  metrics.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return metrics;
}

Metrics evaluate(const TrainedModel& trained, const Dataset& data, const EvaluateOptions& options,
                 uint64_t seed, const Progress& progress) {
  Metrics metrics = evaluate(*trained.model, data, options, seed, progress, trained.log_volume(),
                             trained.learned_classes());
  // Distances between logarithms of counts are in nobody's unit.
  if (trained.preprocessing.counts) metrics.generation.reset();
  return metrics;
}

}  // namespace clade
