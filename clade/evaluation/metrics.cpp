#include "clade/evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "clade/evaluation/evaluate.h"

namespace clade {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

json json_of(const LogLikelihood& likelihood) {
  json all = {{"value", likelihood.value}, {"importance_samples", likelihood.importance_samples}};
  if (likelihood.sum_clusters) all["sum_clusters"] = true;
  if (likelihood.points) all["points"] = *likelihood.points;
  if (likelihood.few) {
    all["few"] = {{"value", *likelihood.few}, {"importance_samples", kFewSamples}};
  }
  return all;
}

json json_of(const ClusterMetrics& of, int64_t points) {
  json all = {{"clusters", of.clusters},
              {"confidence", of.confidence},
              {"clusters_in_use", of.in_use},
              {"clusters_above_even_share", of.use.above_even_share},
              {"cluster_entropy", of.use.cluster_entropy},
              {"effective_clusters", of.use.effective_clusters},
              {"clusters_told_apart", of.told_apart},
              {"largest_cluster", of.use.largest_cluster}};
  if (!of.scores) return all;
  all["clustering"] = {{"acc_hungarian", of.scores->acc_hungarian},
                       {"acc_majority", of.scores->acc_majority},
                       {"acc_most_confident", of.scores->acc_most_confident},
                       {"nmi", of.scores->nmi},
                       {"ari", of.scores->ari},
                       {"label_shared_clusters", of.label_shared}};
  if (of.labelled < points) all["clustering"]["points"] = of.labelled;
  return all;
}

json json_of(const OneDimension& generation) {
  json all = {{"wasserstein_1", generation.wasserstein_1},
              {"wasserstein_1_floor", generation.wasserstein_1_floor}};
  if (generation.wasserstein_1_uniform) {
    all["wasserstein_1_uniform"] = *generation.wasserstein_1_uniform;
  }
  if (generation.wrong_mode_share) all["wrong_mode_share"] = *generation.wrong_mode_share;
  return all;
}

/// The figures of a split one after another.
class Reader {
 public:
  Reader(const json& metrics, const std::string& split)
      : metrics_(metrics), split_(split), points_(whole("/points", 0)) {}

  std::vector<Figure> read() {
    bound();
    likelihoods();
    add({"features at least deviation", 0, 0, true}, "/features_at_least_deviation");
    clusterings();
    classes();
    latents();
    generations();
    return std::move(all_);
  }

 private:
  /// If the split has it.
  void add(Figure figure, const Pointer& at) {
    if (!metrics_.contains(at) || !metrics_.at(at).is_number()) return;
    figure.value = metrics_.at(at).get<double>();
    all_.push_back(std::move(figure));
  }
  void add(Figure figure, const char* at) { add(std::move(figure), Pointer(at)); }

  int64_t whole(const char* at, int64_t otherwise) const {
    return metrics_.value(Pointer(at), otherwise);
  }

  json part(const char* key) const { return metrics_.value(key, json::object()); }

  void bound() {
    const bool density = metrics_.contains("log_volume");
    add({density ? "bound, in the data's units" : "bound", 0, 2, false,
         "Lower bound on the log-likelihood of a point" +
             std::string(density ? ", a density in the data's units" : "") + " on " +
             std::to_string(points_) + " " + split_ + " points; higher is better.",
         "nats"},
        "/elbo");
    const json terms = part("terms");
    for (const auto& term : terms.items()) {
      add({term.key(), 0, 2, true}, Pointer("/terms") / term.key());
    }
    add({"bound, of standardised values", 0, 2, false, "", "nats"}, "/standardised/elbo");
    add({"bits per dimension", 0, 3, false,
         "The bound in bits a number of an image, negative; lower is better."},
        "/bits_per_dimension");
    add({"bound with a relaxed cluster", 0, 2, true}, "/relaxed_elbo");
    add({"looser bound of the paper", 0, 2, true}, "/looser_elbo");
  }

  void likelihoods() {
    const auto samples = metrics_.at("log_likelihood").at("importance_samples").get<int64_t>();
    const int64_t few = whole("/log_likelihood/few/importance_samples", 1);
    const bool summed = metrics_.value(Pointer("/log_likelihood/sum_clusters"), false);
    const int64_t points = whole("/log_likelihood/points", 0);
    const std::string of_points = points == 0 ? ""
                                              : " What " + std::to_string(points) +
                                                    " points gain is added to the bound of all.";
    const auto name = [&](int64_t of) {
      return "log-likelihood, S = " + std::to_string(of) + (summed ? ", y summed" : "") +
             (points == 0 ? "" : ", by " + std::to_string(points) + " points");
    };
    if (few > 1) {
      add({name(few), 0, 2, false,
           "Importance-weighted with " + std::to_string(few) +
               " samples: between the bound and that of more." + of_points,
           "nats"},
          "/log_likelihood/few/value");
    }
    if (samples == 1 && !summed) return;  // the bound again
    add({name(samples), 0, 2, false,
         "Importance-weighted with " + std::to_string(samples) + " samples: a tighter bound." +
             of_points,
         "nats"},
        "/log_likelihood/value");
    add({name(samples) + ", of standardised values", 0, 2, true, "", "nats"},
        "/standardised/log_likelihood");
  }

  void clusterings() {
    const json several = part("latents");
    if (several.empty()) return clusters("", Pointer());
    for (const auto& latent : several.items()) {
      clusters(", " + latent.key(), Pointer("/latents") / latent.key());
    }
  }

  /// Of the discrete latent whose figures stand below `at`; `latent` tells it from others.
  void clusters(const std::string& latent, const Pointer& at) {
    const int64_t clusters = metrics_.value(at / "clusters", int64_t{2});
    if (clusters == 1) return;
    const int64_t labelled = metrics_.value(at / "clustering" / "points", points_);
    const std::string among =
        labelled < points_ ? ", of the " + std::to_string(labelled) + " points with a label" : "";
    const auto of = [&](const std::string& name, const char* key, int digits,
                        const std::string& says = "", const std::string& unit = "") {
      add({name + latent, 0, digits, false, says, unit, true}, at / Pointer(key));
    };
    if (labelled < points_) of("points with a label", "/clustering/points", 0);
    of("accuracy, one-to-one", "/clustering/acc_hungarian", 3,
       "Each cluster takes a label of its own, in the best way" + among + ".", "%");
    of("accuracy, majority", "/clustering/acc_majority", 3,
       "Each cluster takes the label most frequent in it" + among + ".", "%");
    of("accuracy, most confident", "/clustering/acc_most_confident", 3,
       "Each cluster takes the label of the point most sure to be in it" + among + ".", "%");
    of("NMI", "/clustering/nmi", 3,
       "Shared information of clusters and labels" + among + ": 0 none, 1 all.");
    of("ARI", "/clustering/ari", 3,
       "Pairs of points that clusters and labels both put together" + among +
           ": 0 as many as by chance, 1 all.");
    of("clusters in use", "/clusters_in_use", 0);
    of("clusters above an even share", "/clusters_above_even_share", 0);
    of("effective number of clusters", "/effective_clusters", 1);
    of("clusters told apart", "/clusters_told_apart", 2,
       "Of " + std::to_string(clusters) +
           ": how many clusters of equal size the model tells apart for certain, in effect.");
    of("clusters shared by labels", "/clustering/label_shared_clusters", 0);
    of("entropy of q(y)", "/cluster_entropy", 2, "", "nats");
    of("largest cluster", "/largest_cluster", 3);
  }

  void classes() {
    if (!metrics_.contains("classification")) return;
    const json& figures = metrics_.at("classification");
    const auto points = figures.at("points").get<int64_t>();
    const std::string weight = weight_of_labels(metrics_);
    for (const auto& [classifier, error] : figures.at("error").items()) {
      const auto wrong = std::llround(error.get<double>() * static_cast<double>(points));
      add({"error of " + classifier, 0, 4, false,
           "Of " + std::to_string(points) + " " + split_ + " points whose class is known, " +
               std::to_string(wrong) + (wrong == 1 ? " is" : " are") + " named wrongly." +
               (weight.empty() ? "" : " Labels weighed " + weight + "."),
           "%"},
          Pointer("/classification/error") / classifier);
    }
  }

  void latents() {
    add({"information of the latents", 0, 2, false, "", "nats"}, "/information/mutual_information");
    add({"KL of aggregated codes to the prior", 0, 2, false, "", "nats"},
        "/information/aggregated_kl");
    const json layers = part("active_units");
    for (const auto& layer : layers.items()) {
      add({"active units of " + layer.key(), 0, 0, true}, Pointer("/active_units") / layer.key());
    }
    const json neighbours = part("neighbour_accuracy");
    for (const auto& layer : neighbours.items()) {
      add({"accuracy of neighbours in " + layer.key(), 0, 3, true,
           "Points whose nearest other one, by the means of " + layer.key() +
               ", has the same label: what that layer tells of them.",
           "%"},
          Pointer("/neighbour_accuracy") / layer.key());
    }
  }

  void generations() {
    add({"Wasserstein-1 of generations", 0, 4}, "/generation/wasserstein_1");
    add({"the same of a perfect model", 0, 4}, "/generation/wasserstein_1_floor");
    add({"the same, clusters drawn alike", 0, 4}, "/generation/wasserstein_1_uniform");
    add({"generations in a wrong mode", 0, 4}, "/generation/wrong_mode_share");
  }

  const json& metrics_;
  const std::string& split_;
  int64_t points_;
  std::vector<Figure> all_;
};

}  // namespace

void to_json(json& all, const Metrics& of) {
  all = json_of(of.clusters, of.points);
  all["points"] = of.points;
  all["seconds"] = of.seconds;
  all["elbo"] = of.bound.elbo;
  for (const auto& [name, value] : of.bound.terms) all["terms"][name] = value;
  if (of.bits_per_dimension) all["bits_per_dimension"] = *of.bits_per_dimension;
  all["log_likelihood"] = json_of(of.log_likelihood);
  if (of.log_volume) all["log_volume"] = *of.log_volume;
  if (of.standardised) {
    all["standardised"] = {{"elbo", of.standardised->elbo},
                           {"log_likelihood", of.standardised->log_likelihood}};
  }
  if (of.features_at_least_deviation) {
    all["features_at_least_deviation"] = *of.features_at_least_deviation;
  }
  for (const LayerMetrics& layer : of.layers) {
    all["active_units"][layer.name] = layer.active_units;
    if (layer.neighbour_accuracy) {
      all["neighbour_accuracy"][layer.name] = *layer.neighbour_accuracy;
    }
    all["units"][layer.name] = layer.unit_divergence.size();
    all["layer_kl"][layer.name] = layer.divergence;
    all["unit_kl"][layer.name] = layer.unit_divergence;
  }
  for (const auto& [name, latent] : of.latents) all["latents"][name] = json_of(latent, of.points);
  if (of.classification) {
    all["classification"]["points"] = of.classification->points;
    for (const auto& [name, error] : of.classification->error) {
      all["classification"]["error"][name] = error;
    }
  }
  if (of.relaxed_elbo) all["relaxed_elbo"] = *of.relaxed_elbo;
  if (of.looser_elbo) all["looser_elbo"] = *of.looser_elbo;
  if (of.information) {
    all["information"] = {{"mutual_information", of.information->mutual_information},
                          {"aggregated_kl", of.information->aggregated_kl},
                          {"cluster_entropy", of.information->cluster_entropy},
                          {"log_clusters", of.information->log_clusters}};
  }
  if (of.generation) all["generation"] = json_of(*of.generation);
}

std::string measured_split(const json& metrics) {
  for (const char* split : {"test", "validation", "train"}) {
    if (metrics.contains(split)) return split;
  }
  return "";
}

std::string Figure::cell() const {
  constexpr double kAllDigits = 1e15;  // beyond it a double has none behind the point
  char text[64];
  std::snprintf(text, sizeof text, std::abs(value) < kAllDigits ? "%.*f" : "%.*g", digits, value);
  const bool zero = std::string_view(text).find_first_not_of("-0.") == std::string_view::npos;
  return zero && text[0] == '-' ? text + 1 : text;
}

std::string Figure::said() const {
  if (unit == "%") return Figure{name, 100 * value, digits - 2}.cell() + " %";
  return cell() + (unit.empty() ? "" : " " + unit);
}

std::string weight_of_labels(const json& metrics) {
  const Pointer at("/classification/label_weight");
  if (!metrics.contains(at)) return "";
  const json& weight = metrics.at(at);
  char text[64];
  std::snprintf(text, sizeof text, "α = %g on their %s", weight.at("alpha").get<double>(),
                weight.at("on").get<std::string>().c_str());
  return text;
}

std::vector<Figure> figures_of(const json& metrics, const std::string& split) {
  return Reader(metrics, split).read();
}

std::string FigureTable::cell(const std::string& row, size_t column,
                              const std::string& missing) const {
  const auto figure = columns[column].find(row);
  return figure == columns[column].end() ? missing : figure->second.cell();
}

FigureTable side_by_side(const std::vector<std::vector<Figure>>& columns) {
  FigureTable table;
  for (const auto& column : columns) {
    auto& own = table.columns.emplace_back();
    auto next = table.rows.begin();  // after what the columns before have as well
    for (const Figure& figure : column) {
      const auto known = std::find(table.rows.begin(), table.rows.end(), figure.name);
      next = (known == table.rows.end() ? table.rows.insert(next, figure.name) : known) + 1;
      own.emplace(figure.name, figure);
    }
  }
  return table;
}

}  // namespace clade
