#include "clade/training/start_features.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/clustering/oriented_gradients.h"
#include "clade/clustering/principal_components.h"
#include "clade/data/points.h"
#include "clade/data/preprocessing.h"

namespace clade {
namespace {

constexpr int64_t kLeastSide = 16;  // of an image in pixels, so that each cell has two by two

// Of the variance of pixels: 0.02 to 0.18 of MNIST, USPS and Fashion-MNIST, 0.6 of SVHN.
constexpr double kMuchLight = 0.33;

constexpr int64_t kPrincipalComponents = 50;

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
    of_column.div_(of_column.var(0, /*unbiased=*/false).sum().sqrt().clamp_min(1e-4));
  }
  return x;
}

torch::Tensor values_of(const Splits& data) {  // [N, D]
  const auto counts = counts_of(data);
  if (counts.defined()) return log_normalised(counts);
  return data.preprocessing.counts ? standardised(data.train.x) : columns_alike(data);
}

}  // namespace

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

}  // namespace clade
