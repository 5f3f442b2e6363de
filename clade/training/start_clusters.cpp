#include "clade/training/start_clusters.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/clustering/bernoulli_mixture.h"
#include "clade/clustering/k_means.h"
#include "clade/clustering/mixture.h"
#include "clade/clustering/neighbour_layout.h"
#include "clade/core/random.h"

namespace clade {
namespace {

using nlohmann::json;

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
             return start_from_mixture(sample, gaussians.diagonal, "", clusters_, seed_,
                                       of_sample());
           }) >= (lie_so ? kLessSurely : kAsSurely) * layout();
  }

  /// Whether k-means is there again and neither a mixture nor the clusters of a layout are.
  bool is_k_means() {
    // Of many points samples are smaller by more than a quarter, which layouts suffer from more.
    const double much_more = points() < x_.size(0) ? kMuchMoreInSamples : kMuchMore;
    const double others = std::max(layout(), said_.value("mixture", 0.0));
    if (others >= 1 / much_more) return false;
    return in_samples("k_means", [&](const torch::Tensor& sample) {
             return start_from_k_means(sample, "", clusters_, seed_, of_sample());
           }) > much_more * others;
  }

  const json& said() const { return said_; }

 private:
  int64_t points() const { return std::min(x_.size(0), kMostRepeated); }

  double layout() {
    return in_samples("layout", [&](const torch::Tensor& sample) {
      auto generator = make_generator(derive_seed(seed_, "layout"));
      const auto layout = neighbour_layout(sample, layout_options(sample.size(0)), generator,
                                           reporting("layout, epochs", of_sample()));
      return start_from_codes(layout, "", clusters_, seed_, of_sample());
    });
  }

  /// What says of each step that it is one on a sample.
  StartProgress of_sample() const {
    if (!progress_) return {};
    return [this](const std::string& what, int64_t done, int64_t total) {
      progress_("a sample's " + what, done, total);
    };
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

}  // namespace

Start start_from_codes(const torch::Tensor& codes, const std::string& said_of, int64_t clusters,
                       uint64_t seed, const StartProgress& progress) {
  // A covariance needs a few points for each direction.
  const bool diagonal = codes.size(0) < 3 * clusters * (codes.size(1) + 1);
  return start_from_mixture(codes, diagonal, said_of, clusters, seed, progress);
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

}  // namespace clade
