#include "clade/report/features.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>

#include "clade/core/words.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/html.h"

namespace clade {
namespace {

/// Of a cluster on the page; more are in the CSV file.
constexpr size_t kContrastsShown = 5;
constexpr size_t kFeaturesShown = 12;
constexpr int64_t kReconstructionsShown = 6;
/// A bar this long is full: distributions that far apart hardly overlap.
constexpr double kFullBar = 4;

/// A number beside others that are `spread` away, of which a millionth is nothing.
double without_rounding(double value, double spread) {
  return std::abs(value) < 1e-6 * spread ? 0 : value;
}

/// Four digits of the spread, without an exponent up to ten millions.
std::string number_beside(double value, double spread) {
  char text[48];
  const double size = std::abs(without_rounding(value, spread));
  const int digits = digits_beside(size, spread);
  const bool needs_exponent = size >= 1e4 && digits <= static_cast<int>(std::log10(size));
  if (needs_exponent && size < 1e7) {
    std::snprintf(text, sizeof text, "%.0f", size);
  } else {
    std::snprintf(text, sizeof text, "%.*g", digits, size);
  }
  return (value < 0 && size > 0 ? "−" : "") + std::string(text);
}

std::string mean_text(double mean, double deviation) {
  return number_beside(mean, deviation) + " ± " + number_beside(deviation, 0);
}

/// "+1.3", "−12": to the digits that a reader needs.
std::string signed_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, std::abs(value) < 9.95 ? "%.1f" : "%.0f", std::abs(value));
  return (value < 0 ? "−" : "+") + std::string(text);
}

std::string bar(double difference) {
  const std::string length = number_text(std::min(std::abs(difference) / kFullBar, 1.0), 2);
  return std::string("<span class=\"bar ") + (difference < 0 ? "less" : "more") +
         "\" style=\"--length:" + length + "\"></span>";
}

}  // namespace

std::string feature_name(const Report& report, int64_t feature) {
  const auto place = static_cast<size_t>(feature);
  return place < report.columns.size() ? report.columns[place]
                                       : "feature " + std::to_string(feature);
}

std::vector<int64_t> shown_features(const Report& report) {
  std::map<int64_t, double> strength;
  for (size_t i = 0; i < report.columns.size(); ++i) strength[static_cast<int64_t>(i)] = 0;
  for (const Clustering& one : report.clusterings) {
    for (const auto& list : one.contrasts) {
      for (const Contrast& contrast : list) {
        double& most = strength[contrast.feature];
        most = std::max(most, std::abs(contrast.difference));
      }
    }
  }
  std::vector<int64_t> features;
  for (const auto& [feature, _] : strength) features.push_back(feature);
  std::stable_sort(features.begin(), features.end(),
                   [&](int64_t a, int64_t b) { return strength[a] > strength[b]; });
  features.resize(std::min(features.size(), kFeaturesShown));
  std::sort(features.begin(), features.end());
  return features;
}

std::string contrast_table(const Report& report, const std::vector<Contrast>& contrasts) {
  std::ostringstream html;
  html << "<div class=\"scroll apart\" tabindex=\"0\">\n<table class=\"contrasts\">\n<thead><tr>"
          "<th scope=\"col\">feature</th><th scope=\"col\" colspan=\"2\">difference</th>"
          "<th scope=\"col\">here</th><th scope=\"col\">elsewhere</th></tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < std::min(contrasts.size(), kContrastsShown); ++i) {
    const Contrast& one = contrasts[i];
    html << "<tr><th scope=\"row\">" << escape(feature_name(report, one.feature)) << "</th><td>"
         << bar(one.difference) << "</td><td>" << signed_text(one.difference) << "</td><td>"
         << mean_text(without_rounding(one.mean, one.deviation_of_others), one.deviation)
         << "</td><td>"
         << mean_text(without_rounding(one.mean_of_others, one.deviation), one.deviation_of_others)
         << "</td></tr>\n";
  }
  html << "</tbody>\n</table>\n</div>\n";
  return std::move(html).str();
}

std::string reconstruction_table(const Report& report, const std::vector<int64_t>& features) {
  const auto real = report.originals.cpu().to(torch::kFloat64);         // [n, D]
  const auto again = report.reconstructions.cpu().to(torch::kFloat64);  // [n, D]
  const int64_t points = std::min(real.size(0), kReconstructionsShown);
  std::ostringstream html;
  html << "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"comparison\">\n<tbody>\n";
  for (const int64_t feature : features) {
    html << "<tr><th scope=\"row\">" << escape(feature_name(report, feature)) << "</th>";
    const double spread = real.select(1, feature).std(/*unbiased=*/false).item<double>();
    for (int64_t i = 0; i < points; ++i) {
      html << "<td>" << number_beside(real[i][feature].item<double>(), spread) << " → "
           << number_beside(again[i][feature].item<double>(), spread) << "</td>";
    }
    html << "</tr>\n";
  }
  html << "</tbody>\n</table>\n</div>\n";
  return std::move(html).str();
}

nlohmann::json feature_values(const Report& report, const std::vector<int64_t>& features) {
  nlohmann::json list = nlohmann::json::array();
  for (const int64_t feature : features) {
    const auto values = [&](const torch::Tensor& points) {
      return points.defined() ? numbers(points.slice(1, feature, feature + 1))
                              : nlohmann::json::array();
    };
    list.push_back({{"name", feature_name(report, feature)},
                    {"real", values(report.originals)},
                    {"drawn", values(report.samples)}});
  }
  return list;
}

std::string contrast_csv(const Report& report, const Clustering& clustering) {
  std::ostringstream csv;
  csv << "cluster,rank,feature,difference,mean,deviation,mean_of_others,deviation_of_others\n";
  for (size_t k = 0; k < clustering.contrasts.size(); ++k) {
    for (size_t rank = 0; rank < clustering.contrasts[k].size(); ++rank) {
      const Contrast& one = clustering.contrasts[k][rank];
      csv << csv_text(cluster_in_table(clustering.classes, static_cast<int64_t>(k))) << ","
          << rank + 1 << "," << csv_text(feature_name(report, one.feature));
      csv << "," << number_text(one.difference);  // in units of the deviation
      const double spread = std::max(one.deviation, one.deviation_of_others);
      for (const double value :
           {one.mean, one.deviation, one.mean_of_others, one.deviation_of_others}) {
        constexpr int kLeast = 6;
        csv << ","
            << number_text(without_rounding(value, spread),
                           std::max(kLeast, digits_beside(value, spread)));
      }
      csv << "\n";
    }
  }
  return std::move(csv).str();
}

}  // namespace clade
