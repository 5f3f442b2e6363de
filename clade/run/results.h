#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace clade {

/// What several runs of one experiment gave. `runs` is a list of
///     {"seed", "metrics": {"test": …, "validation": …}, "seconds", …}
/// with metrics as in RUN/metrics.json; those with "failed" in place of metrics do not count. Each
/// figure is {"mean", "sd", "best", "runs"}: sd over n − 1, absent for one run; best is that of the
/// run with the best validation bound, absent without validation points. Figures: negative_bound,
/// log_likelihood of the runs with the most importance_samples, and of those the ones that
/// sum_clusters if there are any (none of the three if all are the bound itself),
/// log_likelihood_of_few of runs that sum them likewise, bits_per_dimension, "layers" by name with
/// kl, active_units and units, the clustering scores,
/// the errors of classifiers by name, in percent ("error"), clusters_in_use,
/// clusters_told_apart, clusters_above_even_share, label_shared_clusters, what is measured of
/// one-dimensional generations, seconds.
nlohmann::json summarise(const nlohmann::json& runs);

/// Markdown for results.json: experiments by name, each with what the row shows ("model", "data",
/// "clusters", "labels" for data.label_budget, "published", "command", "seeds"), its "runs" and
/// their "summary". Bounds are negative as in the literature's tables, log-likelihoods signed; the
/// text says so.
std::string results_table(const nlohmann::json& results);

/// `document` with `table` between the lines `<!-- bench:begin -->` and `<!-- bench:end -->`.
/// Throws ConfigError, naming `file`, where they are missing.
std::string with_table(const std::string& document, const std::string& table,
                       const std::string& file);

}  // namespace clade
