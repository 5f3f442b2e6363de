#include "clade/report/page.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "clade/core/files.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/density.h"
#include "clade/report/features.h"
#include "clade/report/html.h"
#include "clade/report/scatters.h"
#include "clade/report/sheet.h"

namespace clade {
namespace {

using nlohmann::json;

bool has_points(const torch::Tensor& points) {
  return points.defined() && points.numel() > 0;
}

/// One of the report's clusterings, and what its sections share.
struct Ranked {
  const Clustering& of;
  size_t index;                    // in the report
  std::vector<int64_t> strongest;  // cluster numbers by rank
  std::vector<Majority> majority;  // of cluster k; empty without labels
};

class Page {
 public:
  explicit Page(const Report& report)
      : report_(report),
        profile_(report.shape, has_points(report.originals) ? report.originals : report.samples) {
    for (const Clustering& one : report.clusterings) {
      clusterings_.push_back({one, clusterings_.size(), strongest_first(one.share), {}});
      if (has_points(one.confusion)) clusterings_.back().majority = majorities(one.confusion);
      add_clustering(one, data_);
    }
  }

  std::string render() {
    head();
    headline();
    for (const HeldBack& labels : report_.held_back) held_back(labels);
    for (const Ranked& one : clusterings_) clusters(one);
    reconstructions();
    for (const Ranked& one : clusterings_) {
      share(one);
      confusion(one);
      labels(one);
    }
    for (const AtZero& one : report_.at_zero) at_zero(one);
    meshes();
    latents();
    curves();
    variations();
    samples();
    for (const Ranked& one : clusterings_) samples_uniform(one);
    details();
    foot();
    return std::move(out_).str();
  }

 private:
  bool several() const { return clusterings_.size() > 1; }
  bool is_table() const { return !report_.columns.empty(); }

  /// " of y2" where there are several.
  std::string of_latent(const Ranked& one) const {
    return several() ? " of " + escape(one.of.name) : "";
  }

  json& data_of(const Ranked& one) { return data_["clusterings"][one.index]; }

  std::string summary() const {
    std::string text = report_.said;
    for (const Clustering& one : report_.clusterings) {
      const auto q = one.share.to(torch::kCPU, torch::kFloat64);  // [K]
      const int64_t above = cluster_use(one.share).above_even_share;
      if (!text.empty()) text += " ";
      text += (several() ? "Of the " : "Of its ") + std::to_string(q.numel()) + " clusters" +
              (several() ? " of " + one.name : "") + ", " + std::to_string(above) +
              (above == 1 ? " holds" : " hold") + " an even share (" +
              percent(1.0 / static_cast<double>(q.numel())) +
              ") of the data or more; the largest holds " + percent(q.max().item<double>()) + ".";
      if (std::isfinite(one.confidence)) {
        text += " On average it gives a point's own cluster a probability of " +
                percent(one.confidence) + ".";
      }
    }
    return text;
  }

  void head() {
    out_ << page_head(report_.title);
    const std::string text = summary();
    if (!text.empty()) out_ << "<p class=\"summary\">" << escape(text) << "</p>\n";
    out_ << "</header>\n<noscript><p class=\"note\">The charts on this page need JavaScript."
            "</p></noscript>\n";
  }

  void headline() {
    if (report_.headline.empty()) return;
    out_ << "<ul class=\"cards\" aria-label=\"Headline figures\">\n";
    for (const Headline& card : report_.headline) {
      out_ << "<li><span class=\"label\">" << escape(card.label) << "</span><strong>"
           << escape(card.value) << "</strong><span class=\"muted\">" << escape(card.explanation)
           << "</span></li>\n";
    }
    out_ << "</ul>\n";
  }

  void begin(const std::string& title, const std::string& explanation) {
    out_ << "<section>\n<h2>" << title << "</h2>\n";
    if (!explanation.empty()) out_ << "<p class=\"muted\">" << explanation << "</p>\n";
  }
  void end() { out_ << "</section>\n"; }

  void canvas(const std::string& draw, const std::string& argument, const std::string& said,
              const std::string& kind) {
    out_ << canvas_tag(draw, argument, said, kind);
  }

  void image(const torch::Tensor& point, const std::string& said) {  // [D]
    out_ << image_tag(make_sheet(point.reshape({1, 1, -1}), report_.shape), said);
  }

  /// The colour and symbol of a cluster, the same as in the charts.
  std::string swatch(size_t rank) const {
    if (rank >= static_cast<size_t>(shown_clusters)) return "<i class=\"swatch\">●</i>";
    constexpr const char* symbols[] = {"●", "▲", "■"};
    return std::string("<i class=\"swatch\" style=\"color:") + palette[rank % palette.size()] +
           "\">" + symbols[rank / palette.size()] + "</i>";
  }

  const char* how_clusters_are_shown() const {
    if (is_image(report_.shape)) {
      return "Strongest first: what the model draws from the cluster, then the real points it is "
             "most sure belong there (point at one for how sure).";
    }
    if (is_table()) {
      return "Strongest first, each with the features that set it apart most: its mean and "
             "deviation here and elsewhere, and the difference of the means in units of the "
             "deviation within. More are in cluster_features.csv.";
    }
    return "Strongest first. In colour, what the model draws from the cluster; in grey, the real "
           "points it is most sure belong there.";
  }

  void clusters(const Ranked& one) {
    if (!has_points(one.of.samples) && !has_points(one.of.points) && one.of.contrasts.empty()) {
      return;
    }
    begin("Clusters" + of_latent(one), how_clusters_are_shown());
    const auto above = static_cast<size_t>(cluster_use(one.of.share).above_even_share);
    const size_t open = std::max(above, static_cast<size_t>(shown_clusters));
    for (size_t rank = 0; rank < one.strongest.size(); ++rank) {
      if (rank == above) {
        out_ << "<p class=\"muted\">From here on each holds less than an even share, "
             << percent(1 / static_cast<double>(one.strongest.size())) << ", of the data.</p>\n";
      }
      if (rank == open) {
        out_ << "<details>\n<summary>The other " << one.strongest.size() - rank
             << " clusters</summary>\n";
      }
      cluster(one, rank);
    }
    if (one.strongest.size() > open) out_ << "</details>\n";
    end();
  }

  static std::string heading_of(const Clustering& one, int64_t k) {
    return one.classes.empty() ? "Cluster " + std::to_string(k) : cluster_name(one.classes, k);
  }

  void cluster(const Ranked& one, size_t rank) {
    const int64_t k = one.strongest[rank];
    const double q = one.of.share[k].item<double>();
    out_ << "<article class=\"cluster\">\n<div class=\"who\"><h3>" << swatch(rank) << " "
         << escape(heading_of(one.of, k)) << "</h3>\n<p><b>" << percent(q)
         << "</b> of the data</p>\n";
    if (!one.majority.empty()) {
      const Majority& most = one.majority[static_cast<size_t>(k)];
      if (most.label >= 0) {
        out_ << "<p>" << percent(most.share) << " <q>"
             << escape(label_name(report_.label_names, most.label)) << "</q></p>\n";
      } else {
        out_ << "<p class=\"muted\">no labelled point</p>\n";
      }
    }
    const auto sure = confidence(one.of, k);
    if (!sure.empty()) {
      const auto least = std::lround(100 * sure.back()), most = std::lround(100 * sure.front());
      out_ << "<p class=\"muted\">";
      if (least < most) out_ << least << "–";
      out_ << most << " % sure</p>\n";
    }
    out_ << "</div>\n";
    if (is_image(report_.shape)) {
      if (has_points(one.of.samples)) {
        const int64_t n = one.of.samples.size(1);
        out_ << "<div class=\"strip\" style=\"--n:" << n << "\">";
        for (int64_t i = 0; i < n; ++i) {
          image(one.of.samples[k][i], "drawn from " + cluster_name(one.of.classes, k));
        }
        out_ << "</div>\n";
      }
      if (has_points(one.of.points)) {
        out_ << "<div class=\"strip real\" style=\"--n:" << one.of.points.size(1) << "\">";
        for (const int64_t i : real_points(one.of, k)) {
          std::string said = "real point";
          if (one.of.point_confidence.defined()) {
            said += ", in " + cluster_name(one.of.classes, k) + " with probability " +
                    percent(one.of.point_confidence[k][i].item<double>());
          }
          image(one.of.points[k][i], said);
        }
        out_ << "</div>\n";
      }
    } else if (is_table()) {
      if (!one.of.contrasts.empty()) {
        out_ << contrast_table(report_, one.of.contrasts[static_cast<size_t>(k)]);
      }
    } else {
      canvas("cluster", std::to_string(one.index) + "/" + std::to_string(rank),
             "Generated and real points of " + cluster_name(one.of.classes, k), "small");
    }
    out_ << "</article>\n";
  }

  /// Which columns of `points` hold a point of cluster k.
  std::vector<int64_t> real_points(const Clustering& one, int64_t k) const {
    std::vector<int64_t> columns;
    if (!has_points(one.points)) return columns;
    for (int64_t i = 0; i < one.points.size(1); ++i) {
      const bool there =
          !one.point_confidence.defined() || !std::isnan(one.point_confidence[k][i].item<double>());
      if (there) columns.push_back(i);
    }
    return columns;
  }

  /// How sure the model is of the real points shown for cluster k, surest first.
  std::vector<double> confidence(const Clustering& one, int64_t k) const {
    std::vector<double> sure;
    if (!one.point_confidence.defined()) return sure;
    for (const int64_t i : real_points(one, k)) {
      sure.push_back(one.point_confidence[k][i].item<double>());
    }
    std::sort(sure.rbegin(), sure.rend());
    return sure;
  }

  /// How many labels each class had, and what was got wrong among those held back.
  void held_back(const HeldBack& labels) {
    const auto learned = labels.learned.to(torch::kCPU, torch::kInt64);  // [C]
    const auto number = [](const torch::Tensor& count) {
      return std::to_string(count.item<int64_t>());
    };
    std::string said = "The model learned its classes from " + number(learned.sum()) + " labels";
    torch::Tensor points, wrong;  // [C] held back
    if (has_points(labels.confusion)) {
      const auto counts = labels.confusion.to(torch::kCPU, torch::kInt64);  // [C, K]
      points = counts.sum(1);
      wrong = points.clone();
      const int64_t both = std::min(counts.size(0), counts.size(1));
      wrong.slice(0, 0, both).sub_(counts.diagonal());
      const auto share = wrong.sum().item<double>() / points.sum().item<double>();
      said += ". Of " + number(points.sum()) + " points whose labels were held back, which it " +
              "did not learn from in any way, it names " + number(wrong.sum()) + " wrongly (" +
              percent(share) + ").";
    } else {
      said += "; none were held back, so nothing here measures how right it is.";
    }
    begin("Labels", said);
    out_ << "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"comparison\">\n<thead><tr>"
            "<th scope=\"col\">class</th><th scope=\"col\">learned from</th>"
            "<th scope=\"col\">held back</th><th scope=\"col\">of these wrong</th></tr></thead>\n"
            "<tbody>\n";
    for (int64_t c = 0; c < learned.size(0); ++c) {
      out_ << "<tr><th scope=\"row\">" << escape(label_name(report_.label_names, c)) << "</th><td>"
           << number(learned[c]) << "</td><td>" << (points.defined() ? number(points[c]) : "0")
           << "</td><td>" << (points.defined() ? number(wrong[c]) : "") << "</td></tr>\n";
    }
    out_ << "</tbody>\n</table>\n</div>\n";
    if (points.defined()) {
      std::vector<int64_t> rows;
      for (int64_t c = 0; c < points.size(0); ++c) {
        if (points[c].item<int64_t>() > 0) rows.push_back(c);
      }
      out_ << "<p class=\"muted\">The points held back, by their label (row) and by what the model "
              "names them (column).</p>\n";
      count_table(
          "label", labels.confusion, [&](int64_t c) { return label_name(report_.label_names, c); },
          [&](int64_t k) { return label_name(labels.classes, k); }, rows);
      misnamed(labels);
    }
    end();
  }

  void misnamed(const HeldBack& labels) {
    if (labels.misnamed.empty()) return;
    out_ << "<p class=\"muted\">Named wrongly, what the model is surest of first.</p>\n";
    const auto label = [&](const Misnamed& one) {
      return label_name(report_.label_names, one.label);
    };
    const auto name = [&](const Misnamed& one) { return label_name(labels.classes, one.cluster); };
    if (is_image(report_.shape) && has_points(labels.points)) {
      out_ << "<div class=\"tiles\">\n";
      for (size_t i = 0; i < labels.misnamed.size(); ++i) {
        const Misnamed& one = labels.misnamed[i];
        out_ << "<figure class=\"misnamed\">";
        image(labels.points[static_cast<int64_t>(i)], one.point + ": " + label(one) + ", named " +
                                                          name(one) + " with " +
                                                          percent(one.probability));
        out_ << "<figcaption>" << escape(label(one)) << " → " << escape(name(one))
             << "</figcaption></figure>\n";
      }
      out_ << "</div>\n";
      return;
    }
    out_ << "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"comparison\">\n<thead><tr>"
            "<th scope=\"col\">point</th><th scope=\"col\">label</th><th scope=\"col\">named</th>"
            "<th scope=\"col\">probability</th></tr></thead>\n<tbody>\n";
    for (const Misnamed& one : labels.misnamed) {
      out_ << "<tr><th scope=\"row\">" << escape(one.point) << "</th><td>" << escape(label(one))
           << "</td><td>" << escape(name(one)) << "</td><td>" << percent(one.probability)
           << "</td></tr>\n";
    }
    out_ << "</tbody>\n</table>\n</div>\n";
  }

  void reconstructions() {
    if (!has_points(report_.originals) || !has_points(report_.reconstructions)) return;
    if (is_image(report_.shape)) {
      begin("Reconstructions",
            "Above, a real point; below, what is left of it after the model has "
            "put it into its latents and drawn it again.");
      out_ << "<div class=\"tiles\">\n";
      for (int64_t i = 0; i < report_.originals.size(0); ++i) {
        out_ << "<div class=\"pair\">";
        image(report_.originals[i], "original");
        image(report_.reconstructions[i], "reconstruction");
        out_ << "</div>\n";
      }
      out_ << "</div>\n";
    } else if (is_table()) {
      begin("Reconstructions",
            "Real points, one a column, and what is left of them after the model has put them into "
            "its latents and drawn them again.");
      out_ << reconstruction_table(report_, shown_features(report_));
    } else {
      begin("Reconstructions",
            "Real points, and what is left of them after the model has put them "
            "into its latents and drawn them again.");
      const bool one = report_.shape == std::vector<int64_t>{1};
      const int64_t count = one ? 1 : std::min<int64_t>(report_.originals.size(0), 6);
      data_["originals"] = profile_.of(report_.originals);
      data_["reconstructions"] = profile_.of(report_.reconstructions);
      out_ << "<div class=\"charts\">\n";
      for (int64_t i = 0; i < count; ++i) {
        canvas("reconstruction", std::to_string(i), "A point and its reconstruction", "medium");
      }
      out_ << "</div>\n";
    }
    end();
  }

  void share(const Ranked& one) {
    begin(
        "How much of the data each cluster" + of_latent(one) + " holds",
        "The model's own share of each cluster, q(y), averaged over the training data. The dashed "
        "line is an even share, 1/K.");
    data_of(one)["share"] = numbers(one.of.share);
    canvas("share", std::to_string(one.index), "Share of each cluster, strongest first", "wide");
    end();
  }

  /// How many points of each row are of each column, the darker the more of its row.
  void count_table(const std::string& of_rows, const torch::Tensor& points,  // [R, C] int64
                   const std::function<std::string(int64_t)>& row_name,
                   const std::function<std::string(int64_t)>& column_name,
                   const std::vector<int64_t>& rows) {
    const auto counts = points.to(torch::kCPU, torch::kInt64).contiguous();
    const auto count = counts.accessor<int64_t, 2>();
    out_ << "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"confusion\">\n"
            "<thead><tr><th scope=\"col\">"
         << of_rows << "</th>";
    for (int64_t c = 0; c < counts.size(1); ++c) {
      out_ << "<th scope=\"col\">" << escape(column_name(c)) << "</th>";
    }
    out_ << "</tr></thead>\n<tbody>\n";
    for (const int64_t r : rows) {
      int64_t total = 0;
      for (int64_t c = 0; c < counts.size(1); ++c) total += count[r][c];
      out_ << "<tr><th scope=\"row\">" << escape(row_name(r)) << "</th>";
      for (int64_t c = 0; c < counts.size(1); ++c) {
        const double part =
            total > 0 ? static_cast<double>(count[r][c]) / static_cast<double>(total) : 0;
        out_ << "<td" << (part > 0.5 ? " class=\"deep\"" : "")
             << " style=\"--part:" << number_text(part, 2) << "\" title=\"" << percent(part)
             << " of " << of_rows << " " << escape(row_name(r)) << "\">" << count[r][c] << "</td>";
      }
      out_ << "</tr>\n";
    }
    out_ << "</tbody>\n</table>\n</div>\n";
  }

  void confusion_table(const Ranked& one, const std::vector<int64_t>& rows) {
    count_table(
        "cluster", one.of.confusion, [&](int64_t k) { return label_name(one.of.classes, k); },
        [&](int64_t c) { return label_name(report_.label_names, c); }, rows);
  }

  void confusion(const Ranked& one) {
    if (!has_points(one.of.confusion)) return;
    begin(
        "Clusters" + of_latent(one) + " and labels",
        "How many points of each cluster (row) carry each label (column), sorted by the label most "
        "of them carry. The darker a cell, the larger its part of the cluster.");
    const auto middle =
        one.strongest.begin() +
        std::min<int64_t>(static_cast<int64_t>(one.strongest.size()), shown_clusters);
    confusion_table(one, by_majority({one.strongest.begin(), middle}, one.majority));
    if (middle != one.strongest.end()) {
      out_ << "<details>\n<summary>The other " << one.strongest.end() - middle
           << " clusters</summary>\n";
      confusion_table(one, by_majority({middle, one.strongest.end()}, one.majority));
      out_ << "</details>\n";
    }
    end();
  }

  void labels(const Ranked& one) {
    if (!has_points(one.of.given_label)) return;
    begin(
        several() ? "Clusters" + of_latent(one) + " in each label" : "What each label is made of",
        "The clusters that hold most of a label's points, q(y | label), strongest first, as far as "
        "they are above an even share. Bold: a cluster that more than one label needs.");
    const auto strongest = strongest_of_label(one.of.given_label);
    const auto shared = shared_by_labels(strongest);
    json panels = json::array();
    for (size_t label = 0; label < strongest.size(); ++label) {
      const auto q = one.of.given_label[static_cast<int64_t>(label)];  // [K]
      if (q.sum().item<double>() == 0) continue;                       // no points
      if (label >= static_cast<size_t>(shown_labels)) {
        out_ << "<p class=\"muted\">The other labels are in "
             << file_stem(report_, one.of, "label_clusters") << ".csv.</p>\n";
        break;
      }
      const std::string name = label_name(report_.label_names, static_cast<int64_t>(label));
      out_ << "<article class=\"cluster label\">\n<div class=\"who\"><h3>" << escape(name)
           << "</h3>\n<p>";
      for (const int64_t k : strongest[label]) {
        const bool bold = std::binary_search(shared.begin(), shared.end(), k);
        out_ << (bold ? "<b>" : "<span>") << escape(label_name(one.of.classes, k)) << " ("
             << percent(q[k].item<double>()) << ")" << (bold ? "</b> " : "</span> ");
      }
      out_ << "</p>\n</div>\n";
      canvas("given_label", std::to_string(one.index) + "/" + std::to_string(panels.size()),
             "Clusters of the points of " + name, "small");
      if (is_image(report_.shape) && has_points(one.of.samples)) {
        out_ << "<div class=\"strip all\" style=\"--n:" << 5 * label_samples << "\">";
        for (const int64_t k : strongest[label]) {
          const auto samples = one.of.samples[k];
          for (int64_t i = 0; i < std::min(label_samples, samples.size(0)); ++i) {
            image(samples[i], "drawn from " + cluster_name(one.of.classes, k));
          }
        }
        out_ << "</div>\n";
      }
      out_ << "</article>\n";
      panels.push_back(numbers(q));
    }
    data_of(one)["given_label"] = std::move(panels);
    end();
  }

  /// By label, if there are any and `by_label`.
  void scatter(const Scatter& latent, bool by_label = false) {
    out_ << scatter_figure(latent, latent.name, report_, by_label, data_);
  }

  void scatters(const std::string& title, const std::string& explanation,
                const std::vector<Scatter>& shown) {
    const auto some = [](const Scatter& latent) { return has_points(latent.points); };
    if (std::none_of(shown.begin(), shown.end(), some)) return;
    begin(title, explanation);
    out_ << "<div class=\"charts square\">\n";
    for (const Scatter& latent : shown) {
      if (some(latent)) scatter(latent);
    }
    out_ << "</div>\n";
    end();
  }

  void at_zero(const AtZero& zero) {
    if (!is_image(report_.shape)) return;
    const std::string latent = escape(zero.name);
    begin("Clusters at " + latent + " = 0",
          "Drawn from each cluster, strongest first, with " + latent +
              " at the middle of its prior, from which it otherwise varies what a cluster draws.");
    for (size_t row = 0; row < zero.clusters.size(); ++row) {
      const Clustering& one = report_.clusterings[zero.clustering];
      const std::string name = cluster_name(one.classes, zero.clusters[row]);
      const auto points = zero.points[static_cast<int64_t>(row)];  // [n, D]
      out_ << "<article class=\"cluster\">\n<div class=\"who\"><h3>" << swatch(row) << " "
           << escape(heading_of(one, zero.clusters[row])) << "</h3></div>\n<div class=\"strip\" "
           << "style=\"--n:" << points.size(0) << "\">";
      for (const auto& point : points.unbind(0)) {
        image(point, "drawn from " + name + " at " + zero.name + " = 0");
      }
      out_ << "</div>\n</article>\n";
    }
    end();
  }

  void mesh_picture(const torch::Tensor& grid, const std::string& name) {  // [n, n, D]
    out_ << "<figure>\n<figcaption><h3>" << escape(name) << "</h3></figcaption>\n"
         << image_tag(make_sheet(grid, report_.shape), "grid, " + name) << "\n</figure>\n";
  }

  void meshes() {
    for (const Mesh& mesh : report_.meshes) {
      begin(
          "A grid over " + escape(mesh.layer),
          "What the model generates at points of the plane of " + escape(mesh.layer) +
              "'s two units, columns and rows at quantiles of its prior, the first unit rising to "
              "the right and the second upwards; between, where data points lie in that plane. " +
              (has_points(mesh.random) ? "Where two lines cross there, a tile has its place. "
                                       : "") +
              "With a cluster held the rest is drawn as before.");
      out_ << "<div class=\"charts square\">\n";
      if (has_points(mesh.random)) mesh_picture(mesh.random, "random");
      for (const Scatter& latent : report_.latents) {
        if (latent.name == mesh.layer && has_points(latent.points)) scatter(latent, true);
      }
      for (size_t i = 0; i < mesh.clusters.size(); ++i) {
        const auto& classes = report_.clusterings.front().classes;
        mesh_picture(mesh.given_cluster[static_cast<int64_t>(i)],
                     cluster_name(classes, mesh.clusters[i]));
      }
      out_ << "</div>\n";
      end();
    }
  }

  bool has_mesh(const Scatter& latent) const {
    return std::any_of(report_.meshes.begin(), report_.meshes.end(),
                       [&](const Mesh& mesh) { return mesh.layer == latent.name; });
  }

  void latents() {
    std::vector<Scatter> others;
    for (const Scatter& latent : report_.latents) {
      if (!has_mesh(latent)) others.push_back(latent);
    }
    scatters(
        "Real and drawn points",
        "In the plane of the two features: points of the data, and as many drawn from the model, "
        "by the cluster it puts them into.",
        report_.plane);
    for (const PlaneDensities& plane : report_.densities) densities(plane);
    scatters("The latent space",
             "Each dot is a data point, where the model puts it, seen along the two directions in "
             "which the points differ most.",
             others);
    scatters("Where the clusters started",
             "Each dot is a training point among the codes that were clustered before the model "
             "learned, seen along their two main directions, by the cluster it was given.",
             report_.start);
  }

  void densities(const PlaneDensities& plane) {
    std::ostringstream said;
    said << "The density of points over the plane, the darker the higher, down to " << density_range
         << " nats below the highest of all: the model's is a mean over " << plane.draws
         << " draws of its latents";
    if (plane.maps.size() > 1) {
      said << ", beside it that of a plain mixture of Gaussians with full covariances, fitted to "
              "training points";
    }
    said << ". Means are of log p(x), a density in the data's units, of " << plane.points
         << " of the points that the figures above are of, the model's importance-weighted with "
         << plane.samples << " samples.";
    begin("Density", said.str());
    out_ << density_figures(plane, data_);
    end();
  }

  void curves() {
    json list = json::array();
    curves("Training", "Each named term of the bound, in nats per data point, over the epochs.",
           /*of_bound=*/true, list);
    curves("The clusters over the epochs",
           "Of validation points: how many clusters there are in effect, and the share of points "
           "whose cluster stands for their label. Nothing was chosen by it.",
           /*of_bound=*/false, list);
    if (!list.empty()) data_["curves"] = std::move(list);
  }

  void curves(const std::string& title, const std::string& said, bool of_bound, json& list) {
    bool begun = false;
    for (const Curve& curve : report_.curves) {
      if (curve.epochs.empty() || (curve.train.empty() && curve.validation.empty())) continue;
      if (curve.of_bound != of_bound) continue;
      if (!begun) {
        begin(title, said);
        out_ << "<div class=\"charts\">\n";
        begun = true;
      }
      json entry = {
          {"train", json::array()}, {"validation", json::array()}, {"axis", curve.axis()}};
      if (curve.floor > 0) {
        for (const double epoch : {curve.epochs.front(), curve.epochs.back()}) {
          entry["floor"].push_back({{"x", epoch}, {"y", curve.floor}});
        }
      }
      for (size_t i = 0; i < curve.epochs.size(); ++i) {
        const auto add = [&](const char* name, const std::vector<double>& values) {
          if (!values.empty())
            entry[name].push_back({{"x", curve.epochs[i]}, {"y", number(values[i])}});
        };
        add("train", curve.train);
        add("validation", curve.validation);
      }
      out_ << "<figure>\n<figcaption><h3>" << escape(curve.name) << "</h3></figcaption>\n";
      canvas("curve", std::to_string(list.size()), curve.name + " over the epochs", "medium");
      out_ << "</figure>\n";
      list.push_back(std::move(entry));
    }
    if (!begun) return;
    out_ << "</div>\n";
    end();
  }

  void tiles(const torch::Tensor& points, const std::string& said) {  // [n, D]
    out_ << "<div class=\"tiles\">\n";
    for (int64_t i = 0; i < points.size(0); ++i) image(points[i], said);
    out_ << "\n</div>\n";
  }

  void features() {
    const auto shown = shown_features(report_);
    begin("The features", "In colour, points drawn from the model; in grey, real points." +
                              std::string(shown.size() < report_.columns.size()
                                              ? " Of " + std::to_string(report_.columns.size()) +
                                                    " features those that set clusters apart most."
                                              : ""));
    data_["feature_values"] = feature_values(report_, shown);
    out_ << "<div class=\"charts\">\n";
    for (size_t i = 0; i < shown.size(); ++i) {
      const std::string name = feature_name(report_, shown[i]);
      out_ << "<figure>\n<figcaption><h3>" << escape(name) << "</h3></figcaption>\n";
      canvas("feature", std::to_string(i), name + ", drawn and real", "medium");
      out_ << "</figure>\n";
    }
    out_ << "</div>\n";
  }

  void variations() {
    if (report_.variations.empty() || !is_image(report_.shape)) return;
    begin(
        "What each layer says",
        "Each row begins with a point and what the model makes of it; then one layer is drawn anew "
        "while the others stay as the point has them.");
    for (const Traversed& one : report_.variations) {
      out_ << "<h3>" << escape(one.name) << " alone</h3>\n";
      out_ << "<div class=\"strip all\" style=\"--n:" << one.points.size(1) << "\">";
      for (const auto& row : one.points.unbind(0)) {
        for (int64_t i = 0; i < row.size(0); ++i) {
          image(row[i], i == 0   ? "a point"
                        : i == 1 ? "its reconstruction"
                                 : one.name + " drawn anew");
        }
      }
      out_ << "</div>\n";
    }
    end();
  }

  void samples() {
    if (!has_points(report_.samples)) return;
    if (is_image(report_.shape)) {
      begin("Random samples", "Drawn from the model, not chosen.");
      tiles(report_.samples, "random sample");
    } else if (is_table()) {
      features();
    } else {
      begin("Random samples",
            "In colour, points drawn from the model, not chosen; in grey, real "
            "points.");
      data_["samples"] = profile_.of(report_.samples);
      if (has_points(report_.originals)) data_["originals"] = profile_.of(report_.originals);
      canvas("samples", "", "Random samples and real points", "wide");
    }
    end();
  }

  void samples_uniform(const Ranked& one) {
    if (!has_points(one.of.samples_uniform) || is_table()) return;
    begin("With every cluster" + of_latent(one) + " equally likely",
          "The same with every cluster drawn as often as any other: what clusters the model has "
          "no use for would add.");
    if (is_image(report_.shape)) {
      tiles(one.of.samples_uniform, "random sample");
    } else {
      data_of(one)["samples_uniform"] = profile_.of(one.of.samples_uniform);
      canvas("samples_uniform", std::to_string(one.index),
             "Samples with uniform clusters and real points", "wide");
    }
    end();
  }

  void details() {
    if (report_.details.empty()) return;
    out_ << "<details class=\"details\">\n<summary>Details of the run</summary>\n"
            "<div class=\"scroll\" tabindex=\"0\">\n<table>\n<tbody>\n";
    for (const Detail& detail : report_.details) {
      out_ << "<tr><th scope=\"row\">" << escape(detail.key) << "</th><td>" << escape(detail.value)
           << "</td></tr>\n";
    }
    out_ << "</tbody>\n</table>\n</div>\n</details>\n";
  }

  /// What is drawn from each cluster and its real points, strongest first, as lines or histograms.
  json profiles(const Ranked& one) const {
    json list = json::array();
    for (const int64_t k : one.strongest) {
      json entry = json::object();
      if (has_points(one.of.samples)) entry["drawn"] = profile_.of(one.of.samples[k]);
      const auto real = real_points(one.of, k);
      if (!real.empty()) {
        entry["real"] = profile_.of(one.of.points[k].index_select(
            0, torch::tensor(real, one.of.points.options().dtype(torch::kInt64))));
      }
      list.push_back(std::move(entry));
    }
    return list;
  }

  void foot() {
    data_["palette"] = palette;
    data_["shown"] = shown_clusters;
    if (!is_image(report_.shape) && !is_table()) {
      data_["features"] = profile_.features();
      for (const Ranked& one : clusterings_) data_of(one)["clusters"] = profiles(one);
    }
    out_ << "<footer class=\"muted\">Written by Clade.</footer>\n</main>\n"
         << chart_scripts(data_) << "</body>\n</html>\n";
  }

  const Report& report_;
  std::vector<Ranked> clusterings_;
  Profile profile_;  // of points that are no images
  json data_ = {{"clusterings", json::array()}, {"latents", json::array()}};
  std::ostringstream out_;
};

}  // namespace

std::string file_stem(const Report& report, const Clustering& clustering, const std::string& what) {
  return report.clusterings.size() > 1 ? what + "_" + file_name(clustering.name) : what;
}

std::string render_page(const Report& report) {
  return Page(report).render();
}

}  // namespace clade
