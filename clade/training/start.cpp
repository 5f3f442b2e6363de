#include "clade/training/start.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/clustering/bernoulli_mixture.h"
#include "clade/clustering/k_means.h"
#include "clade/clustering/matching.h"
#include "clade/clustering/mixture.h"
#include "clade/clustering/neighbour_layout.h"
#include "clade/clustering/oriented_gradients.h"
#include "clade/clustering/principal_components.h"
#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/core/random.h"
#include "clade/core/run_files.h"
#include "clade/data/points.h"
#include "clade/data/preprocessing.h"
#include "clade/formats/numbers.h"
#include "clade/formats/safetensors.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kStartAdvice = "train the run anew";
constexpr const char* kResponsibilities = "responsibilities";
constexpr const char* kCodes = "codes";

/// By how much the shares of a row may miss one: what three decimals of each leave.
constexpr double kSumTolerance = 1e-2;

constexpr int64_t kLeastSide = 16;  // of an image in pixels, so that each cell has two by two

// Of the variance of pixels: 0.02 to 0.18 of MNIST, USPS and Fashion-MNIST, 0.6 of SVHN.
constexpr double kMuchLight = 0.33;

constexpr int64_t kPrincipalComponents = 50;
constexpr int64_t kNeighbours = 15;
constexpr int64_t kDimensions = 10;

// What compares K Gaussians with twice as many: points a parameter of K, points in all, starts.
constexpr int64_t kPointsAParameter = 2, kMostCompared = 10000, kComparedStarts = 3;

// Of what clusters two samples of the points: points a cluster, points in all, pairs of samples.
constexpr int64_t kFewestRepeated = 10, kMostRepeated = 3000, kMostPairs = 8;

// Standard deviations of the kurtosis within which points lie about their centres as a Gaussian's.
// Iris has 1; Laplace's distribution, Student's t and outliers have 17 to 300.
constexpr double kLikeGaussians = 3;

// How surely, of a layout, a mixture on the points must be there again: as surely but for the luck
// of samples; less if the points lie about its centres as a Gaussian's would.
constexpr double kAsSurely = 0.95, kLessSurely = 0.8;

// How many times as much k-means must agree. Of bits that are mostly noise it is three to seven
// times, of SVHN's edges 0.56 for 0.39, and there layouts have more of the digits.
constexpr double kMuchMore = 1.5, kMuchMoreInSamples = 2;

constexpr const char* kNoBetter = ": twice as many explain points held back no better";

constexpr double kSameValue = 1e-4;  // of a feature's range

constexpr double kAgreement = 0.9;  // of labels with the clusters that hold them

/// Raw values if they are counts of many things, few of each; else undefined.
torch::Tensor counts_of(const Splits& data) {  // [N, D]
  if (data.preprocessing.binarise || !may_be_counts_of_many(data.train.shape)) return {};
  const auto raw = data.preprocessing.restore(data.train.x);
  return are_counts_of_many(raw) ? raw.round() : torch::Tensor();
}

/// Each feature by its mean and deviation, [N, D].
torch::Tensor standardised(const torch::Tensor& x) {
  const auto [deviation, mean] = torch::std_mean(x, {0}, /*unbiased=*/false, /*keepdim=*/true);
  return (x - mean) / deviation.where(deviation > 0, torch::ones_like(deviation));
}

/// log(1 + x / total · median total), [N, D].
torch::Tensor log_normalised(const torch::Tensor& counts) {
  const auto total = counts.sum(1, /*keepdim=*/true).clamp_min(1);
  return torch::log1p(counts / total * total.median());
}

/// Whether points are images of levels, large enough for edges to have directions in each cell.
bool have_edges(const Splits& data) {
  const auto& shape = data.train.shape;
  return is_image(shape) && std::min(shape[0], shape[1]) >= kLeastSide &&
         reads_levels(data.preprocessing);
}

/// Which share of the variance of x, [N, D], is how light each image is as a whole.
double share_of_light(const torch::Tensor& x) {
  const auto light = x.mean(1);  // [N]
  return (light.var(/*unbiased=*/false) / x.var(0, /*unbiased=*/false).mean()).item<double>();
}

torch::Tensor edges_of(const Splits& data) {  // [N, D']
  const auto& shape = data.train.shape;
  return oriented_gradients(data.train.x.reshape({data.train.size(), shape[0], shape[1], -1}));
}

/// The training points, [N, D], a column of words, which is a feature a word, as far from its mean
/// as one of numbers; if there are words alone, as 0 and 1. Standardised word by word, rare ones
/// would be all that counts.
torch::Tensor columns_alike(const Splits& data) {
  const auto& encoded = data.preprocessing.table.encoded;
  if (encoded.empty()) return data.train.x;
  const auto x = data.train.x.clone();
  int64_t features = 0;  // that are words
  for (const WordFeatures& column : encoded) {
    const auto words = static_cast<int64_t>(column.words.size());
    const auto of_column = x.slice(1, column.first, column.first + words);
    const auto low = of_column.amin(0), range = of_column.amax(0) - low;
    of_column.sub_(low).div_(range.where(range > 0, torch::ones_like(range)));
    features += words;
  }
  if (features == x.size(1)) return x;
  for (const WordFeatures& column : encoded) {
    const auto words = static_cast<int64_t>(column.words.size());
    const auto of_column = x.slice(1, column.first, column.first + words);
    of_column.div_(of_column.var(0, /*unbiased=*/false).sum().sqrt().clamp_min(kSameValue));
  }
  return x;
}

torch::Tensor values_of(const Splits& data) {  // [N, D]
  const auto counts = counts_of(data);
  if (counts.defined()) return log_normalised(counts);
  return data.preprocessing.counts ? standardised(data.train.x) : columns_alike(data);
}

std::string thousands(int64_t n) {
  std::string text = std::to_string(n);
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<size_t>(i), ",");
  }
  return text;
}

Progress reporting(const std::string& what, const StartProgress& progress) {
  if (!progress) return {};
  return [what, progress](int64_t done, int64_t total) { progress(what, done, total); };
}

/// Of many components fewer starts: a fit costs as much more, and there is less luck in it.
int64_t mixture_starts(int64_t clusters) {
  return std::clamp<int64_t>(200 / clusters, 1, 10);
}

/// How many clusters are no point's strongest, said if there are any.
std::string said_of_empty(const torch::Tensor& responsibilities) {
  const int64_t K = responsibilities.size(1);
  const auto held = torch::bincount(responsibilities.argmax(1).flatten(), {}, K);
  const auto empty = held.eq(0).sum().item<int64_t>();
  return empty == 0 ? "" : "; " + std::to_string(empty) + " of them hold no point";
}

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

Start start_from_mixture(const torch::Tensor& codes, bool diagonal, const std::string& said_of,
                         int64_t clusters, uint64_t seed, const StartProgress& progress) {
  auto generator = make_generator(derive_seed(seed, "mixture"));
  MixtureOptions options;
  options.starts = mixture_starts(clusters);
  options.diagonal = diagonal;
  const Mixture mixture =
      fit_mixture(codes, clusters, options, generator, reporting("mixture, starts", progress));
  Start start;
  start.responsibilities = mixture.responsibilities(codes).to(torch::kFloat32).cpu();
  start.codes = codes.to(torch::kFloat32).cpu();
  start.said = "clusters started from a mixture of " + std::to_string(clusters) + " Gaussians on " +
               said_of + said_of_empty(start.responsibilities);
  start.made_by = {{"mixture",
                    {{"covariance", options.diagonal ? "diagonal" : "full"},
                     {"starts", options.starts},
                     {"log_likelihood", mixture.log_likelihood}}},
                   {"seed", seed}};
  return start;
}

Start start_from_k_means(const torch::Tensor& x, const std::string& said_of, int64_t clusters,
                         uint64_t seed, const StartProgress& progress) {
  auto generator = make_generator(derive_seed(seed, "k-means"));
  const KMeansOptions options;
  const KMeans found =
      k_means(x, clusters, options, generator, reporting("k-means, starts", progress));
  Start start;
  start.responsibilities = torch::one_hot(found.clusters, clusters).to(torch::kFloat32).cpu();
  start.codes = x.to(torch::kFloat32).cpu();
  start.said = "clusters started from k-means of " + said_of;
  start.made_by = {{"k_means", {{"starts", options.starts}, {"inertia", found.inertia}}},
                   {"seed", seed}};
  return start;
}

/// x, [N, D], with 1 for the larger value of each feature, 0 for the smaller, and their mean for
/// the mean of the feature, which stands where a cell was empty, if none has other values; else
/// undefined.
torch::Tensor bits_of(const torch::Tensor& x) {
  const auto low = x.amin(0), high = x.amax(0);
  const auto range = (high - low).where(high > low, torch::ones_like(high));
  const auto filled = (x - x.mean(0)).abs() < kSameValue * range;
  const auto known = x.eq(low).logical_or(x.eq(high));
  if (!known.logical_or(filled).all().item<bool>()) return {};
  return (x - low) / range;
}

/// n of the rows of x, [N, D], none twice, in the order in which they are drawn, by a generator of
/// the CPU: [n, D].
torch::Tensor drawn_rows(const torch::Tensor& x, int64_t n, Generator& generator) {
  const auto order = torch::randperm(x.size(0), generator, torch::kInt64);
  return x.index_select(0, order.slice(0, 0, n).to(x.device()));
}

LayoutOptions layout_options(int64_t points) {
  LayoutOptions options;
  options.dimensions = std::min<int64_t>(kDimensions, points - 1);
  options.neighbours = std::min<int64_t>(kNeighbours, points - 1);
  return options;
}

/// How far two samples of the points have the same clusters, the adjusted Rand index of those in
/// both, by what finds them: what is not there again in other points is not in the data. Of few
/// points the mean over several pairs of samples.
class Repeated {
 public:
  Repeated(const torch::Tensor& x, int64_t clusters, uint64_t seed, const StartProgress& progress)
      : x_(x), clusters_(clusters), seed_(seed), progress_(progress) {}

  bool can_be_asked() const { return points() >= kFewestRepeated * clusters_; }

  /// Whether a mixture is there again as surely as the clusters of a layout are.
  bool is_mixture(const Gaussians& gaussians) {
    const bool lie_so = std::abs(gaussians.excess_kurtosis) < kLikeGaussians;
    return in_samples("mixture", [&](const torch::Tensor& sample) {
             return start_from_mixture(sample, gaussians.diagonal, "", clusters_, seed_, {});
           }) >= (lie_so ? kLessSurely : kAsSurely) * layout();
  }

  /// Whether k-means is there again and neither a mixture nor the clusters of a layout are.
  bool is_k_means() {
    // Of many points samples are smaller by more than a quarter, which layouts suffer from more.
    const double much_more = points() < x_.size(0) ? kMuchMoreInSamples : kMuchMore;
    const double others = std::max(layout(), said_.value("mixture", 0.0));
    if (others >= 1 / much_more) return false;
    return in_samples("k_means", [&](const torch::Tensor& sample) {
             return start_from_k_means(sample, "", clusters_, seed_, {});
           }) > much_more * others;
  }

  const json& said() const { return said_; }

 private:
  int64_t points() const { return std::min(x_.size(0), kMostRepeated); }

  double layout() {
    return in_samples("layout", [&](const torch::Tensor& sample) {
      auto generator = make_generator(derive_seed(seed_, "layout"));
      const auto layout = neighbour_layout(sample, layout_options(sample.size(0)), generator,
                                           reporting("layout of a sample, epochs", progress_));
      return start_from_codes(layout, "", clusters_, seed_, {});
    });
  }

  /// The index by a way of starting, which is asked once.
  double in_samples(const std::string& way,
                    const std::function<Start(const torch::Tensor& sample)>& start_from) {
    if (said_.contains(way)) return said_.at(way);
    const int64_t n = points(), quarter = n / 4;
    const int64_t pairs = std::clamp<int64_t>(kMostRepeated / n, 1, kMostPairs);
    auto generator = make_generator(derive_seed(seed_, "repeated"));
    double sum = 0;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const auto drawn = drawn_rows(x_, n, generator);
      const auto clusters_of = [&](const torch::Tensor& sample) {
        return start_from(sample).responsibilities.argmax(1);
      };
      sum += adjusted_rand_index(clusters_of(drawn.slice(0, 0, n - quarter)).slice(0, quarter),
                                 clusters_of(drawn.slice(0, quarter)).slice(0, 0, n - 2 * quarter));
    }
    said_[way] = sum / static_cast<double>(pairs);
    return said_.at(way);
  }

  torch::Tensor x_;  // [N, D]
  int64_t clusters_;
  uint64_t seed_;
  StartProgress progress_;
  json said_ = json::object();
};

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

bool sees_edges(const Splits& data, const std::string& of) {
  if (of == "values" || !have_edges(data)) return false;
  return of == "edges" || share_of_light(data.train.x) > kMuchLight;
}

Clustered layout_features(const Splits& data, const std::string& of, Generator& generator) {
  const bool edges = sees_edges(data, of);
  const auto features = edges ? edges_of(data) : values_of(data);
  const auto values = principal_features(features, generator);
  return {values, std::to_string(values.size(1)) +
                      (values.size(1) == features.size(1) ? " features" : " principal components") +
                      (edges ? " of edges" : "")};
}

torch::Tensor principal_features(const torch::Tensor& x, Generator& generator) {
  if (x.size(1) <= kPrincipalComponents) return x;
  return principal_components(x, kPrincipalComponents, generator).project(x);
}

Start start_from_codes(const torch::Tensor& codes, const std::string& said_of, int64_t clusters,
                       uint64_t seed, const StartProgress& progress) {
  // A covariance needs a few points for each direction.
  const bool diagonal = codes.size(0) < 3 * clusters * (codes.size(1) + 1);
  return start_from_mixture(codes, diagonal, said_of, clusters, seed, progress);
}

/// Points, or a sample of many, of which a fifth is held back.
struct HeldBack {
  torch::Tensor fitted, held_back;  // [n, D] each
};

HeldBack hold_back(const torch::Tensor& x, Generator& generator) {
  const int64_t n = std::min(x.size(0), kMostCompared);
  const auto points = drawn_rows(x, n, generator);
  return {points.slice(0, n / 5), points.slice(0, 0, n / 5)};
}

/// Whether K components explain points held back better than one does and, but for the luck of
/// which these are, as well as twice as many. explained: log p of each of them, [n].
bool are_enough(int64_t clusters,
                const std::function<torch::Tensor(int64_t components)>& explained) {
  const auto by_all = explained(clusters);
  const auto gain = explained(2 * clusters) - by_all;
  const auto luck = gain.std() / std::sqrt(gain.size(0));
  return gain.mean().le(luck).item<bool>() && by_all.mean().gt(explained(1).mean()).item<bool>();
}

std::optional<Gaussians> gaussians_of(const torch::Tensor& x, int64_t clusters, uint64_t seed,
                                      const StartProgress& progress) {
  if (bits_of(x).defined()) return {};  // of which no Gaussian is a density
  const int64_t n = std::min(x.size(0), kMostCompared), D = x.size(1);
  const bool full = n >= kPointsAParameter * clusters * D * (D + 3) / 2;
  // Twice as many are fitted to four fifths.
  if (!full && n < clusters * std::max<int64_t>(2 * D, 3)) return {};
  auto generator = make_generator(derive_seed(seed, "gaussians"));
  const HeldBack points = hold_back(x, generator);
  MixtureOptions options;
  options.diagonal = !full;
  options.starts = kComparedStarts;
  options.splits = false;
  Gaussians gaussians{!full, 0};
  const auto explained = [&](int64_t components) {
    const Mixture mixture = fit_mixture(points.fitted, components, options, generator,
                                        reporting("Gaussians, starts", progress));
    if (components == clusters) gaussians.excess_kurtosis = mixture.excess_kurtosis(points.fitted);
    return mixture.log_prob(points.held_back);
  };
  if (!are_enough(clusters, explained)) return {};
  return gaussians;
}

std::optional<Start> start_from_classes_of_bits(const torch::Tensor& x, const std::string& said_of,
                                                int64_t clusters, uint64_t seed,
                                                const StartProgress& progress) {
  const auto bits = bits_of(x);
  const int64_t n = std::min(x.size(0), kMostCompared);
  if (!bits.defined() || n < kPointsAParameter * clusters * (x.size(1) + 1)) return {};
  auto generator = make_generator(derive_seed(seed, "classes of bits"));
  const HeldBack points = hold_back(bits, generator);
  const auto classes_of = [&](const torch::Tensor& of, int64_t classes) {
    return fit_bernoulli_mixture(of, classes, mixture_starts(clusters), generator,
                                 reporting("classes of bits, starts", progress));
  };
  const auto explained = [&](int64_t classes) {
    return classes_of(points.fitted, classes).log_prob(points.held_back);
  };
  if (!are_enough(clusters, explained)) return {};
  const BernoulliMixture mixture = classes_of(bits, clusters);
  Start start;
  start.responsibilities = mixture.responsibilities(bits).to(torch::kFloat32).cpu();
  start.codes = x.to(torch::kFloat32).cpu();
  start.said = "clusters started from " + std::to_string(clusters) + " classes of bits in " +
               said_of + kNoBetter + said_of_empty(start.responsibilities);
  start.made_by = {
      {"classes_of_bits",
       {{"starts", mixture_starts(clusters)}, {"log_likelihood", mixture.log_likelihood}}},
      {"seed", seed}};
  return start;
}

Start start_from_neighbours(const torch::Tensor& x, const std::string& said_of, int64_t clusters,
                            uint64_t seed, const StartProgress& progress) {
  if (auto start = start_from_classes_of_bits(x, said_of, clusters, seed, progress)) return *start;
  Repeated repeated(x, clusters, seed, progress);
  const bool asked = repeated.can_be_asked();
  const auto gaussians = gaussians_of(x, clusters, seed, progress);
  const bool is_mixture = gaussians && (!asked || repeated.is_mixture(*gaussians));
  const std::string points = thousands(x.size(0)) + " points";
  if (asked && repeated.is_k_means()) {
    Start start = start_from_k_means(x, points + " in " + said_of, clusters, seed, progress);
    start.said += ", since layouts of their nearest neighbours differ from sample to sample";
    start.made_by["repeated"] = repeated.said();
    return start;
  }
  if (is_mixture) {
    Start start =
        start_from_mixture(x, gaussians->diagonal, said_of + kNoBetter, clusters, seed, progress);
    start.made_by["mixture"]["excess_kurtosis"] = gaussians->excess_kurtosis;
    start.made_by["repeated"] = repeated.said();
    return start;
  }
  auto generator = make_generator(derive_seed(seed, "layout"));
  const LayoutOptions options = layout_options(x.size(0));
  const auto layout =
      neighbour_layout(x, options, generator, reporting("layout, epochs", progress));
  Start start =
      start_from_codes(layout,
                       "a layout of " + points + " by their " + std::to_string(options.neighbours) +
                           " nearest neighbours in " + said_of,
                       clusters, seed, progress);
  start.made_by["layout"] = {{"neighbours", options.neighbours},
                             {"dimensions", options.dimensions},
                             {"features", x.size(1)}};
  start.made_by["repeated"] = repeated.said();
  return start;
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

void number_by_labels(Start& start, const Dataset& train, const Dataset& labelled) {
  const int64_t K = start.clusters(), known = labelled.size();
  const auto rows = torch::max(train.rows.max(), labelled.rows.max()).item<int64_t>() + 1;
  auto place = torch::full({rows}, -1, torch::kInt64);  // among the training points
  place.index_put_({train.rows}, torch::arange(train.size(), torch::kInt64));
  const auto points = place.index_select(0, labelled.rows);  // [N_l]
  const auto labels = labelled.labels.cpu();
  const auto cluster = start.responsibilities.index_select(0, points).argmax(1);
  const auto counts = torch::bincount(cluster * K + labels, {}, K * K).view({K, K});
  const auto label = torch::tensor(best_matching(counts), torch::kInt64);  // of each cluster
  const auto agree = label.index_select(0, cluster).eq(labels).sum().item<int64_t>();
  auto numbered = torch::empty_like(start.responsibilities);
  numbered.index_copy_(1, label, start.responsibilities);
  numbered.index_copy_(0, points, torch::one_hot(labels, K).to(numbered.dtype()));
  start.responsibilities = numbered;
  start.used = static_cast<double>(agree) >= kAgreement * static_cast<double>(known);
  start.said += "; " + std::to_string(agree) + " of " + std::to_string(known) +
                " labels agree with them" +
                (start.used ? "" : ", too few: classes are learned from the labels alone");
}

std::string said_of(const std::vector<Start>& starts) {
  std::string said;
  for (const Start& start : starts) {
    if (!said.empty()) said += "; ";
    said += start.latent.empty() ? start.said : start.latent + ": " + start.said;
  }
  return said;
}

void write_starts(const std::filesystem::path& folder, const std::vector<Start>& starts) {
  TensorFile file;
  json metadata;
  for (const Start& start : starts) {
    const std::string prefix = start.latent.empty() ? "" : start.latent + ".";
    file.tensors[prefix + kResponsibilities] = start.responsibilities;
    if (start.codes.defined()) file.tensors[prefix + kCodes] = start.codes;
    json& own = start.latent.empty() ? metadata : metadata[start.latent];
    own = start.made_by;
    own["said"] = start.said;
    if (!start.used) own["used"] = false;
  }
  file.metadata = json_text(metadata);
  write_safetensors(folder / run_files::kStart, file);
}

bool has_start(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / run_files::kStart);
}

std::vector<Start> read_starts(const std::filesystem::path& folder) {
  const auto path = folder / run_files::kStart;
  if (!has_start(folder)) {
    throw Error(folder.string() + " has lost its " + run_files::kStart +
                ", the clusters it was started from; train it anew");
  }
  const TensorFile file = read_safetensors(path);
  const json metadata = parse_json(file.metadata, path.string() + ": what made it", kStartAdvice);
  const Error damaged(path.string() + " is damaged: it has no responsibilities; " + kStartAdvice);
  std::vector<Start> starts;
  for (const auto& [name, tensor] : file.tensors) {
    if (!name.ends_with(kResponsibilities)) continue;
    if (tensor.dim() != 2) throw damaged;
    const std::string prefix =
        name.substr(0, name.size() - std::string_view(kResponsibilities).size());
    Start start;
    start.latent = prefix.substr(0, prefix.rfind('.'));
    start.responsibilities = tensor;
    take_json(path, kStartAdvice, [&] {
      start.made_by = start.latent.empty() ? metadata : metadata.at(start.latent);
      start.said = start.made_by.value("said", "");
      start.used = start.made_by.value("used", true);
      start.made_by.erase("used");
      return start.made_by.erase("said");
    });
    if (const auto codes = file.tensors.find(prefix + kCodes); codes != file.tensors.end()) {
      start.codes = codes->second;
    }
    starts.push_back(std::move(start));
  }
  if (starts.empty()) throw damaged;
  return starts;
}

}  // namespace clade
