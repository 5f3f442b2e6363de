#pragma once
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace clade {

/// q(y | label), the mean of q(y | x) over the points of each label, unknown ones aside; zeros for
/// a label without points. probabilities: [N, K], labels: [N] int64 -> [C, K]. (CP-VAE, figures 10
/// to 12.)
torch::Tensor posterior_given_label(const torch::Tensor& probabilities,
                                    const torch::Tensor& labels);

/// The share of labelled points whose nearest other one has the same label; nothing for fewer than
/// two. codes: [N, d], labels: [N] int64, of which 5,000 at most are asked.
std::optional<double> neighbour_accuracy(const torch::Tensor& codes, const torch::Tensor& labels);

/// The `count` strongest clusters of each label, strongest first, of those above 1/K: CP-VAE's
/// table 2 has five. q: [C, K].
std::vector<std::vector<int64_t>> strongest_of_label(const torch::Tensor& q, int64_t count = 5);

/// The clusters that are among those of more than one label, in order of their numbers.
std::vector<int64_t> shared_by_labels(const std::vector<std::vector<int64_t>>& strongest);

}  // namespace clade
