#include "clade/report/scatters.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/html.h"

namespace clade {
namespace {

using nlohmann::json;

json integers(const torch::Tensor& values) {  // [n]
  const auto row = values.to(torch::kCPU, torch::kInt64).contiguous();
  return std::vector<int64_t>(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
}

/// Buttons for what the dots of a latent are coloured by, where there is a choice.
std::string colours(const Scatter& latent, const std::string& index, const Report& of,
                    bool by_label) {
  const size_t choices = latent.clusters.size() + (latent.label.defined() ? 1 : 0);
  if (choices < 2) return "";
  std::ostringstream html;
  html << "<span class=\"toggle\" role=\"group\" aria-label=\"Colour by\">";
  const auto button = [&](const std::string& by, const std::string& name, bool pressed) {
    html << "<button type=\"button\" data-latent=\"" << index << "\" data-by=\"" << by
         << "\" aria-pressed=\"" << (pressed ? "true" : "false") << "\">by " << name << "</button>";
  };
  const bool several = of.clusterings.size() > 1;
  for (size_t c = 0; c < latent.clusters.size(); ++c) {
    button(std::to_string(c), several ? escape(of.clusterings[c].name) : "cluster",
           c == latent.own && !by_label);
  }
  if (latent.label.defined()) button("label", "label", by_label);
  html << "</span>";
  return std::move(html).str();
}

json data_of(const Scatter& latent, const Report& of, bool by_label, size_t first) {
  json entry = {{"points", numbers(latent.points)},
                {"axis", latent.axis},
                {"axes", axis_texts(latent)},
                {"first", first}};
  if (by_label) entry["by"] = "label";
  if (!by_label && latent.own > 0) entry["by"] = latent.own;
  if (latent.grid.defined()) entry["grid"] = numbers(latent.grid);
  for (const auto& cluster : latent.clusters) entry["clusters"].push_back(integers(cluster));
  if (latent.label.defined()) {
    entry["label"] = integers(latent.label);
    entry["label_order"] = labels_in_order(latent.label);
    entry["label_names"] = of.label_names;
  }
  return entry;
}

}  // namespace

std::array<std::string, 2> plane_axes(const std::vector<std::string>& columns) {
  if (columns.size() != 2) return {"first feature", "second feature"};
  return {columns[0], columns[1]};
}

std::array<std::string, 2> axis_texts(const Scatter& latent) {
  if (latent.axes) return *latent.axes;
  std::array<std::string, 2> texts = {"first " + latent.axis, "second " + latent.axis};
  for (size_t i = 0; i < std::min(texts.size(), latent.explained.size()); ++i) {
    std::ostringstream share;
    share.precision(3);
    share << " (" << 100 * latent.explained[i] << " % of variance)";
    texts[i] += share.str();
  }
  return texts;
}

void add_clustering(const Clustering& one, json& data) {
  json names = json::array(), ticks = json::array();
  for (int64_t k = 0; k < one.share.numel(); ++k) {
    names.push_back(cluster_name(one.classes, k));
    ticks.push_back(label_name(one.classes, k));
  }
  data["clusterings"].push_back(
      {{"order", strongest_first(one.share)}, {"names", names}, {"ticks", ticks}});
}

std::string scatter_figure(const Scatter& latent, const std::string& title, const Report& of,
                           bool by_label, json& data, size_t first) {
  by_label = by_label && latent.label.defined();
  json& list = data["latents"];
  const std::string index = std::to_string(list.size());
  list.push_back(data_of(latent, of, by_label, first));
  return "<figure>\n<figcaption><h3>" + escape(title) + "</h3>" +
         colours(latent, index, of, by_label) + "</figcaption>\n" +
         canvas_tag("latent", index, "The two main " + latent.axis + "s of " + title, "even") +
         "<div class=\"legend\" id=\"legend-" + index + "\"></div>\n</figure>\n";
}

}  // namespace clade
