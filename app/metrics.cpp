#include "app/metrics.h"

#include <cstdio>

#include "clade/core/json_file.h"
#include "clade/core/words.h"

using nlohmann::json;

namespace {

void row(const json& metrics, const std::string& label, const json::json_pointer& at,
         const char* format) {
  std::string line;
  bool any = false;
  for (const auto& [split, figures] : metrics.items()) {
    char cell[32] = "-";
    if (figures.contains(at) && figures.at(at).is_number()) {
      std::snprintf(cell, sizeof cell, format, figures.at(at).get<double>());
      any = true;
    }
    char padded[48];
    std::snprintf(padded, sizeof padded, "%14s", cell);
    line += padded;
  }
  if (any) std::printf("%-33s%s\n", label.c_str(), line.c_str());
}

/// What a discrete latent's clusters are measured by; `at` is where its figures stand in a split's.
void cluster_rows(const json& metrics, const std::string& latent, const json::json_pointer& at) {
  const auto of = [&](const std::string& figure, const char* name, const char* format) {
    row(metrics, latent + figure, at / json::json_pointer(name), format);
  };
  of("points with a label", "/clustering/points", "%.0f");
  of("accuracy, one-to-one", "/clustering/acc_hungarian", "%.3f");
  of("accuracy, majority label", "/clustering/acc_majority", "%.3f");
  of("accuracy, most confident", "/clustering/acc_most_confident", "%.3f");
  of("NMI", "/clustering/nmi", "%.3f");
  of("ARI", "/clustering/ari", "%.3f");
  of("clusters in use", "/clusters_in_use", "%.0f");
  of("clusters above an even share", "/clusters_above_even_share", "%.0f");
  of("effective number of clusters", "/effective_clusters", "%.1f");
  of("clusters told apart", "/clusters_told_apart", "%.2f");
  of("largest cluster", "/largest_cluster", "%.3f");
}

void print_table(const json& metrics) {
  using Pointer = json::json_pointer;
  std::string header;
  int64_t samples = 1, few = 1;
  int64_t clusters = 2;
  bool summed = false;  // every cluster inside each weight, which even one sample gains from
  json terms = json::object();
  json layers = json::object();
  json latents = json::object();  // the discrete ones, if there are several
  json errors = json::object();   // of classifiers
  bool density = false;           // which has a unit
  for (const auto& [split, figures] : metrics.items()) {
    char padded[48];
    std::snprintf(padded, sizeof padded, "%14s", clade::one_line(split).c_str());
    header += padded;
    const json& likelihood = figures.at("log_likelihood");
    samples = std::max(samples, likelihood.at("importance_samples").get<int64_t>());
    few = std::max(few, likelihood.value(Pointer("/few/importance_samples"), int64_t{1}));
    summed = summed || likelihood.value("sum_clusters", false);
    clusters = figures.value("clusters", clusters);
    terms = figures.at("terms");
    layers = figures.at("active_units");
    latents = figures.value("latents", json::object());
    errors.update(figures.value(Pointer("/classification/error"), json::object()));
    density = density || figures.contains("log_volume");
  }
  std::printf("%-33s%s\n", "", header.c_str());
  row(metrics, density ? "bound (nats, in the data's units)" : "bound (nats per point)",
      Pointer("/elbo"), "%.2f");
  for (const auto& term : terms.items()) {
    row(metrics, "  " + term.key(), Pointer() / "terms" / term.key(), "%.2f");
  }
  row(metrics, "  in bits per dimension, negative", Pointer("/bits_per_dimension"), "%.3f");
  row(metrics, "bound of standardised values", Pointer("/standardised/elbo"), "%.2f");
  const auto likelihood_row = [&](int64_t of, const char* at) {
    row(metrics, "log-likelihood, S = " + std::to_string(of) + (summed ? ", summed" : ""),
        Pointer(at), "%.2f");
  };
  if (few > 1) likelihood_row(few, "/log_likelihood/few/value");
  if (samples > 1 || summed) {
    likelihood_row(samples, "/log_likelihood/value");
    row(metrics, "  of standardised values", Pointer("/standardised/log_likelihood"), "%.2f");
  }
  row(metrics, "features at least deviation", Pointer("/features_at_least_deviation"), "%.0f");
  if (latents.empty() && clusters > 1) cluster_rows(metrics, "", Pointer());
  for (const auto& latent : latents.items()) {
    cluster_rows(metrics, latent.key() + ": ", Pointer("/latents") / latent.key());
  }
  for (const auto& error : errors.items()) {
    row(metrics, "error of " + error.key(), Pointer("/classification/error") / error.key(), "%.4f");
  }
  row(metrics, "information of the latents, nats", Pointer("/information/mutual_information"),
      "%.2f");
  row(metrics, "KL of aggregated codes to prior", Pointer("/information/aggregated_kl"), "%.2f");
  if (clusters > 1) {
    row(metrics, "entropy of q(y), nats", Pointer("/cluster_entropy"), "%.2f");
  }
  row(metrics, "bound with a relaxed cluster", Pointer("/relaxed_elbo"), "%.2f");
  row(metrics, "looser bound of the paper", Pointer("/looser_elbo"), "%.2f");
  row(metrics, "Wasserstein-1 of generations", Pointer("/generation/wasserstein_1"), "%.4f");
  row(metrics, "the same of a perfect model", Pointer("/generation/wasserstein_1_floor"), "%.4f");
  row(metrics, "wrong mode, share", Pointer("/generation/wrong_mode_share"), "%.4f");
  for (const auto& layer : layers.items()) {
    row(metrics, "active units of " + layer.key(), Pointer() / "active_units" / layer.key(),
        "%.0f");
  }
}

}  // namespace

std::string said_of_empty_clusters(const json& metrics) {
  std::string said;
  const auto add = [&](const json& figures, const std::string& of, const std::string& points) {
    const int64_t clusters = figures.value("clusters", int64_t{0});
    const int64_t empty = clusters - figures.value("clusters_in_use", clusters);
    if (empty == 0) return;
    clade::add_note(std::to_string(empty) + " of " + std::to_string(clusters) + " clusters" + of +
                        (empty == 1 ? " is" : " are") + " empty: none of the " + points +
                        " points is most likely in " + (empty == 1 ? "it" : "them"),
                    said);
  };
  for (const char* split : {"test", "train"}) {
    if (!metrics.contains(split)) continue;
    const json& figures = metrics.at(split);
    const std::string points = figures.at("points").dump() + " " + split;
    const json latents = figures.value("latents", json::object());
    if (latents.empty()) add(figures, "", points);
    for (const auto& [latent, of_latent] : latents.items()) add(of_latent, " of " + latent, points);
    return said;
  }
  return said;
}

std::filesystem::path metrics_path(const std::filesystem::path& run) {
  return run / "metrics.json";
}

json read_metrics(const std::filesystem::path& run) {
  return clade::read_json_object(metrics_path(run));
}

void write_metrics(const std::filesystem::path& run, const std::string& split,
                   const json& metrics) {
  json all = read_metrics(run);
  all[split] = metrics;
  clade::write_json(metrics_path(run), all);
}

void print_metrics(const json& metrics, const std::filesystem::path& file) {
  clade::take_json(file, "delete it and measure again: clade evaluate RUN",
                   [&] { print_table(metrics); });
}
