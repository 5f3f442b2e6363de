#include "clade/report/compare.h"

#include <torch/torch.h>

#include <cstdio>
#include <set>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/formats/png.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/html.h"
#include "clade/report/sheet.h"
#include "clade/training/provenance.h"

namespace clade {
namespace {

using nlohmann::json;

struct Figure {
  const char* name;
  const char* pointer;
  int decimals;
};

constexpr Figure kFigures[] = {
    {"bound", "/elbo", 2},
    {"bound, of standardised values", "/standardised/elbo", 2},
    {"log-likelihood", "/log_likelihood/value", 2},
    {"error of q(y|x)", "/classification/error/q(y|x)", 4},
    {"error of p(y|x)", "/classification/error/p(y|x)", 4},
    {"accuracy, one-to-one", "/clustering/acc_hungarian", 3},
    {"accuracy, majority label", "/clustering/acc_majority", 3},
    {"NMI", "/clustering/nmi", 3},
    {"clusters in use", "/clusters_in_use", 0},
    {"effective number of clusters", "/effective_clusters", 1},
    {"clusters shared by labels", "/clustering/label_shared_clusters", 0},
    {"largest cluster", "/largest_cluster", 3},
    {"mutual information", "/information/mutual_information", 2},
    {"aggregated KL", "/information/aggregated_kl", 2},
    {"entropy of q(y)", "/cluster_entropy", 2},
    {"Wasserstein-1", "/generation/wasserstein_1", 4},
    {"Wasserstein-1 of a perfect model", "/generation/wasserstein_1_floor", 4},
    {"Wasserstein-1, clusters alike", "/generation/wasserstein_1_uniform", 4},
    {"wrong-mode share", "/generation/wrong_mode_share", 4},
};

/// What was measured on unseen points, or on whatever there is.
const json& measured(const json& metrics) {
  static const json nothing = json::object();
  for (const char* split : {"test", "validation", "train"}) {
    if (metrics.contains(split)) return metrics[split];
  }
  return nothing;
}

/// "" where the run has no such figure.
std::string value_of(const ComparedRun& run, const Figure& figure) {
  const json& metrics = measured(run.metrics);
  const json::json_pointer at(figure.pointer);
  if (!metrics.contains(at) || !metrics.at(at).is_number()) return "";
  if (at == json::json_pointer("/log_likelihood/value") &&
      metrics.at("/log_likelihood/importance_samples"_json_pointer) == 1) {
    return "";  // the bound again
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", figure.decimals, metrics.at(at).get<double>());
  return text;
}

bool any_has(const std::vector<ComparedRun>& runs, const Figure& figure) {
  for (const ComparedRun& run : runs) {
    if (!value_of(run, figure).empty()) return true;
  }
  return false;
}

std::string table(const std::vector<ComparedRun>& runs) {
  std::ostringstream html;
  html << "<section>\n<div class=\"scroll\" tabindex=\"0\">\n<table class=\"comparison\">\n<thead>"
          "<tr><th></th>";
  for (const ComparedRun& run : runs) {
    html << "<th scope=\"col\">" << escape(run.name) << "</th>";
  }
  html << "</tr></thead>\n<tbody>\n";
  for (const Figure& figure : kFigures) {
    if (!any_has(runs, figure)) continue;
    html << "<tr><th scope=\"row\">" << figure.name << "</th>";
    for (const ComparedRun& run : runs) html << "<td>" << value_of(run, figure) << "</td>";
    html << "</tr>\n";
  }
  html << "</tbody>\n</table>\n</div>\n</section>\n";
  return std::move(html).str();
}

std::string csv(const std::vector<ComparedRun>& runs) {
  std::ostringstream text;
  text << "run";
  for (const Figure& figure : kFigures) text << "," << csv_text(figure.name);
  for (const ComparedRun& run : runs) {
    text << "\n" << csv_text(run.name);
    for (const Figure& figure : kFigures) text << "," << value_of(run, figure);
  }
  text << "\n";
  return std::move(text).str();
}

std::string sheet_name(const ComparedRun& run) {
  return file_name(run.name) + ".png";
}

/// As many whole rows of ten as there are samples for.
torch::Tensor sheet_of(const ComparedRun& run) {
  const int64_t rows = run.samples.size(0) / 10;
  return make_sheet(run.samples.slice(0, 0, 10 * rows).view({rows, 10, -1}), run.shape);
}

json chart_of(const ComparedRun& run) {
  const Profile profile(run.shape, run.originals.defined() ? run.originals : run.samples);
  json chart = {{"features", profile.features()}, {"samples", profile.of(run.samples)}};
  if (run.originals.defined()) chart["originals"] = profile.of(run.originals);
  return chart;
}

}  // namespace

std::string said_of_data(const std::vector<ComparedRun>& runs) {
  for (const ComparedRun& run : runs) {
    if (of_same_data(runs.front().provenance, run.provenance)) continue;
    return runs.front().name + " and " + run.name +
           " are not of the same data, or not of the same split of them: what was measured on "
           "one's "
           "test points does not compare with the other's.";
  }
  return "";
}

void write_comparison(const std::vector<ComparedRun>& runs, const std::filesystem::path& folder) {
  std::set<std::string> files;
  for (const ComparedRun& run : runs) {
    if (!files.insert(sheet_name(run)).second) {
      throw Error("two of the runs to compare are called " + run.name + "; rename a folder");
    }
  }
  make_folder(folder, "give another --out");
  std::ostringstream page;
  page << page_head("Runs side by side")
       << "<p class=\"summary\">Figures on test points, bounds in nats a point; samples are drawn "
          "from each model and not chosen."
       << (said_of_data(runs).empty() ? "" : " " + escape(said_of_data(runs)))
       << "</p>\n</header>\n"
       << table(runs) << "<section>\n<h2>Samples</h2>\n<div class=\"charts\">\n";
  json charts = json::array();
  for (const ComparedRun& run : runs) {
    page << "<figure>\n<figcaption><h3>" << escape(run.name) << "</h3></figcaption>\n";
    if (is_image(run.shape)) {
      const auto sheet = sheet_of(run);
      write_png(folder / sheet_name(run), sheet);
      page << image_tag(sheet, "samples of " + run.name) << "\n";
    } else {
      page << canvas_tag("compared", std::to_string(charts.size()),
                         "Samples of " + run.name + " and real points", "medium");
      charts.push_back(chart_of(run));
    }
    page << "</figure>\n";
  }
  page << "</div>\n</section>\n<footer class=\"muted\">Written by Clade.</footer>\n</main>\n";
  if (!charts.empty()) page << chart_scripts({{"palette", palette}, {"runs", charts}});
  page << "</body>\n</html>\n";
  write_atomically(folder / "comparison.csv", csv(runs));
  write_atomically(folder / "index.html", page.str());
}

}  // namespace clade
