#include "clade/run/results.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "clade/core/error.h"
#include "clade/core/progress.h"
#include "clade/core/words.h"
#include "clade/evaluation/metrics.h"
#include "clade/run/spread.h"

namespace clade {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

constexpr const char* kNone = "-";

std::optional<double> number_at(const json& object, const Pointer& at) {
  if (!object.contains(at) || !object.at(at).is_number()) return std::nullopt;
  return object.at(at).get<double>();
}

/// The run to show beside the mean. Chosen by validation alone: test points and labels only judge.
const json* best_run(const std::vector<const json*>& runs) {
  const json* best = nullptr;
  double best_bound = 0;
  for (const json* run : runs) {
    const auto bound = number_at(*run, Pointer("/metrics/validation/elbo"));
    if (!bound || (best != nullptr && *bound <= best_bound)) continue;
    best = run;
    best_bound = *bound;
  }
  return best;
}

using Figure = std::function<std::optional<double>(const json& run)>;

/// Null where no run has the figure.
json over_runs(const std::vector<const json*>& runs, const Figure& figure) {
  std::vector<double> values;
  for (const json* run : runs) {
    if (const auto value = figure(*run)) values.push_back(*value);
  }
  if (values.empty()) return nullptr;
  const Spread spread = spread_of(values);
  json summary = {{"mean", spread.mean}, {"runs", values.size()}};
  if (values.size() > 1) summary["sd"] = spread.deviation;
  if (const json* best = best_run(runs)) {
    if (const auto value = figure(*best)) summary["best"] = *value;
  }
  return summary;
}

json over_runs(const std::vector<const json*>& runs, const Pointer& at) {
  return over_runs(runs, [&](const json& run) { return number_at(run, at); });
}

/// What any of the runs has a figure of in the object there.
std::set<std::string> names_at(const std::vector<const json*>& runs, const Pointer& at) {
  std::set<std::string> names;
  for (const json* run : runs) {
    const json object = run->value(at, json::object());
    for (const auto& item : object.items()) names.insert(item.key());
  }
  return names;
}

std::string mean_and_sd(const json& figure, int digits) {
  if (!figure.is_object()) return kNone;
  std::string text = with_digits(figure.at("mean"), digits);
  if (figure.contains("sd")) text += " ± " + with_digits(figure.at("sd"), digits);
  return text;
}

std::string cells(const std::vector<std::string>& row) {
  std::string line = "|";
  for (const std::string& cell : row) {
    line += ' ';
    for (const char c : cell) line += c == '|' ? "\\|" : std::string(1, c);
    line += " |";
  }
  return line + "\n";
}

std::string heading(const std::vector<std::string>& row) {
  return cells(row) + cells(std::vector<std::string>(row.size(), "---"));
}

/// What the runs say under `key`, each once.
std::string said(const json& runs, const char* key) {
  std::set<std::string> all;
  for (const json& run : runs) {
    if (!run.contains("failed")) all.insert(run.value(key, kNone));
  }
  std::string text;
  for (const std::string& one : all) add_note(one, text);
  return text.empty() ? kNone : text;
}

std::string epochs(const json& runs) {
  std::string text;
  for (const json& run : runs) {
    if (run.contains("failed")) continue;
    text += text.empty() ? "" : ", ";
    if (!run.contains("epochs")) {
      text += kNone;
      continue;
    }
    text += std::to_string(run.at("epochs").get<int64_t>());
    if (!run.at("stopped_early").get<bool>()) text += "†";
  }
  return text.empty() ? kNone : text;
}

/// One line of the first table; none where neither we nor the literature have a figure.
std::string figure_row(const std::string& name, const json& row, const std::string& metric,
                       const json& figure, double published, int digits = 2) {
  if (!figure.is_object() && published == 0) return "";
  std::string runs = figure.is_object() ? figure.at("runs").dump() : "0";
  if (runs != row.at("seeds").dump()) runs += " of " + row.at("seeds").dump();
  std::string difference = kNone;
  if (figure.is_object() && published != 0) {
    const double more = figure.at("mean").get<double>() - published;
    difference = std::string(more > 0 ? "+" : "").append(with_digits(more, digits));
  }
  return cells(
      {name, row.at("model"), row.at("data"),
       row.contains("clusters") ? row.at("clusters").dump() : kNone, metric,
       published != 0 ? with_digits(published, digits) : kNone, mean_and_sd(figure, digits),
       figure.contains("best") ? with_digits(figure.at("best"), digits) : kNone, difference, runs});
}

/// ", α = 50 on their mean": how the losses of labels weighed; "" if no run says, as of before.
std::string said_of_label_weight(const json& runs) {
  for (const json& run : runs) {
    const std::string weight = weight_of_labels(run.value(Pointer("/metrics/test"), json()));
    if (!weight.empty()) return ", " + weight;
  }
  return "";
}

/// A line for each classifier. What is published of a model with two is p(y|x).
std::string error_rows(const std::string& name, const json& row, const json& summary) {
  const json& errors = summary.at("error");
  const double published = row.at("published").value("error", 0.0);
  if (errors.empty()) return figure_row(name, row, "error, %", json(), published);
  const std::string judged = errors.contains("p(y|x)") ? "p(y|x)" : "q(y|x)";
  const std::string weight = said_of_label_weight(row.at("runs"));
  std::string text;
  for (const auto& [classifier, error] : errors.items()) {
    text += figure_row(name, row, "error of " + classifier + ", %" + weight, error,
                       classifier == judged ? published : 0);
  }
  return text;
}

/// What runs say of clusters at this place of their metrics.
json summary_of_clusters(const std::vector<const json*>& runs, const Pointer& at) {
  json summary;
  for (const std::string key : {"acc_hungarian", "acc_majority", "acc_most_confident", "nmi", "ari",
                                "label_shared_clusters"}) {
    summary[key] = over_runs(runs, at / "clustering" / key);
  }
  // Before both figures were told apart, the second had the name of the first.
  const Pointer above = at / "clusters_above_even_share";
  const Pointer in_use = at / "clusters_in_use";
  summary["clusters_in_use"] = over_runs(runs, [&](const json& run) {
    return number_at(run, above) ? number_at(run, in_use) : std::nullopt;
  });
  summary["clusters_told_apart"] = over_runs(runs, at / "clusters_told_apart");
  summary["clusters_above_even_share"] = over_runs(runs, [&](const json& run) {
    return number_at(run, number_at(run, above) ? above : in_use);
  });
  return summary;
}

/// How tightly F_S of a run bounds log p(x): by its samples, and at as many by summing the clusters
/// in place of drawing one.
std::pair<double, bool> tightness(const json& run) {
  const Pointer at("/metrics/test/log_likelihood");
  return {number_at(run, at / "importance_samples").value_or(1),
          run.value(at / "sum_clusters", false)};
}

/// Of the runs whose F_S is the tightest; that of the others is another figure, and stays out.
json summary_of_likelihoods(const std::vector<const json*>& runs) {
  std::pair<double, bool> tightest = {1, false};
  for (const json* run : runs) tightest = std::max(tightest, tightness(*run));
  const Pointer at("/metrics/test/log_likelihood");
  json summary;
  if (tightest != std::pair(1.0, false)) {
    summary["log_likelihood"] = over_runs(runs, [&](const json& run) {
      return tightness(run) == tightest ? number_at(run, at / "value") : std::nullopt;
    });
    summary["importance_samples"] = static_cast<int64_t>(tightest.first);
  }
  summary["log_likelihood_of_few"] = over_runs(runs, [&](const json& run) {
    return tightness(run).second == tightest.second ? number_at(run, at / "few" / "value")
                                                    : std::nullopt;
  });
  if (tightest.second) summary["sum_clusters"] = true;
  return summary;
}

/// The clusters of each latent, with its name if there are several.
std::vector<std::pair<std::string, json>> clusterings_of(const json& summary) {
  if (!summary.contains("latents")) return {{"", summary}};
  std::vector<std::pair<std::string, json>> all;
  for (const auto& [name, of] : summary.at("latents").items()) all.emplace_back(name, of);
  return all;
}

/// A published accuracy has a line among the published figures, by its own protocol; of several
/// latents each has one, unless the figure is said to be of one of them.
std::string accuracy_rows(const std::string& name, const json& row, const json& summary) {
  const json& all = row.at("published");
  std::string text;
  for (const auto& [protocol, key, metric] :
       {std::tuple{"accuracy", "acc_most_confident", "accuracy, most confident"},
        {"accuracy_majority", "acc_majority", "accuracy, majority"}}) {
    const double published = all.value(protocol, 0.0);
    if (published == 0) continue;
    const std::string of_one = all.value("latent", "");
    for (const auto& [latent, of] : clusterings_of(summary)) {
      if (!of_one.empty() && !latent.empty() && latent != of_one) continue;
      text += figure_row(name, row, metric + (latent.empty() ? "" : " in " + latent),
                         of.value(key, json()), published, 3);
    }
  }
  return text;
}

}  // namespace

json summarise(const json& runs) {
  std::vector<const json*> made;
  for (const json& run : runs) {
    if (!run.contains("failed")) made.push_back(&run);
  }
  const auto take = [&](const std::string& at) { return over_runs(made, Pointer(at)); };
  json summary = summary_of_likelihoods(made);
  const auto negative = [&](const std::string& at) {
    return over_runs(made, [&](const json& run) {
      const auto bound = number_at(run, Pointer(at));
      return bound ? std::optional(-*bound) : std::nullopt;
    });
  };
  summary["negative_bound"] = negative("/metrics/test/elbo");
  summary["negative_looser_bound"] = negative("/metrics/test/looser_elbo");
  summary["bits_per_dimension"] = take("/metrics/test/bits_per_dimension");
  summary.update(summary_of_clusters(made, Pointer("/metrics/test")));
  const Pointer latents("/metrics/test/latents");
  for (const std::string& name : names_at(made, latents)) {
    summary["latents"][name] = summary_of_clusters(made, latents / name);
  }
  const Pointer active("/metrics/test/active_units");
  const Pointer neighbours("/metrics/test/neighbour_accuracy");
  for (const std::string& layer : names_at(made, active)) {
    summary["layers"][layer] = {{"kl", over_runs(made, Pointer("/metrics/test/layer_kl") / layer)},
                                {"active_units", over_runs(made, active / layer)},
                                {"units", over_runs(made, Pointer("/metrics/test/units") / layer)},
                                {"neighbour_accuracy", over_runs(made, neighbours / layer)}};
  }
  const Pointer errors("/metrics/test/classification/error");
  summary["error"] = json::object();
  for (const std::string& classifier : names_at(made, errors)) {
    summary["error"][classifier] = over_runs(made, [&](const json& run) {
      const auto error = number_at(run, errors / classifier);
      return error ? std::optional(100 * *error) : std::nullopt;
    });
  }
  for (const std::string key :
       {"wasserstein_1", "wasserstein_1_floor", "wasserstein_1_uniform", "wrong_mode_share"}) {
    summary[key] = take("/metrics/test/generation/" + key);
  }
  summary["seconds"] = take("/seconds");
  summary["density"] = std::any_of(made.begin(), made.end(), [](const json* run) {
    return number_at(*run, Pointer("/metrics/test/log_volume")).has_value();
  });
  return summary;
}

namespace {

std::string table_of_bounds(const json& results) {
  std::string text =
      "Nats per test point. −ELBO is the negative bound, the cluster summed exactly: lower is "
      "better. log p is the\nimportance-weighted bound with S samples, the cluster drawn with the "
      "other latents or, if so it says, summed: higher is\nbetter. Errors are of classes learned "
      "from labels, which each seed draws anew: percent of the test points. Ours is mean\n± "
      "standard deviation (n − 1) over seeds from 1 on; best is the seed with the best validation "
      "bound; the difference is ours\nless published.\n\n";
  text += heading({"experiment", "model", "data", "K", "metric", "published", "ours", "best",
                   "difference", "seeds"});
  for (const auto& [name, row] : results.items()) {
    const json summary = summarise(row.at("runs"));  // files of older versions lack some
    const json& published = row.at("published");
    const std::string unit = summary.at("density").get<bool>() ? ", in the data's units" : "";
    text +=
        figure_row(name, row, "−ELBO" + unit, summary.at("negative_bound"), published.at("bound"));
    text += figure_row(name, row, "−the paper's looser bound" + unit,
                       summary.at("negative_looser_bound"), 0);
    const std::string of = (summary.contains("sum_clusters") ? ", y summed" : "") + unit;
    text += figure_row(name, row, "log p, S = " + std::to_string(kFewSamples) + of,
                       summary.at("log_likelihood_of_few"), 0);
    text += figure_row(name, row,
                       (summary.contains("importance_samples")
                            ? "log p, S = " + summary.at("importance_samples").dump()
                            : "log p") +
                           of,
                       summary.value("log_likelihood", json()), published.at("log_likelihood"));
    // Of pixels that are bits nobody asks it.
    if (row.value(Pointer("/settings/model/likelihood"), "bernoulli") != "bernoulli") {
      text += figure_row(name, row, "bits per dimension", summary.at("bits_per_dimension"), 0, 3);
    }
    text += error_rows(name, row, summary);
    text += accuracy_rows(name, row, summary);
  }
  return text;
}

bool is_guided(const json& runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [](const json& run) { return run.contains(Pointer("/metrics/test/guided")); });
}

std::string table_of_clusters(const json& results) {
  std::string text =
      "\nClusters of the test points against their labels, which no choice depends on. Told apart: "
      "e to the mutual information\nof point and cluster, 1 if every point belongs to all alike. "
      "In use: that hold a point. Above an even share: with q(y) ≥ 1/K.\nShared by labels: among "
      "the five most probable of more than one label. † Trained to `train.epochs`, not stopped "
      "early. ‡ Guided by\na clustering: it started from one, which each run's page names.\n\n";
  text += heading({"experiment", "accuracy one-to-one / majority / most confident", "NMI", "ARI",
                   "clusters in use", "told apart", "above an even share", "shared by labels",
                   "epochs", "training", "machine", "date", "version"});
  for (const auto& [name, row] : results.items()) {
    const json summary = summarise(row.at("runs"));
    const json& runs = row.at("runs");
    const std::string mark = is_guided(runs) ? "‡" : "";
    const json& seconds = summary.at("seconds");
    for (const auto& [latent, of] : clusterings_of(summary)) {
      const auto how_many = [&, of = of](const char* figure, int digits = 1) {
        return row.contains("clusters") ? mean_and_sd(of.at(figure), digits) : kNone;
      };
      text += cells(
          {name + mark + (latent.empty() ? "" : ", " + latent),
           mean_and_sd(of.at("acc_hungarian"), 3) + " / " + mean_and_sd(of.at("acc_majority"), 3) +
               " / " + mean_and_sd(of.at("acc_most_confident"), 3),
           mean_and_sd(of.at("nmi"), 3), mean_and_sd(of.at("ari"), 3), how_many("clusters_in_use"),
           how_many("clusters_told_apart", 2), how_many("clusters_above_even_share"),
           mean_and_sd(of.at("label_shared_clusters"), 1), epochs(runs),
           seconds.is_object() ? duration(seconds.at("mean")) : kNone, said(runs, "machine"),
           said(runs, "date"), said(runs, "version")});
    }
  }
  return text;
}

/// "" without rows.
std::string table_if_any(const std::string& said, const std::vector<std::string>& columns,
                         const std::string& rows) {
  return rows.empty() ? "" : said + heading(columns) + rows;
}

/// "" if no row has layers.
std::string table_of_layers(const json& results) {
  std::string layers;
  for (const auto& [name, row] : results.items()) {
    const json summary = summarise(row.at("runs"));
    if (!summary.contains("layers")) continue;
    for (const auto& [layer, of] : summary.at("layers").items()) {
      const json& units = of.at("units");
      layers += cells({name, layer, mean_and_sd(of.at("kl"), 2),
                       mean_and_sd(of.at("active_units"), 1) + " / " +
                           (units.is_object() ? with_digits(units.at("mean"), 0) : kNone),
                       mean_and_sd(of.at("neighbour_accuracy"), 3)});
    }
  }
  return table_if_any(
      "\nLayers: KL from the posterior of each to its prior, nats per test point; its active "
      "units, "
      "whose posterior means, in the prior's deviations, vary by\nmore than 0.01 over the test "
      "points, of all; and the share of test points whose nearest other one, by those means, has "
      "the same label.\n\n",
      {"experiment", "layer", "KL", "active / all units", "label of the nearest"}, layers);
}

/// "" if no row is of one-dimensional data.
std::string table_of_generations(const json& results) {
  std::string generations;
  for (const auto& [name, row] : results.items()) {
    const json summary = summarise(row.at("runs"));
    if (!summary.at("wasserstein_1").is_object()) continue;
    generations += cells({name, mean_and_sd(summary.at("wasserstein_1"), 4),
                          mean_and_sd(summary.at("wasserstein_1_floor"), 4),
                          mean_and_sd(summary.at("wasserstein_1_uniform"), 4),
                          mean_and_sd(summary.at("wrong_mode_share"), 4)});
  }
  return table_if_any(
      "\nGenerations of one-dimensional data: Wasserstein-1 distance to the test points, in the "
      "unit of the data (runs of\n0.1.0: of what the model reads), as the model draws clusters; "
      "what the distance would be on average were the model perfect; the distance with every\n"
      "cluster drawn alike, where the model draws them by q(y); share of the points drawn from a "
      "cluster that lie outside\nits main mode.\n\n",
      {"experiment", "W1", "perfect model", "W1, clusters alike", "wrong mode"}, generations);
}

/// How each row was made, and what of it failed.
std::string list_of_commands(const json& results) {
  std::string text = "\n";
  for (const auto& [name, row] : results.items()) {
    text += "- " + name + ": `" + row.at("command").get<std::string>() + "`";
    const std::string source = row.at("published").at("source");
    if (!source.empty()) text += "; published: " + source;
    for (const json& run : row.at("runs")) {
      if (run.contains("failed")) {
        text +=
            "; seed " + run.at("seed").dump() + " failed: " + run.at("failed").get<std::string>();
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string results_table(const json& results) {
  return table_of_bounds(results) + table_of_clusters(results) + table_of_layers(results) +
         table_of_generations(results) + list_of_commands(results);
}

std::string with_table(const std::string& document, const std::string& table,
                       const std::string& file) {
  const std::string begin = "<!-- bench:begin -->", end = "<!-- bench:end -->";
  const size_t from = document.find(begin);
  const size_t to = from == std::string::npos ? from : document.find(end, from);
  if (to == std::string::npos) {
    throw ConfigError(file +
                      " has no place for the table; add the lines <!-- bench:begin --> and "
                      "<!-- bench:end --> where it belongs");
  }
  return document.substr(0, from) + begin + "\n\n" + table + "\n" + document.substr(to);
}

}  // namespace clade
