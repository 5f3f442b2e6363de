#include "clade/report/plots.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <map>
#include <numeric>
#include <sstream>

#include "clade/core/files.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/density.h"
#include "clade/report/gnuplot.h"
#include "clade/report/page.h"
#include "clade/report/scatters.h"

namespace clade {
namespace {

// Letters that there is room for below a small panel, and above one or along an axis.
constexpr size_t kMostBelowPanel = 12, kMostOfTitle = 55;

/// What gnuplot reads: numbers with digits enough to tell apart what lies far from zero.
struct Script : std::ostringstream {
  Script() { precision(14); }
};

/// Panels in rows of at most so many.
struct PanelGrid {
  PanelGrid(size_t count, int64_t most)
      : panels(static_cast<int64_t>(count)), columns(std::min(panels, most)) {}

  int64_t rows() const { return (panels + columns - 1) / columns; }
  PictureSize of(PictureSize panel) const { return {columns * panel.width, rows() * panel.height}; }
  std::string layout(const std::string& title = "") const {
    return "set multiplot layout " + std::to_string(rows()) + "," + std::to_string(columns) +
           (title.empty() ? "" : " title " + gnuplot_string(title)) + "\n";
  }

  int64_t panels, columns;
};

std::string colour(size_t rank) {
  return rank < static_cast<size_t>(shown_clusters) ? palette[rank % palette.size()] : "#c3c7cd";
}

/// gnuplot's symbols for the first, second and third ten of a ranking: dot, triangle, square.
int symbol(size_t rank) {
  constexpr int symbols[] = {7, 9, 5};
  return symbols[std::min<size_t>(rank / palette.size(), 2)];
}

/// gnuplot's data block called `name`: values over x, "nan" for those that are not known.
std::string values_block(const std::string& name, const std::vector<double>& x,
                         const std::vector<double>& values) {
  Script block;
  block << name << " << EOD\n";
  for (size_t i = 0; i < values.size(); ++i) {
    block << x[i] << " ";
    if (std::isfinite(values[i])) {
      block << values[i] << "\n";
    } else {
      block << "nan\n";
    }
  }
  block << "EOD\n";
  return std::move(block).str();
}

std::string curves_script(const std::vector<Curve>& curves, const PanelGrid& grid) {
  Script script;
  script << "set datafile missing 'nan'\n"
         << grid.layout() << "set xlabel 'epoch'\nset key outside top right horizontal\n"
         << "set yrange [*:*]\nset xtics autofreq\n";
  for (size_t i = 0; i < curves.size(); ++i) {
    const Curve& curve = curves[i];
    const std::string block = "$curve" + std::to_string(i);
    std::string plots;
    const auto add = [&](const std::vector<double>& values, const std::string& name, size_t rank) {
      if (!any_known(values)) return;
      const std::string part = block + "_" + name;
      script << values_block(part, curve.epochs, values);
      plots += (plots.empty() ? "plot " : ", ") + part + " using 1:2 with " +
               (values.size() == 1 ? "points pointtype 7" : "lines") +
               " linewidth 1.6 linecolor rgb '" + palette[rank] + "' title '" + name + "'";
    };
    add(curve.train, "train", 0);
    add(curve.validation, "validation", 5);
    if (curve.floor > 0 && !plots.empty()) {
      plots += ", " + std::to_string(curve.floor) + " with lines dashtype 2 linecolor rgb '" +
               palette[7] + "' title 'floor'";
    }
    script << "set title " << gnuplot_string(curve.name) << "\nset ylabel '" << curve.axis()
           << "'\n"
           << plots << "\n";
  }
  return std::move(script).str();
}

std::vector<int64_t> first_integers(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

/// gnuplot's list of ticks at 0, 1, … for clusters or labels, by their names if they have any.
std::string ticks(const std::vector<int64_t>& of, const std::vector<std::string>& names,
                  size_t letters = name_letters) {
  std::ostringstream list;
  for (size_t place = 0; place < of.size(); ++place) {
    list << (place > 0 ? ", " : " (")
         << gnuplot_tick(shortened(label_name(names, of[place]), letters)) << " " << place;
  }
  list << ")";
  return std::move(list).str();
}

std::string share_script(const Clustering& one) {
  const auto order = strongest_first(one.share);
  const auto q = one.share.to(torch::kCPU, torch::kFloat64).contiguous();  // [K]
  Script script;
  script << "$share << EOD\n";
  for (size_t rank = 0; rank < order.size(); ++rank) {
    script << rank << " " << 100 * q.data_ptr<double>()[order[rank]] << " 0x"
           << colour(rank).substr(1) << "\n";
  }
  const double even = 100.0 / static_cast<double>(order.size());
  script << "EOD\nset title 'How much of the data each cluster holds'\nset boxwidth 0.8\n"
         << "set style fill solid noborder\nset yrange [0:*]\nset xrange [-0.7:" << order.size()
         << "-0.3]\nset ylabel 'share of the data, q(y), %'\n";
  if (order.size() <= 40) {
    script << "set xlabel 'cluster, strongest first'\n";
  } else {
    script << "set xlabel 'rank of the cluster'\n";
  }
  script << "set key top right\nset xtics rotate by " << (one.classes.empty() ? 0 : 40)
         << (one.classes.empty() ? "" : " right") << " scale 0";
  if (order.size() <= 40) script << ticks(order, one.classes);
  script << "\nplot $share using 1:2:(0.8):3 with boxes linecolor rgb variable notitle, " << even
         << " with lines dashtype 2 linecolor rgb '#4a4f57' title 'even share, 1/K'\n";
  return std::move(script).str();
}

/// What is said in a title of labels that there is no room for.
std::string said_of_labels(int64_t labels) {
  if (labels <= shown_labels) return "";
  return ", the first " + std::to_string(shown_labels) + " of " + std::to_string(labels) +
         " labels";
}

std::string confusion_script(const Report& report, const Clustering& one,
                             const std::vector<int64_t>& clusters) {
  const auto counts = one.confusion.to(torch::kCPU, torch::kInt64).contiguous();  // [K, C]
  const auto count = counts.accessor<int64_t, 2>();
  const int64_t all_labels = counts.size(1), labels = std::min(all_labels, shown_labels);
  Script script;
  script << "$cells << EOD\n";
  for (size_t row = 0; row < clusters.size(); ++row) {
    int64_t total = 0;
    for (int64_t c = 0; c < all_labels; ++c) total += count[clusters[row]][c];
    for (int64_t c = 0; c < labels; ++c) {
      const int64_t n = count[clusters[row]][c];
      const double part = total > 0 ? static_cast<double>(n) / static_cast<double>(total) : 0;
      script << c << " " << row << " " << part << " " << n << " "
             << (part > 0.55 ? 0xffffff : 0x22262b) << "\n";
    }
  }
  script << "EOD\nset title 'Points of each cluster (row) with each label (column)"
         << said_of_labels(all_labels) << "'\nunset key\n"
         << "unset colorbox\nunset grid\nset palette defined (0 '#ffffff', 1 '#1f5f99')\n"
         << "set cbrange [0:1]\nset xrange [-0.5:" << labels << "-0.5]\nset yrange ["
         << clusters.size() << "-0.5:-0.5]\nset ylabel 'cluster'\nset xlabel 'label'\n"
         << "set xtics noenhanced rotate by 40 right scale 0"
         << ticks(first_integers(labels), report.label_names) << "\nset ytics scale 0"
         << ticks(clusters, one.classes)
         // Boxes, as gnuplot draws no image of which a side is one cell.
         << "\nset style fill solid noborder\n"
            "plot $cells using 1:2:(0.5):(0.5):3 with boxxyerror fillcolor palette";
  if (labels <= 20) script << ", '' using 1:2:4:5 with labels font ',9' textcolor rgb variable";
  return std::move(script).str();
}

/// Whether there is room below a panel for what each cluster is called.
bool named_ticks(const Clustering& one) {
  return one.share.numel() <= 12;
}

/// 1, 2, 5, 10 and so on between ticks of so many clusters.
int64_t tick_step(int64_t clusters) {
  constexpr int64_t kTicks = 8;
  int64_t unit = 1;
  while (clusters > 10 * unit * kTicks) unit *= 10;
  for (const int64_t times : {1, 2, 5}) {
    if (clusters <= times * unit * kTicks) return times * unit;
  }
  return 10 * unit;
}

/// A panel of q(y | label) for each label.
std::string given_label_script(const Report& report, const Clustering& one, const PanelGrid& grid) {
  const auto q = one.given_label.to(torch::kCPU, torch::kFloat64).contiguous();  // [C, K]
  const int64_t K = q.size(1);
  Script script;
  script << grid.layout("q(y | label)" + said_of_labels(q.size(0)))
         << "unset key\nset boxwidth 0.9\nset style fill solid noborder\nset xrange [-0.7:" << K
         << "-0.3]\nset yrange [0:*]\nset format y '%g %%'\nset xlabel 'cluster'\n"
         << "set ylabel 'q(y | label)'\nset xtics scale 0";
  if (named_ticks(one)) {
    script << (one.classes.empty() ? "" : " rotate by 40 right")
           << ticks(first_integers(K), one.classes, kMostBelowPanel);
  } else {
    script << " 0," << tick_step(K);
  }
  script << "\n";
  for (int64_t label = 0; label < grid.panels; ++label) {
    script << "$label" << label << " << EOD\n";
    for (int64_t k = 0; k < K; ++k) {
      script << k << " " << 100 * q.data_ptr<double>()[label * K + k] << "\n";
    }
    script << "EOD\nset title " << gnuplot_string(shortened(label_name(report.label_names, label)))
           << "\nplot $label" << label << " using 1:2 with boxes linecolor rgb '" << palette[0]
           << "'\n";
  }
  return std::move(script).str();
}

/// Points of one feature: data and model; and of a clustering, if there is one, the same with
/// uniform clusters, and some of its clusters.
std::string histograms_script(const Report& report, const Clustering& one, int64_t columns,
                              const std::vector<int64_t>& clusters) {
  constexpr int64_t kBins = 60;
  const auto flat = [](const torch::Tensor& points) {
    return points.to(torch::kCPU, torch::kFloat32).reshape(-1);
  };
  const auto truth = flat(report.originals);
  const double low = truth.min().item<double>(), high = truth.max().item<double>();
  const double margin = 0.1 * std::max(high - low, 1e-6);
  const double width = (high - low + 2 * margin) / kBins;
  Script script, panels;
  int64_t panel_count = 0, block_count = 0;
  const auto panel = [&](const std::string& title, const torch::Tensor& drawn, size_t rank) {
    Script plots;
    const auto add = [&](const torch::Tensor& values, const std::string& style,
                         const std::string& name) {
      const auto count = values.histc(kBins, low - margin, high + margin).to(torch::kFloat64);
      const std::string block = "$histogram" + std::to_string(block_count++);
      panels << block << " << EOD\n";
      for (int64_t bin = 0; bin < kBins; ++bin) {
        panels << low - margin + (static_cast<double>(bin) + 0.5) * width << " "
               << count[bin].item<double>() / (static_cast<double>(values.numel()) * width) << "\n";
      }
      panels << "EOD\n";
      plots << (plots.tellp() > 0 ? ", " : "plot ") << block << " using 1:2 " << style << " title "
            << gnuplot_string(name);
    };
    add(drawn, "with boxes fill solid 0.6 noborder linecolor rgb '" + colour(rank) + "'", "model");
    add(truth, "with steps linewidth 1.4 linecolor rgb '#4a4f57'", "data");
    panels << "set title " << gnuplot_string(title) << "\n" << plots.str() << "\n";
    ++panel_count;
  };
  panel("data and model", flat(report.samples), 0);
  if (one.samples_uniform.defined()) panel("every cluster alike", flat(one.samples_uniform), 5);
  for (size_t rank = 0; rank < clusters.size(); ++rank) {
    panel(shortened(cluster_name(one.classes, clusters[rank])), flat(one.samples[clusters[rank]]),
          rank);
  }
  script << "set multiplot layout " << (panel_count + columns - 1) / columns << "," << columns
         << "\nset key outside top center horizontal samplen 1\nset boxwidth " << width
         << "\nset xrange [" << low - margin << ":" << high + margin << "]\nset yrange [0:*]\n"
         << panels.str();
  return std::move(script).str();
}

/// gnuplot's data block called `name`: the columns and rows of a mesh, [2, n] rising, each from the
/// first of the others to the last.
std::string mesh_block(const torch::Tensor& grid, const std::string& name) {
  const auto lines = grid.to(torch::kCPU, torch::kFloat64).contiguous();
  const auto at = lines.accessor<double, 2>();
  const int64_t last = lines.size(1) - 1;
  Script block;
  block << name << " << EOD\n";
  for (int64_t i = 0; i <= last; ++i) {
    block << at[0][i] << " " << at[1][0] << "\n" << at[0][i] << " " << at[1][last] << "\n\n";
    block << at[0][0] << " " << at[1][i] << "\n" << at[0][last] << " " << at[1][i] << "\n\n";
  }
  block << "EOD\n";
  return std::move(block).str();
}

/// One scatter plot, a colour and symbol for each of `groups` in their order; points of none are
/// called `none`. `group` is [n].
std::string scatter_script(const Scatter& latent, const std::string& block, torch::Tensor group,
                           const std::vector<int64_t>& groups,
                           const std::function<std::string(int64_t)>& name,
                           const std::string& none) {
  const auto points = latent.points.to(torch::kCPU, torch::kFloat64).contiguous();  // [n, 2]
  group = group.to(torch::kCPU, torch::kInt64).contiguous();
  std::map<int64_t, size_t> ranks;
  for (size_t rank = 0; rank < groups.size(); ++rank) ranks[groups[rank]] = rank;
  const auto shown = std::min(groups.size(), static_cast<size_t>(shown_clusters));
  std::vector<Script> data(shown + 1);  // the last holds the weak ones
  const auto point = points.accessor<double, 2>();
  for (int64_t i = 0; i < points.size(0); ++i) {
    if (!std::isfinite(point[i][0]) || !std::isfinite(point[i][1])) continue;
    const auto rank = ranks.find(group.data_ptr<int64_t>()[i]);
    data[rank == ranks.end() ? shown : std::min(rank->second, shown)] << point[i][0] << " "
                                                                      << point[i][1] << "\n";
  }
  Script script, plots;
  const auto add = [&](size_t rank, const std::string& title) {
    const std::string text = data[rank].str();
    if (text.empty()) return;
    const std::string part = block + "_" + std::to_string(rank);
    script << part << " << EOD\n" << text << "EOD\n";
    plots << (plots.tellp() > 0 ? ", " : "plot ") << part
          << " using 1:2 with points pointsize 0.45 pointtype " << (rank < shown ? symbol(rank) : 7)
          << " linecolor rgb '" << (rank < shown ? colour(rank) : "#c3c7cd") << "' title "
          << gnuplot_string(shortened(title));
  };
  if (latent.grid.defined()) {
    script << mesh_block(latent.grid, block + "_mesh");
    plots << "plot " << block
          << "_mesh using 1:2 with lines linewidth 0.5 linecolor rgb '#8a8f98' notitle";
  }
  add(shown, shown < groups.size() ? "others" : none);
  for (size_t rank = 0; rank < shown; ++rank) add(rank, name(groups[rank]));
  const auto axes = axis_texts(latent);
  script << "set xlabel " << gnuplot_string(shortened(axes[0], kMostOfTitle)) << "\nset ylabel "
         << gnuplot_string(shortened(axes[1], kMostOfTitle)) << "\n"
         << (axes[1].empty() ? "unset ytics\n" : "set ytics\n") << plots.str() << "\n";
  return std::move(script).str();
}

std::string label_curves_script(const std::vector<LabelCurve>& curves) {
  Script script, plots;
  for (size_t i = 0; i < curves.size(); ++i) {
    const LabelCurve& curve = curves[i];
    const std::string block = "$curve" + std::to_string(i);
    script << block << " << EOD\n";
    for (size_t j = 0; j < curve.labels.size(); ++j) {
      const double deviation = std::isfinite(curve.deviation[j]) ? curve.deviation[j] : 0;
      script << curve.labels[j] << " " << curve.value[j] << " " << deviation << "\n";
    }
    script << "EOD\n";
    const std::string look =
        " pointtype " + std::to_string(symbol(i)) + " linecolor rgb '" + colour(i) + "'";
    plots << (i > 0 ? ", " : "plot ") << block << " using 1:2 with linespoints linewidth 1.6"
          << look << " title " << gnuplot_string(curve.name) << ", " << block
          << " using 1:2:3 with yerrorbars" << look << " notitle";
  }
  script << "set xlabel 'labels learned from'\nset ylabel 'log-likelihood, nats'\n"
         << "set offsets graph 0.04, graph 0.04, graph 0.04, graph 0.04\n"
         << "set key outside top center horizontal\n"
         << plots.str() << "\n";
  return std::move(script).str();
}

std::string by_cluster(const Report& report, const Scatter& latent, size_t c,
                       const std::string& block) {
  const Clustering& one = report.clusterings[c];
  return scatter_script(
      latent, block + std::to_string(c), latent.clusters[c], strongest_first(one.share),
      [&](int64_t k) { return cluster_name(one.classes, k); }, "others");
}

std::string by_label(const Report& report, const Scatter& latent, const std::string& block) {
  return scatter_script(
      latent, block, latent.label, labels_in_order(latent.label),
      [&](int64_t c) { return label_name(report.label_names, c); }, "no label");
}

std::string by_nothing(const Scatter& latent, const std::string& block) {
  return scatter_script(
      latent, block, torch::zeros({latent.points.size(0)}), {0},
      [](int64_t) { return std::string(); }, "");
}

/// A panel by the clusters of each discrete latent and, where there are labels, one by label.
std::string scatter_panels(const Report& report, const Scatter& latent, int64_t panels) {
  Script script;
  script << "set multiplot layout 1," << panels << "\nset key outside right top samplen 0.5\n";
  for (size_t c = 0; c < latent.clusters.size(); ++c) {
    const std::string by = report.clusterings.size() > 1 ? report.clusterings[c].name : "cluster";
    script << "set title " << gnuplot_string(latent.name + " by " + by) << "\n"
           << by_cluster(report, latent, c, "$cluster");
  }
  if (latent.label.defined()) {
    script << "set title " << gnuplot_string(latent.name + " by label") << "\n"
           << by_label(report, latent, "$label");
  }
  if (latent.clusters.empty() && !latent.label.defined()) {
    script << "unset key\nset title " << gnuplot_string(latent.name) << "\n"
           << by_nothing(latent, "$points");
  }
  return std::move(script).str();
}

/// A panel a density.
std::string density_script(const PlaneDensities& plane, const PanelGrid& grid) {
  Script script;
  script << grid.layout() << "unset colorbox\nunset grid\nunset key\nset cbrange [0:1]\n"
         << "set palette defined (0 '#ffffff', 1 '" << palette[0] << "')\nset xlabel "
         << gnuplot_string(shortened(plane.axes[0], kMostOfTitle)) << "\nset ylabel "
         << gnuplot_string(shortened(plane.axes[1], kMostOfTitle)) << "\n";
  for (size_t i = 0; i < plane.maps.size(); ++i) {
    const PlaneDensity& map = plane.maps[i];
    const auto dark = darkness(plane, i).to(torch::kFloat64).contiguous();  // [n, n]
    const auto cell = dark.accessor<double, 2>();
    const int64_t n = dark.size(0);
    const auto low = map.low.accessor<double, 1>(), high = map.high.accessor<double, 1>();
    const auto centre = [&](int64_t at, int64_t axis) {
      return low[axis] +
             (static_cast<double>(at) + 0.5) / static_cast<double>(n) * (high[axis] - low[axis]);
    };
    script << "$density" << i << " << EOD\n";
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t at = 0; at < n; ++at) {
        script << centre(at, 0) << " " << centre(row, 1) << " " << cell[row][at] << "\n";
      }
    }
    std::ostringstream title;
    title << shortened(map.name) << ", mean log p(x) " << std::fixed << std::setprecision(3)
          << map.mean << " nats";
    script << "EOD\nset xrange [" << low[0] << ":" << high[0] << "]\nset yrange [" << low[1] << ":"
           << high[1] << "]\nset title " << gnuplot_string(title.str()) << "\nplot $density" << i
           << " using 1:2:3 with image\n";
  }
  return std::move(script).str();
}

/// The same axes for points of the plane of two features; nothing for latents.
std::string plane_ranges(const std::vector<RunScatter>& scatters) {
  std::vector<torch::Tensor> points;
  for (const RunScatter& one : scatters) {
    if (one.scatter->axis == "feature") points.push_back(one.scatter->points.cpu());
  }
  if (points.empty()) return "";
  const auto all = torch::cat(points).to(torch::kFloat64);  // [n, 2]
  Script script;
  for (const auto& [name, i] : {std::pair{"xrange", 0}, {"yrange", 1}}) {
    const auto values = all.select(1, i);
    const double low = values.min().item<double>(), high = values.max().item<double>();
    const double margin = 0.03 * std::max(high - low, 1e-6);
    script << "set " << name << " [" << low - margin << ":" << high + margin << "]\n";
  }
  return std::move(script).str();
}

/// A panel a run.
std::string run_scatters_script(const std::vector<RunScatter>& scatters, const PanelGrid& grid) {
  Script script;
  script << grid.layout() << "set key outside right top samplen 0.5\n" << plane_ranges(scatters);
  for (size_t i = 0; i < scatters.size(); ++i) {
    const Scatter& scatter = *scatters[i].scatter;
    const Report& report = *scatters[i].report;
    const std::string block = "$run" + std::to_string(i) + "_";
    script << "set title " << gnuplot_string(shortened(scatters[i].title, kMostOfTitle)) << "\n"
           << (scatter.label.defined()    ? by_label(report, scatter, block)
               : scatter.clusters.empty() ? by_nothing(scatter, block)
                                          : by_cluster(report, scatter, scatter.own, block));
  }
  return std::move(script).str();
}

/// A panel a quantity, a line a run.
std::string compared_curves_script(const std::vector<ComparedCurve>& curves,
                                   const PanelGrid& grid) {
  Script script;
  script << "set datafile missing 'nan'\n"
         << grid.layout() << "set xlabel 'epoch'\nset key outside bottom center horizontal\n";
  for (size_t i = 0; i < curves.size(); ++i) {
    std::string plots;
    for (size_t j = 0; j < curves[i].lines.size(); ++j) {
      const RunLine& line = curves[i].lines[j];
      const std::string block = "$curve" + std::to_string(i) + "_" + std::to_string(j);
      script << values_block(block, line.epochs, line.values);
      plots += (plots.empty() ? "plot " : ", ") + block + " using 1:2 with " +
               (line.values.size() == 1 ? "points pointtype 7" : "lines") +
               " linewidth 1.6 dashtype " + std::to_string(1 + line.place / palette.size()) +
               " linecolor rgb '" + palette[line.place % palette.size()] + "' title " +
               gnuplot_string(shortened(line.run, kMostOfTitle));
    }
    script << "set title " << gnuplot_string(curves[i].name) << "\nset ylabel "
           << gnuplot_string(curves[i].axis) << "\n"
           << plots << "\n";
  }
  return std::move(script).str();
}

/// A panel a figure: its points, and a line through their means.
std::string sweep_script(const std::string& key, const std::vector<Swept>& figures) {
  Script script;
  script << "set multiplot layout 1," << figures.size() << "\nset xlabel " << gnuplot_tick(key)
         << "\nunset key\n";
  for (size_t i = 0; i < figures.size(); ++i) {
    const std::string block = "$figure" + std::to_string(i);
    script << block << " << EOD\n";
    for (size_t point = 0; point < figures[i].values.size(); ++point) {
      script << figures[i].values[point] << " " << figures[i].figures[point] << "\n";
    }
    script << "EOD\nset title " << gnuplot_string(figures[i].name)
           << "\nset offsets graph 0.05, graph 0.05\n"
           << "plot " << block
           << " using 1:2 smooth unique with lines linewidth 1.6 linecolor rgb '" << palette[0]
           << "', " << block << " using 1:2 with points pointtype 7 linecolor rgb '" << palette[5]
           << "'\n";
  }
  return std::move(script).str();
}

/// Draws one chart, and returns why it could not be drawn.
std::vector<std::string> drawn_alone(const std::filesystem::path& file, PictureSize size,
                                     const std::string& script) {
  if (!gnuplot_installed()) {
    return {"there is no " + file.string() + ": gnuplot is not installed (Debian: gnuplot-nox)"};
  }
  if (draw_picture(file, size, script)) return {};
  return {"gnuplot could not draw " + file.string()};
}

}  // namespace

std::vector<std::string> write_sweep_plot(const std::string& key, const std::vector<Swept>& figures,
                                          const std::filesystem::path& folder) {
  const PictureSize size{static_cast<int64_t>(figures.size()) * 420, 300};
  return drawn_alone(folder / "sweep.png", size, sweep_script(key, figures));
}

std::vector<std::string> write_label_curves(const std::vector<LabelCurve>& curves,
                                            const std::filesystem::path& file) {
  return drawn_alone(file, {720, 460}, label_curves_script(curves));
}

std::vector<std::string> write_compared_curves(const std::vector<ComparedCurve>& curves,
                                               const std::filesystem::path& file) {
  const PanelGrid grid(curves.size(), 3);
  return drawn_alone(file, grid.of({460, 340}), compared_curves_script(curves, grid));
}

std::vector<std::string> write_run_scatters(const std::vector<RunScatter>& scatters,
                                            const std::filesystem::path& file) {
  const PanelGrid grid(scatters.size(), 3);
  return drawn_alone(file, grid.of({620, 520}), run_scatters_script(scatters, grid));
}

std::vector<std::string> write_densities(const PlaneDensities& plane,
                                         const std::filesystem::path& file) {
  const PanelGrid grid(plane.maps.size(), 3);
  return drawn_alone(file, grid.of({560, 520}), density_script(plane, grid));
}

std::vector<std::string> write_plots(const Report& report, const std::filesystem::path& folder) {
  if (!gnuplot_installed()) {
    return {
        "the charts are on the page only, not PNG files: gnuplot is not installed (Debian: "
        "gnuplot-nox)"};
  }
  std::vector<std::string> notes;
  const auto plot = [&](const std::string& name, PictureSize size, const std::string& script) {
    if (!draw_picture(folder / name, size, script)) {
      notes.push_back("gnuplot could not draw " + (folder / name).string() +
                      "; the page has the same chart");
    }
  };
  std::vector<Curve> curves;
  for (const Curve& curve : report.curves) {
    if (any_known(curve.train) || any_known(curve.validation)) curves.push_back(curve);
  }
  if (!curves.empty()) {
    const PanelGrid grid(curves.size(), 3);
    plot("curves.png", grid.of({420, 300}), curves_script(curves, grid));
  }
  const bool histograms = report.shape == std::vector<int64_t>{1} && report.originals.defined() &&
                          report.samples.defined();
  if (histograms && report.clusterings.empty()) {
    plot("histograms.png", {640, 260}, histograms_script(report, {}, 2, {}));
  }
  for (const Clustering& one : report.clusterings) {
    const auto name = [&](const char* what) { return file_stem(report, one, what) + ".png"; };
    const auto strongest = strongest_first(one.share);
    const auto first = [&](int64_t count) {
      return std::vector<int64_t>(strongest.begin(),
                                  strongest.begin() + std::min<int64_t>(one.share.numel(), count));
    };
    plot(name("q_y"), {900, 360}, share_script(one));
    if (one.confusion.defined() && one.confusion.numel() > 0) {
      const auto shown = by_majority(first(shown_clusters), majorities(one.confusion));
      const int64_t labels = std::min(one.confusion.size(1), shown_labels);
      plot(name("confusion"),
           {240 + std::max<int64_t>(360, labels * (labels <= 20 ? 62 : 24)),
            220 + static_cast<int64_t>(shown.size()) * 26},
           confusion_script(report, one, shown));
    }
    if (one.given_label.defined()) {
      const PanelGrid grid(static_cast<size_t>(std::min(one.given_label.size(0), shown_labels)), 5);
      plot(name("q_y_given_label"),
           grid.of({300, named_ticks(one) && !one.classes.empty() ? 280 : 230}),
           given_label_script(report, one, grid));
    }
    if (histograms) {
      const auto clusters = one.samples.defined() ? first(8) : std::vector<int64_t>();
      const PanelGrid grid(clusters.size() + 2, 5);
      plot(name("histograms"), grid.of({320, 260}),
           histograms_script(report, one, grid.columns, clusters));
    }
  }
  const auto plot_scatter = [&](const std::string& stem, const Scatter& scatter) {
    if (scatter.points.size(0) == 0) return;
    const auto panels = std::max<int64_t>(
        1, static_cast<int64_t>(scatter.clusters.size()) + (scatter.label.defined() ? 1 : 0));
    plot(stem + file_name(scatter.name) + ".png", {panels * 720, 580},
         scatter_panels(report, scatter, panels));
  };
  for (const Scatter& points : report.plane) plot_scatter("plane_", points);
  for (const PlaneDensities& plane : report.densities) {
    const PanelGrid grid(plane.maps.size(), 3);
    plot("density.png", grid.of({560, 520}), density_script(plane, grid));
  }
  for (const Scatter& latent : report.latents) plot_scatter("latent_", latent);
  return notes;
}

}  // namespace clade
