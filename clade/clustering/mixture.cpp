#include "clade/clustering/mixture.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "clade/clustering/blocks.h"
#include "clade/clustering/k_means.h"
#include "clade/core/error.h"

namespace clade {
namespace {

using clustering::for_blocks;
using clustering::rows_in_double;
using clustering::rows_of_block;
using clustering::saying;
using clustering::sum_blocks;

// Units in which features have mean 0 and variance 1 (or 0, if they are constant).
struct Units {
  torch::Tensor mean;   // [D] float64
  torch::Tensor scale;  // [D] float64

  torch::Tensor standard(const torch::Tensor& x) const { return (x - mean) / scale; }

  Mixture standard(Mixture mixture) const {
    mixture.means = standard(mixture.means);
    mixture.covariances = mixture.covariances / torch::outer(scale, scale);
    mixture.log_likelihood += scale.log().sum().item<double>();
    return mixture;
  }

  Mixture original(Mixture mixture) const {
    mixture.means = mixture.means * scale + mean;
    mixture.covariances = mixture.covariances * torch::outer(scale, scale);
    mixture.log_likelihood -= scale.log().sum().item<double>();
    return mixture;
  }
};

torch::Tensor scale_of(const torch::Tensor& variance) {
  return torch::where(variance > 0, variance, torch::ones_like(variance)).sqrt();
}

Units units_of(const torch::Tensor& x) {  // [N, D]
  const auto mean = clustering::mean_of_rows(x);
  clustering::require_finite(mean);
  const auto square =
      sum_blocks(x.device(), x.size(0), rows_of_block(x.size(1)), [&](int64_t begin, int64_t end) {
        return (rows_in_double(x, begin, end) - mean).square().sum(0);
      });
  return {mean, scale_of(square / x.size(0))};
}

Units units_of(const Mixture& mixture) {
  const auto weights = mixture.weights.unsqueeze(1);
  const auto mean = (weights * mixture.means).sum(0);
  const auto square = mixture.covariances.diagonal(0, 1, 2) + (mixture.means - mean).square();
  return {mean, scale_of((weights * square).sum(0))};
}

// Points in those units, read block by block.
struct StandardPoints {
  torch::Tensor x;  // [N, D]
  Units units;

  explicit StandardPoints(const torch::Tensor& points) : x(points), units(units_of(points)) {}

  int64_t size() const { return x.size(0); }
  int64_t dimensions() const { return x.size(1); }
  torch::Tensor block(int64_t begin, int64_t end) const {
    return units.standard(rows_in_double(x, begin, end));
  }
};

// Which products x_i x_j of a point's numbers a Gaussian's log density takes, each pair once;
// without correlation the squares alone.
struct Products {
  int64_t dimensions;           // D
  torch::Tensor first, second;  // i <= j, [P] int64

  Products(int64_t d, bool diagonal, const torch::Device& device) : dimensions(d) {
    const auto like = torch::dtype(torch::kInt64).device(device);
    const auto pairs = diagonal ? torch::arange(d, like).expand({2, d})
                                : torch::triu_indices(d, d, /*offset=*/0, like);
    first = pairs[0];
    second = pairs[1];
  }

  int64_t features() const { return 1 + dimensions + first.size(0); }  // F = 1 + D + P
  int64_t rows(int64_t components) const { return rows_of_block(features() + components); }

  // Of symmetric matrices, [K, D, D] -> [K, P], and back, with zeros elsewhere.
  torch::Tensor of(const torch::Tensor& matrices) const {
    return matrices.flatten(1).index_select(1, first * dimensions + second);
  }
  torch::Tensor matrices(const torch::Tensor& values) const {
    auto all = torch::zeros({values.size(0), dimensions * dimensions}, values.options());
    all.index_copy_(1, first * dimensions + second, values);
    all.index_copy_(1, second * dimensions + first, values);
    return all.view({-1, dimensions, dimensions});
  }
};

bool is_diagonal(const Mixture& mixture) {
  return mixture.covariances.triu(1).eq(0).all().item<bool>();
}

Products products_of(const Mixture& mixture, bool diagonal) {
  return {mixture.means.size(1), diagonal, mixture.means.device()};
}

// A Gaussian's log density is linear in 1, x and those products. So those of all components are one
// product of these features of the points with the components' coefficients, and what EM needs of
// the points, sums weighted by responsibilities, is another. [B, D] -> [F, B]: rows are quick to
// gather.
torch::Tensor features_of(const torch::Tensor& points, const Products& products) {
  const auto columns = points.t().contiguous();
  const auto squares =
      columns.index_select(0, products.first) * columns.index_select(0, products.second);
  return torch::cat({torch::ones({1, points.size(0)}, points.options()), columns, squares});
}

// Coefficients of log w_k N(x; μ_k, Σ_k), [F, K].
torch::Tensor coefficients_of(const Mixture& mixture, const Products& products) {
  const int64_t d = mixture.means.size(1);
  const auto root = torch::linalg_cholesky(mixture.covariances);  // lower triangles
  const auto precision = torch::cholesky_inverse(root);
  const auto linear = torch::matmul(precision, mixture.means.unsqueeze(2)).squeeze(2);
  const auto log_determinant = 2 * root.diagonal(0, 1, 2).log().sum(1);
  const auto constant =
      mixture.weights.log() - 0.5 * ((linear * mixture.means).sum(1) + log_determinant +
                                     static_cast<double>(d) * std::log(2 * std::numbers::pi));
  const auto times = products.first.eq(products.second).to(linear.dtype()) - 2;  // -1 or -2
  return torch::cat({constant.unsqueeze(1), linear, 0.5 * times * products.of(precision)}, 1).t();
}

// log w_k N(x; μ_k, Σ_k) of points in the mixture's units, [B, K], from their features, [F, B].
torch::Tensor log_joint(const torch::Tensor& features, const torch::Tensor& coefficients) {
  return torch::mm(features.t(), coefficients);
}

// Sums over the points, weighted by responsibilities, of their features.
struct Expected {
  Products products;
  torch::Tensor features;     // [K, F]
  double log_likelihood = 0;  // of the mixture, nats a point

  torch::Tensor counts() const { return features.select(1, 0); }  // [K]
};

// In the points' units.
Expected expectation(const StandardPoints& points, const Mixture& mixture, bool diagonal) {
  const Products products = products_of(mixture, diagonal && is_diagonal(mixture));
  const auto coefficients = coefficients_of(mixture, products);
  const int64_t rows = products.rows(mixture.weights.size(0));
  const auto sums =
      sum_blocks(points.x.device(), points.size(), rows, [&](int64_t begin, int64_t end) {
        const auto features = features_of(points.block(begin, end), products);
        const auto joint = log_joint(features, coefficients);
        const auto log_prob = joint.logsumexp(1, /*keepdim=*/true);
        const auto r = (joint - log_prob).exp().t();
        return torch::cat({torch::mm(r, features.t()), torch::mm(r, log_prob)}, 1);
      });  // [K, F + 1]
  const double total = sums.select(1, -1).sum().item<double>();
  return {products, sums.slice(1, 0, -1), total / static_cast<double>(points.size())};
}

// The same without a likelihood, by responsibilities that `of` gives: (begin, end) -> [B, K].
template <class F>
Expected expectation_by(const StandardPoints& points, int64_t components, bool diagonal,
                        const F& of) {
  const Products products(points.dimensions(), diagonal, points.x.device());
  const int64_t rows = products.rows(components);
  return {
      products, sum_blocks(points.x.device(), points.size(), rows, [&](int64_t begin, int64_t end) {
        return torch::mm(of(begin, end).t(), features_of(points.block(begin, end), products).t());
      })};
}

// The mixture of highest likelihood, given those sums.
Mixture maximisation(const Expected& expected, const MixtureOptions& options) {
  const int64_t d = expected.products.dimensions;
  Mixture mixture;
  const auto count = expected.counts();
  mixture.weights = count / count.sum();
  const auto moments = expected.features / count.clamp_min(1e-300).unsqueeze(1);
  mixture.means = moments.slice(1, 1, 1 + d).contiguous();
  mixture.covariances = expected.products.matrices(moments.slice(1, 1 + d)) -
                        mixture.means.unsqueeze(2) * mixture.means.unsqueeze(1);
  if (options.diagonal) {
    mixture.covariances = torch::diag_embed(mixture.covariances.diagonal(0, 1, 2).clamp_min(0));
  }
  mixture.covariances += options.regularisation * torch::eye(d, moments.options());
  return mixture;
}

torch::Tensor log_prob_of(const StandardPoints& points, const Mixture& mixture) {  // [N]
  const Products products = products_of(mixture, is_diagonal(mixture));
  const auto coefficients = coefficients_of(mixture, products);
  const int64_t rows = products.rows(mixture.weights.size(0));
  auto all = torch::empty({points.size()}, coefficients.options());
  for_blocks(points.x.device(), points.size(), rows, [&](int64_t begin, int64_t end) {
    const auto joint = log_joint(features_of(points.block(begin, end), products), coefficients);
    all.slice(0, begin, end).copy_(joint.logsumexp(1));
  });
  return all;
}

// Starts components of fewer than `least` points, [K], again at the points that the mixture
// explains least, as large and as heavy as the others are on average. Whether there were any.
bool revive(const StandardPoints& points, const torch::Tensor& counts, double least,
            Mixture& mixture) {
  const auto dead = (counts < least).nonzero().squeeze(1);
  const int64_t n = dead.size(0), components = counts.size(0);
  if (n == 0 || n == components) return false;
  const auto living = torch::where(counts < least, torch::zeros_like(counts), mixture.weights);
  const auto share = (living / living.sum()).view({-1, 1, 1});
  mixture.covariances.index_copy_(0, dead,
                                  (share * mixture.covariances).sum(0, true).expand({n, -1, -1}));
  const auto log_prob =
      log_prob_of(points, {living / living.sum(), mixture.means, mixture.covariances});
  const auto worst = std::get<1>(log_prob.topk(n, 0, /*largest=*/false));
  mixture.means.index_copy_(
      0, dead, points.units.standard(points.x.index_select(0, worst).to(torch::kFloat64)));
  mixture.weights = living.index_fill(0, dead, 1.0 / static_cast<double>(components));
  mixture.weights /= mixture.weights.sum();
  return true;
}

// In the points' standard units, as is `mixture`. Calls `each` before each iteration.
Mixture expectation_maximisation(const StandardPoints& points, Mixture mixture,
                                 const MixtureOptions& options, const std::function<void()>& each) {
  const int64_t d = points.dimensions();
  const double least = options.diagonal ? 2 : static_cast<double>(d + 1);
  int64_t revivals = mixture.weights.size(0);  // each of which may lose its points again
  auto expected = expectation(points, mixture, options.diagonal);
  mixture.log_likelihood = expected.log_likelihood;
  mixture.iterations = 0;
  while (mixture.iterations < options.iterations) {
    each();
    Mixture next = maximisation(expected, options);
    const bool revived = revivals > 0 && revive(points, expected.counts(), least, next);
    if (revived) --revivals;
    expected = expectation(points, next, options.diagonal);
    next.log_likelihood = expected.log_likelihood;
    next.iterations = mixture.iterations + 1;
    const double gain = next.log_likelihood - mixture.log_likelihood;
    mixture = std::move(next);
    if (!revived && gain < options.tolerance) break;
  }
  return mixture;
}

// Two components in place of one, apart along its longest axis, with its mean and covariance
// between them. The second takes the place `into`.
void split(Mixture& mixture, int64_t component, int64_t into) {
  constexpr double kApart = 0.8;  // of a deviation, from the middle; below 1 leaves a covariance
  const auto [values, vectors] = torch::linalg_eigh(mixture.covariances[component], "L");
  const auto step = kApart * values[-1].sqrt() * vectors.select(1, -1);
  const auto mean = mixture.means[component].clone();
  const auto weight = (mixture.weights[component] / 2).clone();
  const auto covariance = mixture.covariances[component] - torch::outer(step, step);
  for (const auto& [place, sign] : {std::pair{component, -1.0}, {into, 1.0}}) {
    mixture.weights[place] = weight;
    mixture.means[place] = mean + sign * step;
    mixture.covariances[place] = covariance;
  }
}

struct Component {
  torch::Tensor weight, mean, covariance;  // [], [D], [D, D]
};

// One of the weight, mean and covariance of two.
Component merged(const Mixture& mixture, int64_t a, int64_t b) {
  const auto weight = mixture.weights[a] + mixture.weights[b];
  const auto share = mixture.weights[a] / weight;
  const auto apart = mixture.means[a] - mixture.means[b];
  return {weight, share * mixture.means[a] + (1 - share) * mixture.means[b],
          share * mixture.covariances[a] + (1 - share) * mixture.covariances[b] +
              share * (1 - share) * torch::outer(apart, apart)};
}

// That one in the place of the first.
void merge(Mixture& mixture, int64_t a, int64_t b) {
  const Component both = merged(mixture, a, b);
  mixture.weights[a] = both.weight;
  mixture.means[a] = both.mean;
  mixture.covariances[a] = both.covariance;
}

// What a merger of a and b loses of the likelihood, about: how much longer it takes to describe the
// points of both by one Gaussian.
double merger_loss(const Mixture& mixture, int64_t a, int64_t b) {
  const auto length = [](const torch::Tensor& weight, const torch::Tensor& covariance) {
    return weight * (0.5 * torch::logdet(covariance) - weight.clamp_min(1e-300).log());
  };
  const Component both = merged(mixture, a, b);
  return (length(both.weight, both.covariance) -
          length(mixture.weights[a], mixture.covariances[a]) -
          length(mixture.weights[b], mixture.covariances[b]))
      .item<double>();
}

struct Pair {
  double loss;
  int64_t a, b;
};

// The cheapest mergers of components with one of those nearest, cheapest first.
std::vector<Pair> cheapest_mergers(const Mixture& mixture, size_t count) {
  const int64_t components = mixture.weights.size(0), near = std::min<int64_t>(4, components);
  const auto nearest =
      std::get<1>(torch::cdist(mixture.means, mixture.means).topk(near, 1, /*largest=*/false));
  std::vector<Pair> pairs;
  for (int64_t i = 0; i < components * near; ++i) {
    const int64_t a = i / near, b = nearest[a][i % near].item<int64_t>();
    if (a < b || (a > b && !(nearest[b] == a).any().item<bool>()))
      pairs.push_back({merger_loss(mixture, a, b), a, b});
  }
  std::sort(pairs.begin(), pairs.end(),
            [](const Pair& one, const Pair& other) { return one.loss < other.loss; });
  pairs.resize(std::min(pairs.size(), count));
  return pairs;
}

// The same mixture, or one of higher likelihood in which two components have become one and another
// two: what EM cannot do by small steps (Ueda et al. 2000). The components that reach farthest are
// split, in units of the data's own deviations.
Mixture split_and_merged(const StandardPoints& points, Mixture mixture,
                         const MixtureOptions& options, const std::function<void()>& each) {
  constexpr size_t kMergers = 3;
  constexpr int64_t kSplits = 5;
  if (mixture.weights.size(0) < 3) return mixture;
  const auto reach = std::get<0>(torch::linalg_eigh(mixture.covariances, "L")).select(1, -1);
  const auto widest = reach.argsort(0, /*descending=*/true).slice(0, 0, kSplits).cpu();
  Mixture best = mixture;
  for (const Pair& pair : cheapest_mergers(mixture, kMergers)) {
    for (int64_t i = 0; i < widest.size(0); ++i) {
      const auto component = widest[i].item<int64_t>();
      if (component == pair.a || component == pair.b) continue;
      Mixture other{mixture.weights.clone(), mixture.means.clone(), mixture.covariances.clone()};
      merge(other, pair.a, pair.b);
      split(other, component, pair.b);
      other = expectation_maximisation(points, other, options, each);
      if (other.log_likelihood > best.log_likelihood + options.tolerance) best = std::move(other);
    }
  }
  return best;
}

// The best that splits and mergers lead to, one after another.
Mixture improved(const StandardPoints& points, Mixture mixture, const MixtureOptions& options,
                 const std::function<void()>& each) {
  for (int64_t move = 0; move < mixture.weights.size(0); ++move) {
    Mixture next = split_and_merged(points, mixture, options, each);
    if (!(next.log_likelihood > mixture.log_likelihood)) break;
    mixture = std::move(next);
  }
  return mixture;
}

void check_points(const torch::Tensor& x, int64_t components) {
  if (components < 1 || components > x.size(0)) {
    throw Error("a mixture of " + std::to_string(components) + " components for " +
                std::to_string(x.size(0)) +
                " points; there must be at least one, and a point for each");
  }
}

// What `f` makes of the log joint of x, [B, K] -> [B, ...], for all rows.
template <class F>
torch::Tensor of_log_joint(const Mixture& mixture, const torch::Tensor& x,
                           at::IntArrayRef row_shape, const F& f) {
  torch::NoGradGuard no_grad;
  const Units units = units_of(mixture);
  const Products products = products_of(mixture, is_diagonal(mixture));
  const auto coefficients = coefficients_of(units.standard(mixture), products);
  std::vector<int64_t> shape = {x.size(0)};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  auto all = torch::empty(shape, coefficients.options());
  const int64_t rows = products.rows(mixture.weights.size(0));
  for_blocks(x.device(), x.size(0), rows, [&](int64_t begin, int64_t end) {
    const auto features = features_of(units.standard(rows_in_double(x, begin, end)), products);
    all.slice(0, begin, end).copy_(f(log_joint(features, coefficients), units));
  });
  return all;
}

}  // namespace

torch::Tensor Mixture::log_prob(const torch::Tensor& x) const {
  return of_log_joint(*this, x, {}, [](const torch::Tensor& joint, const Units& units) {
    return joint.logsumexp(1) - units.scale.log().sum();
  });
}

torch::Tensor Mixture::responsibilities(const torch::Tensor& x) const {
  return of_log_joint(*this, x, {weights.size(0)},
                      [](const torch::Tensor& joint, const Units&) { return joint.softmax(1); });
}

double Mixture::excess_kurtosis(const torch::Tensor& x) const {
  torch::NoGradGuard no_grad;
  const auto roots = torch::linalg_cholesky(covariances);
  const auto r = responsibilities(x);
  const auto N = static_cast<double>(x.size(0)), D = static_cast<double>(x.size(1));
  const auto K = static_cast<double>(weights.size(0));
  const auto sum_of_fourths = [&](int64_t begin, int64_t end) {  // Σ d⁴
    const auto points = rows_in_double(x, begin, end);
    auto sum = torch::zeros({}, points.options());
    for (int64_t k = 0; k < weights.size(0); ++k) {
      const auto white = torch::linalg_solve_triangular(roots[k], (points - means[k]).t(), false);
      sum += r.select(1, k).slice(0, begin, end).dot(white.square().sum(0).square());
    }
    return sum;
  };
  const double fourth =  // E[d⁴]
      sum_blocks(x.device(), x.size(0), rows_of_block(x.size(1)), sum_of_fourths).item<double>() /
      N;
  // Of n points about their own mean and covariance the factor is (n - 1) / (n + 1); n is N / K.
  const double of_gaussians = D * (D + 2) * (N - K) / (N + K);
  return (fourth - of_gaussians) / std::sqrt(8 * D * (D + 2) / N);
}

Mixture fit_mixture(const torch::Tensor& x, int64_t components, const MixtureOptions& options,
                    Generator& generator, const Progress& progress) {
  torch::NoGradGuard no_grad;
  check_points(x, components);
  const StandardPoints points(x);
  const KMeansOptions one_start{.starts = 1};
  Mixture best;
  for (int64_t start = 0; start < options.starts; ++start) {
    const auto each = saying(progress, start, options.starts);
    const auto clusters =
        k_means(x, components, one_start, generator, [&](int64_t, int64_t) { each(); }).clusters;
    const auto members = [&](int64_t begin, int64_t end) {
      return torch::zeros({end - begin, components}, points.units.mean.options())
          .scatter_(1, clusters.slice(0, begin, end).unsqueeze(1), 1);
    };
    const auto expected = expectation_by(points, components, options.diagonal, members);
    Mixture found =
        expectation_maximisation(points, maximisation(expected, options), options, each);
    if (start == 0 || found.log_likelihood > best.log_likelihood) best = std::move(found);
    if (progress) progress(start + 1, options.starts);
  }
  if (!options.splits) return points.units.original(best);
  const auto each = saying(progress, options.starts, options.starts);
  return points.units.original(improved(points, best, options, each));
}

Mixture split_and_merge(const torch::Tensor& x, const Mixture& mixture,
                        const MixtureOptions& options) {
  torch::NoGradGuard no_grad;
  check_points(x, mixture.weights.size(0));
  const StandardPoints points(x);
  return points.units.original(improved(points, points.units.standard(mixture), options, [] {}));
}

Mixture fit_mixture(const torch::Tensor& x, const torch::Tensor& responsibilities,
                    const MixtureOptions& options) {
  torch::NoGradGuard no_grad;
  check_points(x, responsibilities.size(1));
  const StandardPoints points(x);
  const auto given = [&](int64_t begin, int64_t end) {
    return rows_in_double(responsibilities, begin, end).to(points.x.device());
  };
  const Mixture start = maximisation(
      expectation_by(points, responsibilities.size(1), options.diagonal, given), options);
  return points.units.original(expectation_maximisation(points, start, options, [] {}));
}

Mixture fit_mixture(const torch::Tensor& x, const Mixture& start, const MixtureOptions& options) {
  torch::NoGradGuard no_grad;
  check_points(x, start.weights.size(0));
  const StandardPoints points(x);
  return points.units.original(
      expectation_maximisation(points, points.units.standard(start), options, [] {}));
}

}  // namespace clade
