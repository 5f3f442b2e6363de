#include "clade/report/report.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/formats/png.h"
#include "clade/report/clusters.h"
#include "clade/report/features.h"
#include "clade/report/html.h"
#include "clade/report/page.h"
#include "clade/report/plots.h"
#include "clade/report/sheet.h"

namespace clade {
namespace {

constexpr int64_t any = -1;

void expect_shape(const std::string& name, const torch::Tensor& tensor,
                  const std::vector<int64_t>& expected) {
  if (!tensor.defined()) return;
  bool fits = tensor.dim() == static_cast<int64_t>(expected.size());
  for (size_t i = 0; fits && i < expected.size(); ++i) {
    fits = expected[i] == any || tensor.size(static_cast<int64_t>(i)) == expected[i];
  }
  if (fits) return;
  std::ostringstream what;
  what << "report: " << name << " is " << tensor.sizes() << " and should be "
       << torch::IntArrayRef(expected)
       << " (-1: any size); give it that shape or leave it undefined";
  throw Error(what.str());
}

void expect_same_length(const std::string& name, size_t values, size_t epochs) {
  if (values == 0 || values == epochs) return;
  throw Error("report: curve " + name + " has " + std::to_string(values) + " values for " +
              std::to_string(epochs) + " epochs; give one an epoch or none");
}

void validate(const Clustering& one, int64_t features) {
  if (!one.share.defined() || one.share.numel() < 2) {
    throw Error("report: the discrete latent " + one.name +
                " has no share of two clusters or more; give one or leave it out");
  }
  const int64_t K = one.share.numel();
  const int64_t points = one.points.defined() && one.points.dim() == 3 ? one.points.size(1) : any;
  const auto expect = [&](const char* what, const torch::Tensor& tensor,
                          const std::vector<int64_t>& expected) {
    expect_shape(what + (" of " + one.name), tensor, expected);
  };
  expect("share", one.share, {K});
  expect("samples", one.samples, {K, any, features});
  expect("points", one.points, {K, any, features});
  expect("point_confidence", one.point_confidence, {K, points});
  expect("confusion", one.confusion, {K, any});
  expect("given_label", one.given_label, {any, K});
  expect("samples_uniform", one.samples_uniform, {any, features});
  if (!one.classes.empty() && static_cast<int64_t>(one.classes.size()) != K) {
    throw Error("report: " + one.name + " has " + std::to_string(one.classes.size()) +
                " classes and " + std::to_string(K) + " clusters; give a name for each or none");
  }
  if (!one.contrasts.empty() && static_cast<int64_t>(one.contrasts.size()) != K) {
    throw Error("report: contrasts of " + one.name + " are of " +
                std::to_string(one.contrasts.size()) + " clusters, not " + std::to_string(K));
  }
}

void validate(const Scatter& one, size_t clusterings) {
  if (!one.points.defined()) {
    throw Error("report: latent " + one.name + " has no points; give them or leave it out");
  }
  expect_shape("points of " + one.name, one.points, {any, 2});
  if (one.clusters.size() > clusterings) {
    throw Error("report: latent " + one.name + " has clusters of " +
                std::to_string(one.clusters.size()) + " discrete latents, the report " +
                std::to_string(clusterings) + "; leave the others out");
  }
  for (const auto& cluster : one.clusters) {
    expect_shape("clusters of " + one.name, cluster, {one.points.size(0)});
  }
  expect_shape("label of " + one.name, one.label, {one.points.size(0)});
  expect_shape("grid of " + one.name, one.grid, {2, any});
}

void validate(const Report& report) {
  if (report.shape.empty()) {
    throw Error("report: shape is empty; give that of one data point, for example {28, 28}");
  }
  int64_t features = 1;
  for (const int64_t size : report.shape) features *= size;
  if (!report.columns.empty() && static_cast<int64_t>(report.columns.size()) != features) {
    throw Error("report: there are " + std::to_string(report.columns.size()) + " columns for " +
                std::to_string(features) + " features; give a name for each or none");
  }
  for (const Clustering& one : report.clusterings) validate(one, features);
  expect_shape("samples", report.samples, {any, features});
  expect_shape("originals", report.originals, {any, features});
  expect_shape("reconstructions", report.reconstructions,
               {report.originals.defined() ? report.originals.size(0) : any, features});
  for (const Traversed& one : report.traversals) {
    expect_shape("traversals.points", one.points, {any, any, features});
  }
  for (const Traversed& one : report.variations) {
    expect_shape("variations.points", one.points, {any, any, features});
  }
  for (const AtZero& one : report.at_zero) {
    if (one.clustering >= report.clusterings.size()) {
      throw Error("report: clusters at " + one.name + " = 0 are of no clustering; leave them out");
    }
    expect_shape("at_zero.points", one.points,
                 {static_cast<int64_t>(one.clusters.size()), any, features});
  }
  for (const HeldBack& labels : report.held_back) {
    const auto K = static_cast<int64_t>(labels.classes.size());
    if (!labels.learned.defined()) {
      throw Error("report: held_back has no counts of labels; give them or leave it out");
    }
    expect_shape("held_back.learned", labels.learned, {any});
    expect_shape("held_back.confusion", labels.confusion, {labels.learned.size(0), K});
    expect_shape("held_back.points", labels.points,
                 {static_cast<int64_t>(labels.misnamed.size()), features});
  }
  for (const auto* scatters : {&report.latents, &report.plane, &report.start}) {
    for (const Scatter& one : *scatters) validate(one, report.clusterings.size());
  }
  for (const Mesh& mesh : report.meshes) {
    const int64_t n = mesh.random.defined()          ? mesh.random.size(0)
                      : mesh.given_cluster.defined() ? mesh.given_cluster.size(1)
                                                     : any;
    expect_shape("mesh.random", mesh.random, {n, n, features});
    expect_shape("mesh.given_cluster", mesh.given_cluster,
                 {static_cast<int64_t>(mesh.clusters.size()), n, n, features});
  }
  for (const Curve& curve : report.curves) {
    expect_same_length(curve.name, curve.train.size(), curve.epochs.size());
    expect_same_length(curve.name, curve.validation.size(), curve.epochs.size());
  }
}

/// [n, D] -> [rows, columns, D], the last row filled up with NaN, which a sheet leaves empty.
torch::Tensor arrange(const torch::Tensor& points, int64_t columns) {
  const int64_t rows = (points.size(0) + columns - 1) / columns;
  const auto filled = torch::constant_pad_nd(
      points.to(torch::kFloat32), {0, 0, 0, rows * columns - points.size(0)}, std::nan(""));
  return filled.reshape({rows, columns, points.size(1)});
}

/// Generated samples, an empty column, real points: a row for each cluster above an even share
/// and, below an empty one, for as many of the others as make 30.
torch::Tensor cluster_grid(const Clustering& one) {  // -> [rows, n + 1 + m, D]
  const int64_t K = one.share.size(0);
  const int64_t above = cluster_use(one.share).above_even_share;
  const int64_t shown = std::max(above, std::min(K, shown_clusters));
  const auto strongest = torch::tensor(strongest_first(one.share)).narrow(0, 0, shown);
  const auto rows = [&](const torch::Tensor& tensor) {  // [K, ...] -> [shown, ...]
    return tensor.cpu().to(torch::kFloat32).index_select(0, strongest);
  };
  std::vector<torch::Tensor> columns;
  if (one.samples.defined()) columns.push_back(rows(one.samples));
  if (one.points.defined()) {
    auto points = rows(one.points);
    if (one.point_confidence.defined()) {
      const auto missing = rows(one.point_confidence).isnan().unsqueeze(2);  // [K', m, 1]
      points = points.masked_fill(missing, std::nan(""));
    }
    if (!columns.empty()) columns.push_back(torch::full_like(points.narrow(1, 0, 1), std::nan("")));
    columns.push_back(points);
  }
  const auto grid = torch::cat(columns, 1);
  if (above == shown) return grid;
  const auto empty = torch::full_like(grid.narrow(0, 0, 1), std::nan(""));
  return torch::cat({grid.narrow(0, 0, above), empty, grid.narrow(0, above, shown - above)});
}

/// A row for each label: n samples of each of its strongest clusters, at most M, a column left
/// empty between two.
torch::Tensor label_grid(const Clustering& one) {  // -> [C, M·(n + 1) − 1, D]
  const auto strongest = strongest_of_label(one.given_label.slice(0, 0, shown_labels));
  const auto samples =
      one.samples.slice(1, 0, label_samples).cpu().to(torch::kFloat32);          // [K, n, D]
  const auto empty = torch::full_like(samples.slice(1, 0, 1)[0], std::nan(""));  // [1, D]
  size_t most = 1;
  for (const auto& clusters : strongest) most = std::max(most, clusters.size());
  std::vector<torch::Tensor> rows;
  for (const auto& clusters : strongest) {
    std::vector<torch::Tensor> row;
    for (size_t rank = 0; rank < most; ++rank) {
      if (rank > 0) row.push_back(empty);
      row.push_back(rank < clusters.size() ? samples[clusters[rank]]
                                           : empty.expand({samples.size(1), empty.size(1)}));
    }
    rows.push_back(torch::cat(row));
  }
  return torch::stack(rows);
}

/// Grids side by side, five in a row of them, empty tiles between.
torch::Tensor meshes_in_one(const torch::Tensor& meshes) {  // [M, n, n, D] -> [rows, columns, D]
  constexpr int64_t kAside = 5;
  const auto framed =
      torch::constant_pad_nd(meshes.cpu().to(torch::kFloat32), {0, 0, 0, 1, 0, 1}, std::nan(""));
  const int64_t M = framed.size(0), n = framed.size(1), D = framed.size(3);
  const int64_t aside = std::min(M, kAside), rows = (M + aside - 1) / aside;
  const auto filled =
      torch::constant_pad_nd(framed, {0, 0, 0, 0, 0, 0, 0, rows * aside - M}, std::nan(""));
  const auto all = filled.view({rows, aside, n, n, D}).transpose(1, 2);
  return all.reshape({rows * n, aside * n, D}).slice(0, 0, rows * n - 1).slice(1, 0, aside * n - 1);
}

void write_sheets(const Report& report, const std::filesystem::path& folder) {
  const auto write = [&](const std::string& stem,
                         const torch::Tensor& grid) {  // [rows, columns, D]
    if (grid.numel() > 0) write_png(folder / (stem + ".png"), make_sheet(grid, report.shape));
  };
  const auto square = [&](const std::string& stem, const torch::Tensor& samples) {  // [n, D]
    if (!samples.defined()) return;
    const double count = static_cast<double>(samples.size(0));
    const auto side = std::max<int64_t>(1, std::llround(std::ceil(std::sqrt(count))));
    write(stem, arrange(samples.cpu(), side));
  };
  for (const Clustering& one : report.clusterings) {
    const auto stem = [&](const char* what) { return file_stem(report, one, what); };
    if (one.samples.defined() || one.points.defined()) write(stem("clusters"), cluster_grid(one));
    if (one.given_label.defined() && one.samples.defined()) write(stem("labels"), label_grid(one));
    if (one.of_level && one.samples.defined()) {  // a column a component (VLAC, figure 3)
      write(stem("components"), one.samples.cpu().transpose(0, 1));
    }
    square(stem("samples_uniform"), one.samples_uniform);
  }
  for (const Mesh& mesh : report.meshes) {
    const std::string stem = "mesh_" + file_name(mesh.layer);
    if (mesh.random.defined()) write(stem, mesh.random.cpu());
    if (mesh.given_cluster.defined()) {
      write(stem + "_given_cluster", meshes_in_one(mesh.given_cluster));
    }
  }
  if (report.originals.defined() && report.reconstructions.defined()) {
    const auto above = arrange(report.originals.cpu(), 10);        // [rows, 10, D]
    const auto below = arrange(report.reconstructions.cpu(), 10);  // [rows, 10, D]
    write("reconstructions", torch::stack({above, below}, 1).flatten(0, 1));
  }
  square("samples", report.samples);
  for (const AtZero& one : report.at_zero) {
    write("clusters_at_" + file_name(one.name) + "_0", one.points.cpu());
  }
  for (const Traversed& one : report.traversals) {
    write("traversal_" + file_name(one.name), one.points.cpu());
  }
  for (const Traversed& one : report.variations) {
    write("variation_" + file_name(one.name), one.points.cpu());
  }
}

/// Each label's strongest clusters, those of more than one label marked (CP-VAE, table 2).
std::string label_table(const Report& report, const Clustering& one) {
  const auto strongest = strongest_of_label(one.given_label);
  const auto shared = shared_by_labels(strongest);
  std::ostringstream csv;
  csv << "label,rank,cluster,probability,shared\n";
  for (size_t label = 0; label < strongest.size(); ++label) {
    const std::string name = csv_text(label_name(report.label_names, static_cast<int64_t>(label)));
    for (size_t rank = 0; rank < strongest[label].size(); ++rank) {
      const int64_t k = strongest[label][rank];
      csv << name << "," << rank + 1 << "," << csv_text(cluster_in_table(one.classes, k)) << ","
          << one.given_label[static_cast<int64_t>(label)][k].item<double>() << ","
          << std::binary_search(shared.begin(), shared.end(), k) << "\n";
    }
  }
  return std::move(csv).str();
}

}  // namespace

std::vector<std::string> write_report(const Report& report, const std::filesystem::path& folder) {
  validate(report);
  const std::string page = render_page(report);
  make_folder(folder, "check its parent's permissions");
  write_atomically(folder / "index.html", page);
  if (is_image(report.shape)) write_sheets(report, folder);
  for (const Clustering& one : report.clusterings) {
    const auto write = [&](const char* what, const std::string& csv) {
      write_atomically(folder / (file_stem(report, one, what) + ".csv"), csv);
    };
    if (one.given_label.defined()) write("label_clusters", label_table(report, one));
    if (!one.contrasts.empty()) write("cluster_features", contrast_csv(report, one));
  }
  return write_plots(report, folder);
}

}  // namespace clade
