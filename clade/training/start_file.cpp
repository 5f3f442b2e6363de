#include "clade/training/start_file.h"

#include <torch/torch.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "clade/core/error.h"
#include "clade/data/points.h"
#include "clade/formats/numbers.h"
#include "clade/training/start_clusters.h"

namespace clade {
namespace {

/// By how much the shares of a row may miss one: what three decimals of each leave.
constexpr double kSumTolerance = 1e-2;

/// How many points a user's own file may be of: all, or those of a named set without its test
/// points, which come last.
std::vector<int64_t> counts_of_file(const Splits& data) {
  if (data.train.rows_of_file > 0) return {data.train.rows_of_file};
  const int64_t learned_from = data.train.size() + data.validation.size();
  const int64_t all = learned_from + data.test.size();
  if (data.train.rows.max().item<int64_t>() < learned_from) return {all, learned_from};
  return {all};
}

/// What the table of the points calls its rows, if all of them are points.
RowIndex index_of_file(const Splits& data) {
  RowIndex index = data.train.index;
  const auto n = static_cast<size_t>(counts_of_file(data).front());
  std::vector<std::string> names(index.names.empty() ? 0 : n);
  for (const Dataset* part : {&data.train, &data.validation, &data.test}) {
    for (size_t i = 0; i < part->index.names.size(); ++i) {
      const auto row = static_cast<size_t>(part->rows.data_ptr<int64_t>()[i]);
      if (row >= n) return {};
      names[row] = part->index.names[i];
    }
  }
  index.names = std::move(names);
  return index;
}

/// The rows of `values`, one for each point of the file, that are the training points.
torch::Tensor of_training_points(const torch::Tensor& values, const std::string& path,
                                 const Splits& data) {
  const auto counts = counts_of_file(data);
  const int64_t n = values.size(0);
  if (std::find(counts.begin(), counts.end(), n) == counts.end()) {
    throw DataError(
        path + " has " + std::to_string(n) + " rows for " + std::to_string(counts.front()) +
        (data.train.rows_of_file > 0
             ? " rows of the data, those left out among them; give one line a row, in their order"
             : " points; give one row a point, in the order of the data"));
  }
  return values.index_select(0, data.train.rows);
}

bool are_labels(const torch::Tensor& values) {  // [N, D]
  return values.size(1) == 1 && values.equal(values.round());
}

bool are_shares(const torch::Tensor& values) {  // [N, D]
  return values.size(1) > 1 && values.ge(0).all().item<bool>() &&
         values.sum(1).sub(1).abs().max().item<double>() < kSumTolerance;
}

[[noreturn]] void refuse_clusters(const std::string& path, int64_t found, int64_t clusters) {
  throw DataError(path + " tells " + std::to_string(found) + " clusters apart and the model has " +
                  std::to_string(clusters) + "; set model.clusters (of a mixture as p(z) " +
                  "model.components) to " + std::to_string(found));
}

/// Labels [N, 1] as responsibilities [N, clusters], numbered in their order.
torch::Tensor one_hot(const torch::Tensor& labels, const std::string& path, int64_t clusters) {
  const auto [names, numbers] = at::_unique(labels.flatten(), /*sorted=*/true,
                                            /*return_inverse=*/true);
  // As HDBSCAN marks noise; -1 and 1 may be two clusters, and so may several negative numbers.
  if (names.size(0) > 2 && names[0].item<double>() == -1 && names[1].item<double>() >= 0) {
    throw DataError(path + ": " + std::to_string(labels.eq(-1).sum().item<int64_t>()) +
                    " points have the label -1, which says that it is unknown; give each point " +
                    "one of the clusters, or leave these points out of the data");
  }
  if (names.size(0) > clusters) refuse_clusters(path, names.size(0), clusters);
  return torch::one_hot(numbers, clusters).to(torch::kFloat32);
}

/// Labels [N] as values [N, 1].
torch::Tensor numbers_of(const torch::Tensor& labels, const std::string& path) {
  const auto unknown = labels.eq(kUnknownLabel).nonzero();
  if (unknown.size(0) > 0) {
    throw DataError(path + ": row " + std::to_string(unknown[0].item<int64_t>()) +
                    " (counted from 0) has no label; give one to each point");
  }
  return labels.unsqueeze(1).to(torch::kFloat64);
}

/// The columns of a table that `clade cluster` or `clade embed` wrote that say where its points
/// are: the shares of their clusters, else their clusters, else their codes; none of another table.
std::vector<std::string> columns_written(const std::string& path) {
  std::ifstream file(path);
  std::string header, name;
  std::getline(file, header);
  std::istringstream names(header);
  if (!std::getline(names, name, ',') || name != "index") return {};
  std::map<std::string, std::vector<std::string>> found;
  while (std::getline(names, name, ',')) {
    if (name.starts_with("p_") || name == "cluster" || name.starts_with("z_")) {
      found[name.substr(0, 2)].push_back(name);
    }
  }
  for (const char* kind : {"p_", "cl", "z_"}) {
    if (found.count(kind) > 0) return found[kind];
  }
  return {};
}

/// The numbers of a file, [points of it, D] float64, of which labels may be large, in the order of
/// `rows` if they name theirs. columns: those of a table that are meant, all if empty.
torch::Tensor numbers_in(const std::string& path, const RowIndex& rows,
                         const std::vector<std::string>& columns) {
  TableReading with_gaps;
  with_gaps.missing = "mean";  // so that what is missing is told in words about this file
  const Points points =
      read_points(path, columns.empty() ? "" : kNoLabels, {}, {}, {}, with_gaps,
                  {.names = columns, .count = static_cast<int64_t>(columns.size())});
  if (points.shape.size() > 1) {
    throw DataError(path + " holds points of shape " + shape_text(points.shape) +
                    "; codes, responsibilities and labels are a row of numbers a point");
  }
  const auto values = points.values.to(torch::kFloat64);
  if (const auto missing = values.isnan().nonzero(); missing.size(0) > 0) {
    throw DataError(
        path + ": " +
        position_text(points, missing[0][0].item<int64_t>(), missing[0][1].item<int64_t>()) +
        " is no number; give one for each point");
  }
  const auto named = rows_by_name(rows, points.index, path);
  return named ? values.index_select(0, torch::tensor(*named, torch::kInt64)) : values;
}

}  // namespace

StartFile read_start_file(const std::string& path, const Splits& data, int64_t clusters) {
  const RowIndex rows = index_of_file(data);
  const auto columns = columns_written(path);
  const auto words = columns.empty() ? read_word_labels(path, counts_of_file(data), rows)
                                     : std::optional<torch::Tensor>();
  const auto all = words ? numbers_of(*words, path) : numbers_in(path, rows, columns);  // [n, D]
  const auto values = of_training_points(all, path, data);
  if (are_labels(all)) return {{}, of_training_points(one_hot(all, path, clusters), path, data)};
  if (!are_shares(all)) {
    if (std::get<0>(values.max(0)).equal(std::get<0>(values.min(0)))) {
      throw DataError(path + ": all codes are the same, so there is nothing to cluster");
    }
    return {values.to(torch::kFloat32), {}};
  }
  if (all.size(1) != clusters) refuse_clusters(path, all.size(1), clusters);
  return {{}, (values / values.sum(1, /*keepdim=*/true)).to(torch::kFloat32)};
}

Start start_from_file(const std::string& path, const Splits& data, int64_t clusters, uint64_t seed,
                      const StartProgress& progress) {
  const StartFile file = read_start_file(path, data, clusters);
  Start start;
  if (file.codes.defined()) {
    start = start_from_codes(file.codes, "the codes in " + path, clusters, seed, progress);
  } else {
    start.responsibilities = file.responsibilities;
    start.said = "clusters started from " + path + said_of_empty(file.responsibilities);
  }
  start.made_by["file"] = path;
  return start;
}

}  // namespace clade
