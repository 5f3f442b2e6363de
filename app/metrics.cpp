#include "app/metrics.h"

#include <cstdio>
#include <vector>

#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"
#include "clade/evaluation/metrics.h"

using nlohmann::json;

namespace {

/// A line a figure, a column a split.
void print_table(const json& metrics) {
  std::string header;
  std::vector<std::vector<clade::Figure>> splits;
  const auto add = [](const std::string& text, std::string& line) {
    char padded[48];
    std::snprintf(padded, sizeof padded, "%14s", text.c_str());
    line += padded;
  };
  for (const auto& [split, figures] : metrics.items()) {
    add(clade::one_line(split), header);
    splits.push_back(clade::figures_of(figures, split));
    for (clade::Figure& figure : splits.back()) {
      if (figure.detail) figure.name.insert(0, "  ");
    }
  }
  std::printf("%-36s%s\n", "nats per point", header.c_str());
  const clade::FigureTable table = clade::side_by_side(splits);
  for (const std::string& row : table.rows) {
    std::string line;
    for (size_t i = 0; i < splits.size(); ++i) add(table.cell(row, i, "-"), line);
    std::printf("%-36s%s\n", row.c_str(), line.c_str());
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
  const std::string split = clade::measured_split(metrics);
  if (split.empty()) return said;
  const json& figures = metrics.at(split);
  const std::string points = figures.at("points").dump() + " " + split;
  const json latents = figures.value("latents", json::object());
  if (latents.empty()) add(figures, "", points);
  for (const auto& [latent, of_latent] : latents.items()) add(of_latent, " of " + latent, points);
  return said;
}

std::filesystem::path metrics_path(const std::filesystem::path& run) {
  return run / clade::run_files::kMetrics;
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
