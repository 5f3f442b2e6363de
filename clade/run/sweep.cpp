#include "clade/run/sweep.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/core/error.h"
#include "clade/run/spread.h"

namespace clade {
namespace {

/// By how much agreements of a few seeds differ by chance.
constexpr double kAlikeAgreement = 0.05;

/// Clusters told apart, a tenth of a nat, below which a cluster says next to nothing of a point.
constexpr double kNearlyNothingApart = 1.1;

std::string with_deviation(const std::vector<double>& values, int digits) {
  if (values.empty()) return "-";
  const Spread spread = spread_of(values);
  const std::string mean = with_digits(spread.mean, digits);
  return values.size() > 1 ? mean + " ± " + with_digits(spread.deviation, digits) : mean;
}

bool tells_nothing_apart(const SweptClusters& of) {
  return !of.told_apart.empty() && spread_of(of.told_apart).mean < kNearlyNothingApart;
}

bool has_collapsed(const SweptValue& one) {
  return !one.clusterings.empty() &&
         std::all_of(one.clusterings.begin(), one.clusterings.end(), tells_nothing_apart);
}

/// Over the latents that tell something apart.
std::optional<double> mean_agreement(const SweptValue& one) {
  std::vector<double> all;
  for (const SweptClusters& of : one.clusterings) {
    if (tells_nothing_apart(of)) continue;
    if (const auto own = agreement(of.assigned)) all.push_back(*own);
  }
  if (all.empty()) return {};
  return spread_of(all).mean;
}

using Places = std::vector<size_t>;  // among the values

/// Those that have collapsed, or those that have not.
Places with_collapse(const std::vector<SweptValue>& values, bool collapsed) {
  Places places;
  for (size_t i = 0; i < values.size(); ++i) {
    if (has_collapsed(values[i]) == collapsed) places.push_back(i);
  }
  return places;
}

/// Of `among` those whose runs agree about as well as any; all if none has two runs.
Places stable_ones(const std::vector<SweptValue>& values, const Places& among) {
  std::optional<double> most;
  for (const size_t i : among) {
    if (const auto own = mean_agreement(values[i])) most = std::max(most.value_or(*own), *own);
  }
  Places stable;
  for (const size_t i : among) {
    const auto own = mean_agreement(values[i]);
    if (!most || (own && *own >= *most - kAlikeAgreement)) stable.push_back(i);
  }
  return stable;
}

/// "0.71 at 20, 0.55 at 40" of the values that have an agreement and are not among `stable`.
std::string of_others(const std::vector<SweptValue>& values, const Places& stable) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::find(stable.begin(), stable.end(), i) != stable.end()) continue;
    const auto own = mean_agreement(values[i]);
    if (!own) continue;
    text += (text.empty() ? "" : ", ") + with_digits(*own, 2) + " at " + values[i].value;
  }
  return text;
}

/// "−91.00, is the highest", of the value in the place `which`; `best` has the highest.
std::string rank_of(const std::vector<SweptValue>& values, size_t which, size_t best) {
  const auto bound_at = [&](size_t i) { return with_digits(spread_of(values[i].bounds).mean, 2); };
  return bound_at(which) + ", is " +
         (which == best ? "the highest"
                        : "within a deviation of the highest, " + bound_at(best) + " at " +
                              values[best].value);
}

/// Why it is the value in the place `which`; `best` has the highest bound of `stable`.
std::string reason_for(const std::vector<SweptValue>& values, const Places& stable, size_t which,
                       size_t best) {
  const SweptValue& taken = values[which];
  const std::string rank = rank_of(values, which, best);
  const auto own = mean_agreement(taken);
  if (!own) {
    return "its bound, " + rank +
           (taken.clusterings.empty() || has_collapsed(taken)
                ? ""
                : "; with one seed nobody knows whether its clusters come again: give more");
  }
  const std::string others = of_others(values, stable);
  std::string reason = "seeds agree there by " + with_digits(*own, 2);
  if (taken.clusterings.size() > 1) reason += " on average over its latents";
  if (!others.empty()) reason += ", more than elsewhere (" + others + ")";
  if (stable.size() == 1) {
    return reason + "; its bound is " + with_digits(spread_of(taken.bounds).mean, 2);
  }
  return reason + ", and of the values that they agree about as well on, its bound, " + rank;
}

/// "1.00 clusters", or of several latents "1.00 clusters in y1, 1.02 clusters in y2": of those that
/// tell nothing apart.
std::string nothing_apart(const SweptValue& one) {
  std::string text;
  for (const SweptClusters& of : one.clusterings) {
    if (!tells_nothing_apart(of)) continue;
    text += (text.empty() ? "" : ", ") + with_digits(spread_of(of.told_apart).mean, 2) +
            " clusters" + (of.latent.empty() ? "" : " in " + of.latent);
  }
  return text;
}

/// What is to be known of clusters that do not divide the points; "" if all do.
std::string warning_for(const std::vector<SweptValue>& values, const Places& collapsed,
                        size_t which) {
  if (collapsed.size() == values.size()) {
    return ", but nothing to rely on: at every value runs tell nearly nothing apart, there " +
           nothing_apart(values[which]) +
           "; train longer, or start from clusters (train.start), before choosing";
  }
  const std::string own = nothing_apart(values[which]);
  std::string text = own.empty() ? "" : "; of its latents some tell nearly nothing apart: " + own;
  for (const size_t i : collapsed) {
    text += i == collapsed.front() ? "; left out, as runs tell nearly nothing apart: " : ", ";
    text += values[i].value + " (" + nothing_apart(values[i]) + ")";
  }
  return text;
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
  if (values.empty()) throw Error("there is no value to recommend one of");
  for (const SweptValue& one : values) {
    if (one.bounds.empty()) throw Error("no run at " + one.value + " has finished");
  }
  const Places collapsed = with_collapse(values, true), divided = with_collapse(values, false);
  const Places stable = stable_ones(values, divided.empty() ? collapsed : divided);
  const auto mean_of = [&](size_t i) { return spread_of(values[i].bounds).mean; };
  const size_t best = *std::max_element(
      stable.begin(), stable.end(), [&](size_t a, size_t b) { return mean_of(a) < mean_of(b); });
  const double enough = mean_of(best) - spread_of(values[best].bounds).deviation;
  size_t which = best;
  for (const size_t i : stable) {
    if (mean_of(i) >= enough && values[i].size < values[which].size) which = i;
  }
  return {which, reason_for(values, stable, which, best) + warning_for(values, collapsed, which)};
}

std::vector<Swept> sweep_figures(const std::vector<SweptValue>& values) {
  std::vector<Swept> figures;
  const auto add = [&](const std::string& name, double place, double figure) {
    auto at = std::find_if(figures.begin(), figures.end(),
                           [&](const Swept& one) { return one.name == name; });
    if (at == figures.end()) at = figures.insert(at, {name, {}, {}});
    at->values.push_back(place);
    at->figures.push_back(figure);
  };
  for (const SweptValue& one : values) {
    for (const double bound : one.bounds)
      add("bound of " + one.split + " points, nats", one.place, bound);
    for (const SweptClusters& own : one.clusterings) {
      const std::string of = own.latent.empty() ? "" : " of " + own.latent;
      for (const double count : own.effective) add("effective clusters" + of, one.place, count);
      for (const double count : own.told_apart) add("clusters told apart" + of, one.place, count);
      const auto agreed = agreement(own.assigned);
      if (agreed) add("agreement of seeds (ARI)" + of, one.place, *agreed);
    }
  }
  return figures;
}

std::string sweep_table(const std::string& key, const std::vector<SweptValue>& values) {
  std::string text = "| " + key + " | bound, " +
                     (values.empty() ? "validation" : values.front().split) +
                     " | effective clusters | told apart | agreement of seeds (ARI) | runs |\n"
                     "| --- | --- | --- | --- | --- | --- |\n";
  for (const SweptValue& one : values) {
    const auto add = [&](const SweptClusters& of) {
      const auto own = agreement(of.assigned);
      text += "| " + one.value + (of.latent.empty() ? "" : ", " + of.latent) + " | " +
              with_deviation(one.bounds, 2) + " | " + with_deviation(of.effective, 1) + " | " +
              with_deviation(of.told_apart, 2) + " | " + (own ? with_digits(*own, 3) : "-") +
              " | " + std::to_string(one.bounds.size()) + " |\n";
    };
    for (const SweptClusters& of : one.clusterings) add(of);
    if (one.clusterings.empty()) add({});
  }
  const Recommendation best = recommended(values);
  return text +
         "\nTold apart: e to the mutual information of point and cluster, 1 if every point belongs "
         "to all alike.\n\nRecommended: " +
         key + " = " + values[best.which].value + ": " + best.reason + ".\n";
}

}  // namespace clade
