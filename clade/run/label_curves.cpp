#include "clade/run/label_curves.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "clade/evaluation/evaluate.h"
#include "clade/run/results.h"

namespace clade {
namespace {

using nlohmann::json;

/// Rows that differ in their labels alone, by how many these are, and in how they are measured.
struct LabelRows {
  std::map<int64_t, std::vector<json>> summaries;
  std::string last;  ///< The name of the row with the most labels.

  void add(int64_t labels, const std::string& name, const json& row) {
    if (summaries.empty() || labels > summaries.rbegin()->first) last = name;
    summaries[labels].push_back(summarise(row.at("runs")));
  }
};

/// "cagem on mnist, K = 10", and what its rows share.
using Shared = std::pair<std::string, json>;

std::string said_of(const json& row) {
  const std::string who =
      row.at("model").get<std::string>() + " on " + row.at("data").get<std::string>();
  return row.contains("clusters") ? who + ", K = " + row.at("clusters").dump() : who;
}

/// What may differ between the rows of a curve goes.
json without_labels(json settings) {
  if (settings.contains("data")) settings["data"].erase("label_budget");
  settings.erase("evaluate");  // what it changes in kind has a curve of its own
  return settings;
}

/// Nor does what weighs labels, if there are none.
json without_weights(json settings) {
  for (const char* key : {"label_weight", "label_scale", "labelled_batch"}) {
    if (settings.contains("train")) settings["train"].erase(key);
  }
  return settings;
}

/// Every curve's rows, by what they share.
std::map<Shared, LabelRows> rows_by_settings(const json& results) {
  std::map<Shared, LabelRows> with_labels;
  std::map<Shared, std::string> without;  // names of rows
  for (const auto& [name, row] : results.items()) {
    if (!row.contains("settings")) continue;
    const int64_t labels = row.value("labels", int64_t{0});
    const json settings = without_labels(row.at("settings"));
    if (labels > 0) with_labels[{said_of(row), settings}].add(labels, name, row);
    if (labels == 0) without.emplace(Shared{said_of(row), without_weights(settings)}, name);
  }
  for (auto& [shared, rows] : with_labels) {
    const auto first = without.find({shared.first, without_weights(shared.second)});
    if (first != without.end()) rows.add(0, first->second, results.at(first->second));
  }
  return with_labels;
}

/// Importance samples, and whether the clusters are summed inside their weights.
using Kind = std::pair<int64_t, bool>;

/// Mean and deviation of the log-likelihood of each kind there is.
std::map<Kind, json> likelihoods_of(const json& summary) {
  std::map<Kind, json> all;
  const auto add = [&](Kind kind, json figure, double sign) {
    if (!figure.is_object()) return;
    figure["mean"] = sign * figure.at("mean").get<double>();
    all.emplace(kind, std::move(figure));
  };
  const bool summed = summary.value("sum_clusters", false);
  add({1, false}, summary.at("negative_bound"), -1);
  add({kFewSamples, summed}, summary.at("log_likelihood_of_few"), 1);
  add({summary.value("importance_samples", int64_t{1}), summed},
      summary.value("log_likelihood", json()), 1);
  return all;
}

/// A curve for each kind of likelihood that more than one of the rows has.
void add_curves(const std::string& name, const LabelRows& rows, std::vector<LabelCurve>& curves) {
  std::map<Kind, LabelCurve> by_kind;
  for (const auto& [labels, summaries] : rows.summaries) {
    std::map<Kind, json> figures;
    for (const json& summary : summaries) figures.merge(likelihoods_of(summary));
    for (const auto& [kind, figure] : figures) {
      LabelCurve& curve = by_kind[kind];
      curve.name = name + ", IW " + std::to_string(kind.first) + (kind.second ? ", y summed" : "");
      curve.labels.push_back(static_cast<double>(labels));
      curve.value.push_back(figure.at("mean"));
      curve.deviation.push_back(figure.value("sd", std::nan("")));
    }
  }
  for (auto& [kind, curve] : by_kind) {
    if (curve.labels.size() > 1) curves.push_back(std::move(curve));
  }
}

}  // namespace

std::vector<LabelCurve> label_curves(const json& results) {
  const auto all = rows_by_settings(results);
  std::map<std::string, int> called;  // how many would have that name
  for (const auto& [shared, rows] : all) called[shared.first] += rows.summaries.size() > 1;
  std::vector<LabelCurve> curves;
  for (const auto& [shared, rows] : all) {
    const bool one = called.at(shared.first) == 1;
    add_curves(one ? shared.first : shared.first + ", as " + rows.last, rows, curves);
  }
  return curves;
}

}  // namespace clade
