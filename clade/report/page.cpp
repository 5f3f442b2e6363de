#include "clade/report/page.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/html.h"
#include "clade/report/sheet.h"

namespace clade {
namespace {

using nlohmann::json;

json integers(const torch::Tensor& values) {  // [n]
  const auto row = values.to(torch::kCPU, torch::kInt64).contiguous();
  return std::vector<int64_t>(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
}

bool has_points(const torch::Tensor& points) {
  return points.defined() && points.numel() > 0;
}

class Page {
 public:
  explicit Page(const Report& report)
      : report_(report),
        strongest_(strongest_first(report.cluster_share)),
        profile_(report.shape, has_points(report.originals) ? report.originals : report.samples) {
    if (has_points(report.confusion)) majority_ = majorities(report.confusion);
  }

  std::string render() {
    head();
    headline();
    if (has_clusters(report_)) clusters();
    reconstructions();
    if (has_clusters(report_)) {
      share();
      confusion();
      labels();
    }
    latents();
    curves();
    samples();
    details();
    foot();
    return std::move(out_).str();
  }

 private:
  std::string summary() const {
    std::string text = report_.said;
    if (has_clusters(report_)) {
      const auto q = report_.cluster_share.to(torch::kCPU, torch::kFloat64);  // [K]
      if (!text.empty()) text += " ";
      text += "Of its " + std::to_string(q.numel()) + " clusters, " +
              std::to_string(cluster_use(report_.cluster_share).clusters_in_use) +
              " hold an even share (" + percent(1.0 / static_cast<double>(q.numel())) +
              ") of the data or more; the largest holds " + percent(q.max().item<double>()) + ".";
      if (std::isfinite(report_.confidence)) {
        text += " On average it gives a point's own cluster a probability of " +
                percent(report_.confidence) + ".";
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

  void clusters() {
    if (!has_points(report_.cluster_samples) && !has_points(report_.cluster_points)) return;
    const std::string explanation =
        is_image(report_.shape)
            ? "Strongest first: what the model draws from the cluster, then the real points it is "
              "most sure belong there (point at one for how sure)."
            : "Strongest first. In colour, what the model draws from the cluster; in grey, the "
              "real "
              "points it is most sure belong there.";
    begin("Clusters", explanation);
    const auto in_use = static_cast<size_t>(cluster_use(report_.cluster_share).clusters_in_use);
    const size_t open = std::max(in_use, static_cast<size_t>(shown_clusters));
    for (size_t rank = 0; rank < strongest_.size(); ++rank) {
      if (rank == in_use) {
        out_ << "<p class=\"muted\">From here on each holds less than an even share, "
             << percent(1 / static_cast<double>(strongest_.size())) << ", of the data.</p>\n";
      }
      if (rank == open) {
        out_ << "<details>\n<summary>The other " << strongest_.size() - rank
             << " clusters</summary>\n";
      }
      cluster(rank);
    }
    if (strongest_.size() > open) out_ << "</details>\n";
    end();
  }

  void cluster(size_t rank) {
    const int64_t k = strongest_[rank];
    const double q = report_.cluster_share[k].item<double>();
    out_ << "<article class=\"cluster\">\n<div class=\"who\"><h3>" << swatch(rank) << " Cluster "
         << k << "</h3>\n<p><b>" << percent(q) << "</b> of the data</p>\n";
    if (!majority_.empty()) {
      const Majority& most = majority_[static_cast<size_t>(k)];
      if (most.label >= 0) {
        out_ << "<p>" << percent(most.share) << " <q>"
             << escape(label_name(report_.label_names, most.label)) << "</q></p>\n";
      } else {
        out_ << "<p class=\"muted\">no labelled point</p>\n";
      }
    }
    const auto sure = confidence(k);
    if (!sure.empty()) {
      const auto least = std::lround(100 * sure.back()), most = std::lround(100 * sure.front());
      out_ << "<p class=\"muted\">";
      if (least < most) out_ << least << "–";
      out_ << most << " % sure</p>\n";
    }
    out_ << "</div>\n";
    if (is_image(report_.shape)) {
      if (has_points(report_.cluster_samples)) {
        const int64_t n = report_.cluster_samples.size(1);
        out_ << "<div class=\"strip\" style=\"--n:" << n << "\">";
        for (int64_t i = 0; i < n; ++i) {
          image(report_.cluster_samples[k][i], "drawn from cluster " + std::to_string(k));
        }
        out_ << "</div>\n";
      }
      if (has_points(report_.cluster_points)) {
        out_ << "<div class=\"strip real\" style=\"--n:" << report_.cluster_points.size(1) << "\">";
        for (const int64_t i : real_points(k)) {
          std::string said = "real point";
          if (report_.cluster_confidence.defined()) {
            said += ", in cluster " + std::to_string(k) + " with probability " +
                    percent(report_.cluster_confidence[k][i].item<double>());
          }
          image(report_.cluster_points[k][i], said);
        }
        out_ << "</div>\n";
      }
    } else {
      canvas("cluster", std::to_string(rank),
             "Generated and real points of cluster " + std::to_string(k), "small");
    }
    out_ << "</article>\n";
  }

  /// Which columns of cluster_points hold a point of cluster k.
  std::vector<int64_t> real_points(int64_t k) const {
    std::vector<int64_t> columns;
    if (!has_points(report_.cluster_points)) return columns;
    for (int64_t i = 0; i < report_.cluster_points.size(1); ++i) {
      const bool there = !report_.cluster_confidence.defined() ||
                         !std::isnan(report_.cluster_confidence[k][i].item<double>());
      if (there) columns.push_back(i);
    }
    return columns;
  }

  /// How sure the model is of the real points shown for cluster k, surest first.
  std::vector<double> confidence(int64_t k) const {
    std::vector<double> sure;
    if (!report_.cluster_confidence.defined()) return sure;
    for (const int64_t i : real_points(k)) {
      sure.push_back(report_.cluster_confidence[k][i].item<double>());
    }
    std::sort(sure.rbegin(), sure.rend());
    return sure;
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

  void share() {
    begin(
        "How much of the data each cluster holds",
        "The model's own share of each cluster, q(y), averaged over the training data. The dashed "
        "line is an even share, 1/K.");
    data_["share"] = numbers(report_.cluster_share);
    canvas("share", "", "Share of each cluster, strongest first", "wide");
    end();
  }

  void confusion_table(const std::vector<int64_t>& rows) {
    const auto counts = report_.confusion.to(torch::kCPU, torch::kInt64).contiguous();  // [K, C]
    const auto count = counts.accessor<int64_t, 2>();
    out_ << "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"confusion\">\n"
            "<thead><tr><th scope=\"col\">cluster</th>";
    for (int64_t c = 0; c < counts.size(1); ++c) {
      out_ << "<th scope=\"col\">" << escape(label_name(report_.label_names, c)) << "</th>";
    }
    out_ << "</tr></thead>\n<tbody>\n";
    for (const int64_t k : rows) {
      int64_t total = 0;
      for (int64_t c = 0; c < counts.size(1); ++c) total += count[k][c];
      out_ << "<tr><th scope=\"row\">" << k << "</th>";
      for (int64_t c = 0; c < counts.size(1); ++c) {
        const double part =
            total > 0 ? static_cast<double>(count[k][c]) / static_cast<double>(total) : 0;
        char depth[16];
        std::snprintf(depth, sizeof depth, "%.2f", part);
        out_ << "<td" << (part > 0.5 ? " class=\"deep\"" : "") << " style=\"--part:" << depth
             << "\" title=\"" << percent(part) << " of cluster " << k << "\">" << count[k][c]
             << "</td>";
      }
      out_ << "</tr>\n";
    }
    out_ << "</tbody>\n</table>\n</div>\n";
  }

  void confusion() {
    if (!has_points(report_.confusion)) return;
    begin(
        "Clusters and labels",
        "How many points of each cluster (row) carry each label (column), sorted by the label most "
        "of them carry. The darker a cell, the larger its part of the cluster.");
    const auto middle = strongest_.begin() +
                        std::min<int64_t>(static_cast<int64_t>(strongest_.size()), shown_clusters);
    confusion_table(by_majority({strongest_.begin(), middle}, majority_));
    if (middle != strongest_.end()) {
      out_ << "<details>\n<summary>The other " << strongest_.end() - middle
           << " clusters</summary>\n";
      confusion_table(by_majority({middle, strongest_.end()}, majority_));
      out_ << "</details>\n";
    }
    end();
  }

  void labels() {
    if (!has_points(report_.cluster_given_label)) return;
    begin(
        "What each label is made of",
        "The clusters that hold most of a label's points, q(y | label), strongest first, as far as "
        "they are above an even share. Bold: a cluster that more than one label needs.");
    const auto strongest = strongest_of_label(report_.cluster_given_label);
    const auto shared = shared_by_labels(strongest);
    json panels = json::array();
    for (size_t label = 0; label < strongest.size(); ++label) {
      const auto q = report_.cluster_given_label[static_cast<int64_t>(label)];  // [K]
      if (q.sum().item<double>() == 0) continue;                                // no points
      if (label == static_cast<size_t>(shown_labels)) {
        out_ << "<p class=\"muted\">The other labels are in label_clusters.csv.</p>\n";
        break;
      }
      const std::string name = label_name(report_.label_names, static_cast<int64_t>(label));
      out_ << "<article class=\"cluster label\">\n<div class=\"who\"><h3>" << escape(name)
           << "</h3>\n<p>";
      for (const int64_t k : strongest[label]) {
        const bool bold = std::binary_search(shared.begin(), shared.end(), k);
        out_ << (bold ? "<b>" : "<span>") << k << " (" << percent(q[k].item<double>()) << ")"
             << (bold ? "</b> " : "</span> ");
      }
      out_ << "</p>\n</div>\n";
      canvas("given_label", std::to_string(panels.size()), "Clusters of the points of " + name,
             "small");
      if (is_image(report_.shape) && has_points(report_.cluster_samples)) {
        out_ << "<div class=\"strip all\" style=\"--n:" << 5 * label_samples << "\">";
        for (const int64_t k : strongest[label]) {
          const auto samples = report_.cluster_samples[k];
          for (int64_t i = 0; i < std::min(label_samples, samples.size(0)); ++i) {
            image(samples[i], "drawn from cluster " + std::to_string(k));
          }
        }
        out_ << "</div>\n";
      }
      out_ << "</article>\n";
      panels.push_back(numbers(q));
    }
    data_["given_label"] = std::move(panels);
    end();
  }

  void latents() {
    json list = json::array();
    for (const Scatter& latent : report_.latents) {
      if (!has_points(latent.points)) continue;
      if (list.empty()) {
        begin("The latent space",
              "Each dot is a data point, where the model puts it, seen along the "
              "two directions in which the points differ most.");
        out_ << "<div class=\"charts square\">\n";
      }
      const bool by_cluster = has_clusters(report_) && latent.cluster.defined();
      const std::string index = std::to_string(list.size());
      out_ << "<figure>\n<figcaption><h3>" << escape(latent.name) << "</h3>";
      if (by_cluster && latent.label.defined()) {
        out_ << "<span class=\"toggle\" role=\"group\" aria-label=\"Colour by\">"
             << "<button type=\"button\" data-latent=\"" << index
             << "\" data-by=\"cluster\" aria-pressed=\"true\">by cluster</button>"
             << "<button type=\"button\" data-latent=\"" << index
             << "\" data-by=\"label\" aria-pressed=\"false\">by label</button></span>";
      }
      out_ << "</figcaption>\n";
      canvas("latent", index, "Principal components of " + latent.name, "even");
      out_ << "<div class=\"legend\" id=\"legend-" << index << "\"></div>\n</figure>\n";
      json entry = {{"points", numbers(latent.points)}, {"explained", json::array()}};
      for (const double part : latent.explained) entry["explained"].push_back(number(part));
      if (by_cluster) entry["cluster"] = integers(latent.cluster);
      if (latent.label.defined()) {
        entry["label"] = integers(latent.label);
        entry["label_order"] = labels_in_order(latent.label);
      }
      list.push_back(std::move(entry));
    }
    if (list.empty()) return;
    data_["latents"] = std::move(list);
    out_ << "</div>\n";
    end();
  }

  void curves() {
    json list = json::array();
    for (const Curve& curve : report_.curves) {
      if (curve.epochs.empty() || (curve.train.empty() && curve.validation.empty())) continue;
      if (list.empty()) {
        begin("Training", "Each named term of the bound, in nats per data point, over the epochs.");
        out_ << "<div class=\"charts\">\n";
      }
      json entry = {{"train", json::array()}, {"validation", json::array()}};
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
    if (list.empty()) return;
    data_["curves"] = std::move(list);
    out_ << "</div>\n";
    end();
  }

  void tiles(const torch::Tensor& points, const std::string& said) {  // [n, D]
    out_ << "<div class=\"tiles\">\n";
    for (int64_t i = 0; i < points.size(0); ++i) image(points[i], said);
    out_ << "\n</div>\n";
  }

  void samples() {
    if (!has_points(report_.samples)) return;
    if (is_image(report_.shape)) {
      begin("Random samples", "Drawn from the model, not chosen.");
      tiles(report_.samples, "random sample");
    } else {
      begin("Random samples",
            "In colour, points drawn from the model, not chosen; in grey, real "
            "points.");
      data_["samples"] = profile_.of(report_.samples);
      if (has_points(report_.originals)) data_["originals"] = profile_.of(report_.originals);
      canvas("samples", "", "Random samples and real points", "wide");
    }
    end();
    if (!has_points(report_.samples_uniform)) return;
    begin("With every cluster equally likely",
          "The same with every cluster drawn as often as any other: what clusters the model has "
          "no use for would add.");
    if (is_image(report_.shape)) {
      tiles(report_.samples_uniform, "random sample");
    } else {
      data_["samples_uniform"] = profile_.of(report_.samples_uniform);
      canvas("samples_uniform", "", "Samples with uniform clusters and real points", "wide");
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

  void foot() {
    data_["palette"] = palette;
    data_["shown"] = shown_clusters;
    data_["order"] = strongest_;
    data_["labels"] = report_.label_names;
    if (!is_image(report_.shape)) {
      data_["features"] = profile_.features();
      data_["clusters"] = json::array();
      for (const int64_t k : strongest_) {
        json entry = json::object();
        if (has_points(report_.cluster_samples))
          entry["drawn"] = profile_.of(report_.cluster_samples[k]);
        const auto real = real_points(k);
        if (!real.empty()) {
          entry["real"] = profile_.of(report_.cluster_points[k].index_select(
              0, torch::tensor(real, report_.cluster_points.options().dtype(torch::kInt64))));
        }
        data_["clusters"].push_back(std::move(entry));
      }
    }
    out_ << "<footer class=\"muted\">Written by Clade.</footer>\n</main>\n"
         << chart_scripts(data_) << "</body>\n</html>\n";
  }

  const Report& report_;
  std::vector<int64_t> strongest_;  // cluster numbers by rank
  std::vector<Majority> majority_;  // of cluster k; empty without labels
  Profile profile_;                 // of points that are no images
  json data_ = json::object();
  std::ostringstream out_;
};

}  // namespace

bool has_clusters(const Report& report) {
  return report.cluster_share.defined() && report.cluster_share.numel() > 1;
}

std::string render_page(const Report& report) {
  return Page(report).render();
}

}  // namespace clade
