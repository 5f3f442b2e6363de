#include "clade/run/metrics_file.h"

#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/evaluation/metrics.h"

namespace clade {

using nlohmann::json;

std::string said_of_empty_clusters(const json& metrics) {
  std::string said;
  const auto add = [&](const json& figures, const std::string& of, const std::string& points) {
    const int64_t clusters = figures.value("clusters", int64_t{0});
    const int64_t empty = clusters - figures.value("clusters_in_use", clusters);
    if (empty == 0) return;
    add_note(std::to_string(empty) + " of " + std::to_string(clusters) + " clusters" + of +
                 (empty == 1 ? " is" : " are") + " empty: none of the " + points +
                 " points is most likely in " + (empty == 1 ? "it" : "them"),
             said);
  };
  const std::string split = measured_split(metrics);
  if (split.empty()) return said;
  const json& figures = metrics.at(split);
  const std::string points =
      figures.at("points").dump() + " " + (split == "train" ? "training" : split);
  const json latents = figures.value("latents", json::object());
  if (latents.empty()) add(figures, "", points);
  for (const auto& [latent, of_latent] : latents.items()) add(of_latent, " of " + latent, points);
  return said;
}

std::filesystem::path metrics_path(const std::filesystem::path& run) {
  return run / run_files::kMetrics;
}

json read_metrics(const std::filesystem::path& run) {
  return read_json_object(metrics_path(run));
}

void write_metrics(const std::filesystem::path& run, const std::string& split,
                   const json& metrics) {
  json all = read_metrics(run);
  all[split] = metrics;
  write_json(metrics_path(run), all);
}

}  // namespace clade
