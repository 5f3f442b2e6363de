#include "clade/config/sweep.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstdio>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/config/spread.h"
#include "clade/core/error.h"

namespace clade {
namespace {

/// By how much agreements of a few seeds differ by chance.
constexpr double kAlikeAgreement = 0.05;

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string with_deviation(const std::vector<double>& values, int digits) {
  const Spread spread = spread_of(values);
  const std::string mean = with_digits(spread.mean, digits);
  return values.size() > 1 ? mean + " ± " + with_digits(spread.deviation, digits) : mean;
}

/// Places among the values whose runs agree about as well as any; all if none has two runs.
std::vector<size_t> stable_ones(const std::vector<SweptValue>& values) {
  std::optional<double> most;
  for (const SweptValue& one : values) {
    if (const auto own = agreement(one.clusters)) most = std::max(most.value_or(*own), *own);
  }
  std::vector<size_t> stable;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto own = agreement(values[i].clusters);
    if (!most || (own && *own >= *most - kAlikeAgreement)) stable.push_back(i);
  }
  return stable;
}

/// "0.71 at 20, 0.55 at 40" of the values that are not among `stable`.
std::string of_others(const std::vector<SweptValue>& values, const std::vector<size_t>& stable) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::find(stable.begin(), stable.end(), i) != stable.end()) continue;
    const auto own = agreement(values[i].clusters);
    if (!own) continue;
    text +=
        (text.empty() ? "" : ", ") + with_digits(*own, 2) + " at " + number_text(values[i].value);
  }
  return text;
}

/// Why it is the value in the place `which`; `best` has the highest bound of `stable`.
std::string reason_for(const std::vector<SweptValue>& values, const std::vector<size_t>& stable,
                       size_t which, size_t best) {
  const auto bound_at = [&](size_t i) { return with_digits(spread_of(values[i].bounds).mean, 2); };
  const std::string bound = bound_at(which);
  const std::string rank = which == best ? "the highest"
                                         : "within a deviation of the highest, " + bound_at(best) +
                                               " at " + number_text(values[best].value);
  const auto own = agreement(values[which].clusters);
  if (!own) {
    const bool one_clustering = !values[which].clusters.empty();
    return "its bound, " + bound + ", is " + rank +
           (one_clustering
                ? "; with one seed nobody knows whether its clusters come again: give more"
                : "");
  }
  const std::string others = of_others(values, stable);
  std::string reason = "seeds agree there by " + with_digits(*own, 2);
  if (!others.empty()) reason += ", more than elsewhere (" + others + ")";
  if (stable.size() == 1) return reason + "; its bound is " + bound;
  return reason + ", and of the values that they agree about as well on, its bound, " + bound +
         ", is " + rank;
}

}  // namespace

std::optional<double> agreement(const std::vector<torch::Tensor>& clusterings) {
  double sum = 0;
  int64_t pairs = 0;
  for (size_t i = 0; i < clusterings.size(); ++i) {
    for (size_t j = i + 1; j < clusterings.size(); ++j) {
      sum += adjusted_rand_index(clusterings[i], clusterings[j]);
      ++pairs;
    }
  }
  if (pairs == 0) return {};
  return sum / static_cast<double>(pairs);
}

Recommendation recommended(const std::vector<SweptValue>& values) {
  for (const SweptValue& one : values) {
    if (one.bounds.empty()) throw Error("no run at " + number_text(one.value) + " has finished");
  }
  const std::vector<size_t> stable = stable_ones(values);
  if (stable.empty()) throw Error("there is no value to recommend one of");
  const auto mean_of = [&](size_t i) { return spread_of(values[i].bounds).mean; };
  const size_t best = *std::max_element(
      stable.begin(), stable.end(), [&](size_t a, size_t b) { return mean_of(a) < mean_of(b); });
  const double enough = mean_of(best) - spread_of(values[best].bounds).deviation;
  size_t which = best;
  for (const size_t i : stable) {
    if (mean_of(i) >= enough && values[i].value < values[which].value) which = i;
  }
  return {which, reason_for(values, stable, which, best)};
}

std::vector<Swept> sweep_figures(const std::vector<SweptValue>& values) {
  std::vector<Swept> figures = {{"bound of validation points, nats", {}, {}},
                                {"effective clusters", {}, {}},
                                {"agreement of seeds (ARI)", {}, {}}};
  const auto add = [](Swept& to, double value, double figure) {
    to.values.push_back(value);
    to.figures.push_back(figure);
  };
  for (const SweptValue& one : values) {
    for (const double bound : one.bounds) add(figures[0], one.value, bound);
    for (const double clusters : one.effective_clusters) add(figures[1], one.value, clusters);
    if (const auto own = agreement(one.clusters)) add(figures[2], one.value, *own);
  }
  if (figures[2].values.empty()) figures.pop_back();
  return figures;
}

std::string sweep_table(const std::string& key, const std::vector<SweptValue>& values) {
  std::string text =
      "| " + key +
      " | bound, validation | effective clusters | agreement of seeds (ARI) | runs |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const SweptValue& one : values) {
    const auto own = agreement(one.clusters);
    text += "| " + number_text(one.value) + " | " + with_deviation(one.bounds, 2) + " | " +
            with_deviation(one.effective_clusters, 1) + " | " + (own ? with_digits(*own, 3) : "-") +
            " | " + std::to_string(one.bounds.size()) + " |\n";
  }
  const Recommendation best = recommended(values);
  return text + "\nRecommended: " + key + " = " + number_text(values[best.which].value) + ": " +
         best.reason + ".\n";
}

}  // namespace clade
