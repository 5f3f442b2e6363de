#include "clade/report/compare.h"

#include <torch/torch.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/metrics.h"
#include "clade/formats/png.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/density.h"
#include "clade/report/html.h"
#include "clade/report/scatters.h"
#include "clade/report/sheet.h"
#include "clade/training/provenance.h"

namespace clade {
namespace {

using nlohmann::json;

/// What was measured on unseen points, or on whatever there is.
const json& measured(const json& metrics) {
  static const json nothing = json::object();
  const std::string split = measured_split(metrics);
  return split.empty() ? nothing : metrics[split];
}

/// Which points the figures are of: of test points, but for runs that have none.
std::string said_of_measured(const std::vector<ComparedRun>& runs) {
  std::string others;
  for (const ComparedRun& run : runs) {
    const std::string split = measured_split(run.metrics);
    if (split.empty() || split == "test") continue;
    others += (others.empty() ? "" : ", ") + escape(run.name) + " on " +
              (split == "train" ? "training" : split) + " points";
  }
  return "Figures on test points" + (others.empty() ? "" : " (" + others + ")");
}

bool has_several_latents(const ComparedRun& run) {
  return measured(run.metrics).contains("latents");
}

/// The figures of a run beside others'. Of several discrete latents the one with most clusters is
/// also there without a name, to be compared with that of runs that have one.
std::vector<Figure> compared_figures(const ComparedRun& run) {
  json metrics = measured(run.metrics);
  if (metrics.empty()) return {};
  std::vector<Figure> of_latents;
  if (has_several_latents(run)) of_latents = figures_of(metrics, "");
  std::erase_if(of_latents, [](const Figure& one) { return !one.of_clusters; });
  metrics.erase("latents");
  std::vector<Figure> all = figures_of(metrics, "");
  all.insert(all.end(), of_latents.begin(), of_latents.end());
  std::erase_if(all, [](const Figure& one) { return one.detail; });
  return all;
}

FigureTable compared_figures(const std::vector<ComparedRun>& runs) {
  std::vector<std::vector<Figure>> columns;
  for (const ComparedRun& run : runs) columns.push_back(compared_figures(run));
  return side_by_side(columns);
}

/// What a run's clusters were guided by, as its metrics.json says it, or "".
std::string guidance_of(const ComparedRun& run) {
  const auto said = measured(run.metrics).find("guided");
  return said != measured(run.metrics).end() && said->is_string() ? said->get<std::string>() : "";
}

/// What stands beside figures and is none, a cell a run.
struct Remark {
  std::string name;
  std::vector<std::string> cells;
};

/// Those that any run has.
std::vector<Remark> remarks_of(const std::vector<ComparedRun>& runs) {
  std::vector<Remark> all = {{"origin of clusters", {}}, {"weight of labels", {}}};
  for (const ComparedRun& run : runs) {
    all[0].cells.push_back(guidance_of(run));
    all[1].cells.push_back(weight_of_labels(measured(run.metrics)));
  }
  std::erase_if(all, [](const Remark& remark) {
    return std::all_of(remark.cells.begin(), remark.cells.end(),
                       [](const std::string& cell) { return cell.empty(); });
  });
  return all;
}

std::string table(const std::vector<ComparedRun>& runs, const FigureTable& figures) {
  std::ostringstream html;
  html << "<section>\n<div class=\"scroll\" tabindex=\"0\">\n<table class=\"comparison\">\n<thead>"
          "<tr><th></th>";
  for (const ComparedRun& run : runs) {
    html << "<th scope=\"col\">" << escape(run.name) << "</th>";
  }
  html << "</tr></thead>\n<tbody>\n";
  for (const Remark& remark : remarks_of(runs)) {
    html << "<tr><th scope=\"row\">" << remark.name << "</th>";
    for (const std::string& cell : remark.cells) html << "<td>" << escape(cell) << "</td>";
    html << "</tr>\n";
  }
  for (const std::string& row : figures.rows) {
    html << "<tr><th scope=\"row\">" << escape(row) << "</th>";
    for (size_t i = 0; i < runs.size(); ++i) html << "<td>" << figures.cell(row, i, "") << "</td>";
    html << "</tr>\n";
  }
  html << "</tbody>\n</table>\n</div>\n</section>\n";
  return std::move(html).str();
}

std::string csv(const std::vector<ComparedRun>& runs, const FigureTable& figures) {
  const auto remarks = remarks_of(runs);
  std::ostringstream text;
  text << "run";
  for (const Remark& remark : remarks) text << "," << remark.name;
  for (const std::string& row : figures.rows) text << "," << csv_text(row);
  for (size_t i = 0; i < runs.size(); ++i) {
    text << "\n" << csv_text(runs[i].name);
    for (const Remark& remark : remarks) text << "," << csv_text(remark.cells[i]);
    for (const std::string& row : figures.rows) text << "," << figures.cell(row, i, "");
  }
  text << "\n";
  return std::move(text).str();
}

/// One quantity of all runs that have it: of validation points, or of training points if no run has
/// any others.
ComparedCurve compared_curve(const std::vector<ComparedRun>& runs, const Curve& like) {
  ComparedCurve compared = {like.name, like.axis(), {}};
  for (const auto& values : {&Curve::validation, &Curve::train}) {
    for (size_t i = 0; i < runs.size(); ++i) {
      for (const Curve& curve : runs[i].report.curves) {
        if (curve.name != like.name || !any_known(curve.*values)) continue;
        compared.lines.push_back({runs[i].name, i, curve.epochs, curve.*values});
      }
    }
    if (!compared.lines.empty()) break;
  }
  return compared;
}

/// Bounds, figures of clusters, KL of clusters, and what else of the bound's KL several runs have.
std::vector<ComparedCurve> compared_curves(const std::vector<ComparedRun>& runs) {
  std::vector<ComparedCurve> all;
  std::set<std::string> seen;
  for (const ComparedRun& run : runs) {
    for (const Curve& curve : run.report.curves) {
      if (!seen.insert(curve.name).second) continue;
      ComparedCurve compared = compared_curve(runs, curve);
      const bool alone = curve.name == "bound" || curve.name.starts_with("KL(y") || !curve.of_bound;
      const bool shared = compared.lines.size() > 1 && curve.name.starts_with("KL(");
      if ((alone && !compared.lines.empty()) || shared) all.push_back(std::move(compared));
    }
  }
  return all;
}

/// The same scatter plot of several runs.
struct SameScatter {
  std::string name;  ///< "z1"
  std::vector<RunScatter> runs;
};

/// The scatter plots of the runs, those of one name together. Refers to the runs.
std::vector<SameScatter> same_scatters(const std::vector<ComparedRun>& runs,
                                       std::vector<Scatter> Report::*of) {
  std::vector<SameScatter> all;
  for (const ComparedRun& run : runs) {
    for (const Scatter& scatter : run.report.*of) {
      auto found = std::find_if(all.begin(), all.end(),
                                [&](const SameScatter& same) { return same.name == scatter.name; });
      if (found == all.end()) found = all.insert(found, {scatter.name, {}});
      found->runs.push_back({scatter.name + ", " + run.name, &scatter, &run.report});
    }
  }
  return all;
}

/// Real points, of one run if all have the same, and what each model draws beside them.
std::vector<SameScatter> planes_of(const std::vector<ComparedRun>& runs) {
  const auto by_name = same_scatters(runs, &Report::plane);
  if (by_name.empty()) return {};
  SameScatter all = {"plane", {}};
  for (const SameScatter& same : by_name) {
    all.runs.insert(all.runs.end(), same.runs.begin(), same.runs.end());
    if (&same != &by_name.front() || !said_of_data(runs).empty()) continue;
    all.runs.resize(1);
    all.runs.front().title = same.name;
  }
  return {all};
}

/// The densities of the models, called as their runs are, and of the mixtures beside them.
PlaneDensities densities_of(const std::vector<ComparedRun>& runs) {
  PlaneDensities all;
  std::vector<PlaneDensity> beside;
  for (const ComparedRun& run : runs) {
    for (const PlaneDensities& plane : run.report.densities) {
      if (all.maps.empty()) all.axes = plane.axes;
      all.maps.push_back(plane.maps.front());
      all.maps.back().name = run.name;
      for (size_t i = 1; i < plane.maps.size(); ++i) {
        const bool known = std::any_of(beside.begin(), beside.end(), [&](const PlaneDensity& one) {
          return one.name == plane.maps[i].name;
        });
        if (!known) beside.push_back(plane.maps[i]);
      }
    }
  }
  all.maps.insert(all.maps.end(), beside.begin(), beside.end());
  return all;
}

/// Of each run the file that its samples are drawn in. Names that differ may be one as a file's
/// ("v1.0", "v1_0"), and then those after the first are numbered.
std::vector<std::string> sheet_names(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> names;
  std::set<std::string> taken = {"curves", "labels", "plane", "density"};  // charts
  for (const ComparedRun& run : runs) {
    const std::string stem = file_name(run.name);
    std::string name = stem;
    for (int64_t i = 2; !taken.insert(name).second; ++i) name = stem + "-" + std::to_string(i);
    names.push_back(name + ".png");
  }
  return names;
}

/// As many whole rows of ten as there are samples for.
torch::Tensor sheet_of(const Report& report) {
  const int64_t rows = report.samples.size(0) / 10;
  return make_sheet(report.samples.slice(0, 0, 10 * rows).view({rows, 10, -1}), report.shape);
}

json chart_of(const Report& report) {
  const bool real = report.originals.defined();
  const Profile profile(report.shape, real ? report.originals : report.samples);
  json chart = {{"features", profile.features()}, {"samples", profile.of(report.samples)}};
  if (real) chart["originals"] = profile.of(report.originals);
  return chart;
}

/// The sections of a comparison, and the numbers of their charts.
class ComparisonPage {
 public:
  ComparisonPage(const std::vector<ComparedRun>& runs, const std::vector<LabelCurve>& by_labels)
      : runs_(runs), by_labels_(by_labels) {
    for (const ComparedRun& run : runs) {
      first_.push_back(data_["clusterings"].size());
      for (const Clustering& one : run.report.clusterings) add_clustering(one, data_);
    }
  }

  std::string render() {
    const std::string said = said_of_data(runs_);
    out_ << page_head("Runs side by side") << "<p class=\"summary\">" << said_of_measured(runs_)
         << ", bounds in nats a point; samples are drawn from each model and not chosen."
         << (std::none_of(runs_.begin(), runs_.end(), has_several_latents)
                 ? ""
                 : " Of a run with several discrete latents each has its figures; those without a "
                   "name are of the one with most clusters.")
         << (said.empty() ? "" : " " + escape(said)) << "</p>\n</header>\n"
         << table(runs_, compared_figures(runs_));
    curves();
    labels();
    scatters("Latents",
             "Where each model puts the points, a dot a point, seen along the two directions in "
             "which they differ most.",
             same_scatters(runs_, &Report::latents));
    scatters("Real and drawn points",
             "In the plane of the two features: points of the data, and as many drawn from each "
             "model.",
             planes_of(runs_));
    densities();
    samples();
    out_ << "<footer class=\"muted\">Written by Clade.</footer>\n</main>\n";
    if (out_.str().find("<canvas") != std::string::npos) out_ << chart_scripts(data_);
    out_ << "</body>\n</html>\n";
    return std::move(out_).str();
  }

 private:
  void begin(const std::string& title, const std::string& said) {
    out_ << "<section>\n<h2>" << title << "</h2>\n";
    if (!said.empty()) out_ << "<p class=\"muted\">" << said << "</p>\n";
  }

  void curves() {
    const std::vector<ComparedCurve> all = compared_curves(runs_);
    if (all.empty()) return;
    begin("Curves",
          "Over the epochs, a line a run: of validation points, or of training points if there are "
          "no others. Bounds and their terms are in nats a point.");
    out_ << "<div class=\"charts\">\n";
    for (const ComparedCurve& curve : all) {
      json entry = {{"axis", curve.axis}, {"lines", json::array()}};
      for (const RunLine& line : curve.lines) {
        json points = json::array();
        for (size_t i = 0; i < line.epochs.size(); ++i) {
          points.push_back({{"x", line.epochs[i]}, {"y", number(line.values[i])}});
        }
        entry["lines"].push_back(
            {{"name", line.run}, {"place", line.place}, {"points", std::move(points)}});
      }
      chart("curve_of_runs", data_["curves"], std::move(entry), curve.name);
    }
    out_ << "</div>\n</section>\n";
  }

  void labels() {
    if (by_labels_.empty()) return;
    begin("Labels",
          "Log-likelihood of test points, in nats, against the number of labels learned from. IW: "
          "the importance samples it is measured with, 1 for the bound. Of several runs that "
          "learned from as many, the mean.");
    json entry = {{"axis", "log-likelihood, nats"}, {"lines", json::array()}};
    for (size_t i = 0; i < by_labels_.size(); ++i) {
      json points = json::array();
      for (size_t j = 0; j < by_labels_[i].labels.size(); ++j) {
        points.push_back({{"x", by_labels_[i].labels[j]}, {"y", number(by_labels_[i].value[j])}});
      }
      entry["lines"].push_back(
          {{"name", by_labels_[i].name}, {"place", i}, {"points", std::move(points)}});
    }
    out_ << "<div class=\"charts\">\n";
    chart("by_labels", data_["by_labels"], std::move(entry), "Log-likelihood by labels", "wide");
    out_ << "</div>\n</section>\n";
  }

  /// A chart over something, whose numbers become one more of `list`.
  void chart(const std::string& draw, json& list, json entry, const std::string& name,
             const std::string& kind = "medium") {
    out_ << "<figure>\n<figcaption><h3>" << escape(name) << "</h3></figcaption>\n"
         << canvas_tag(draw, std::to_string(list.size()), name, kind) << "</figure>\n";
    list.push_back(std::move(entry));
  }

  void scatters(const std::string& title, const std::string& said,
                const std::vector<SameScatter>& all) {
    if (all.empty()) return;
    begin(title, said);
    for (const SameScatter& same : all) {
      out_ << "<div class=\"charts aside\">\n";
      for (const RunScatter& one : same.runs) {
        size_t run = 0;
        while (&runs_[run].report != one.report) ++run;
        out_ << scatter_figure(*one.scatter, one.title, *one.report, /*by_label=*/true, data_,
                               first_[run]);
      }
      out_ << "</div>\n";
    }
    out_ << "</section>\n";
  }

  void densities() {
    const PlaneDensities all = densities_of(runs_);
    if (all.maps.empty()) return;
    std::ostringstream said;
    said << "The density of points over the plane, the darker the higher, down to " << density_range
         << " nats below the highest of all; mixtures of Gaussians were fitted to training "
            "points of the first run that has as many clusters. Means are of log p(x) of test "
            "points, a density in the data's units.";
    begin("Density", said.str());
    out_ << density_figures(all, data_) << "</section>\n";
  }

  void samples() {
    begin("Samples", "");
    out_ << "<div class=\"charts\">\n";
    for (const ComparedRun& run : runs_) {
      if (is_image(run.report.shape)) {
        out_ << "<figure>\n<figcaption><h3>" << escape(run.name) << "</h3></figcaption>\n"
             << image_tag(sheet_of(run.report), "samples of " + run.name) << "\n</figure>\n";
      } else {
        chart("compared", data_["runs"], chart_of(run.report), run.name);
      }
    }
    out_ << "</div>\n</section>\n";
  }

  const std::vector<ComparedRun>& runs_;
  const std::vector<LabelCurve>& by_labels_;
  std::vector<size_t> first_;  // of each run's clusterings among all
  json data_ = {{"palette", palette},           {"shown", shown_clusters},
                {"clusterings", json::array()}, {"latents", json::array()},
                {"curves", json::array()},      {"by_labels", json::array()},
                {"runs", json::array()}};
  std::ostringstream out_;
};

/// The page's charts as PNG files; returns what could not be drawn.
std::vector<std::string> write_charts(const std::vector<ComparedRun>& runs,
                                      const std::vector<LabelCurve>& by_labels,
                                      const std::filesystem::path& folder) {
  std::vector<std::string> notes;
  const auto keep = [&](std::vector<std::string> said) {
    notes.insert(notes.end(), said.begin(), said.end());
  };
  if (const auto curves = compared_curves(runs); !curves.empty()) {
    keep(write_compared_curves(curves, folder / "curves.png"));
  }
  if (!by_labels.empty()) keep(write_label_curves(by_labels, folder / "labels.png"));
  for (const SameScatter& same : same_scatters(runs, &Report::latents)) {
    keep(write_run_scatters(same.runs, folder / ("latent_" + file_name(same.name) + ".png")));
  }
  for (const SameScatter& plane : planes_of(runs)) {
    keep(write_run_scatters(plane.runs, folder / "plane.png"));
  }
  if (const auto densities = densities_of(runs); !densities.maps.empty()) {
    keep(write_densities(densities, folder / "density.png"));
  }
  return notes;
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

std::vector<std::string> write_comparison(const std::vector<ComparedRun>& runs,
                                          const std::filesystem::path& folder,
                                          const std::vector<LabelCurve>& by_labels) {
  std::set<std::string> names;
  for (const ComparedRun& run : runs) {
    if (!names.insert(run.name).second) {
      throw Error("two of the runs to compare are " + run.name + "; name each once");
    }
  }
  const std::string page = ComparisonPage(runs, by_labels).render();
  make_folder(folder, "give another --out");
  const auto sheets = sheet_names(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const Report& report = runs[i].report;
    if (is_image(report.shape)) write_png(folder / sheets[i], sheet_of(report));
  }
  write_atomically(folder / "comparison.csv", csv(runs, compared_figures(runs)));
  write_atomically(folder / "index.html", page);
  return write_charts(runs, by_labels, folder);
}

}  // namespace clade
