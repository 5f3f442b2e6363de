#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clade/core/random.h"
#include "clade/models/bound.h"

namespace clade {

/// A model's networks from its weights alone, for tests that write a bound down once more.
struct ByHand {
  torch::OrderedDict<std::string, torch::Tensor> weights;
  using Inputs = std::vector<std::pair<std::string, torch::Tensor>>;

  /// Σ W_parent·parent + b.
  torch::Tensor join(const std::string& at, const Inputs& parents) const {
    torch::Tensor sum = weights[at + ".bias"];
    for (const auto& [name, value] : parents) {
      sum = sum + value.matmul(weights[at + ".weight_" + name].t());
    }
    return sum;
  }
  torch::Tensor gated(const std::string& at, const Inputs& parents) const {
    const auto both = join(at, parents);
    const int64_t half = both.size(-1) / 2;
    return both.slice(-1, 0, half) * both.slice(-1, half).sigmoid();
  }

  /// Mean and log-variance, clamped as it is unless a model says otherwise, [..., d] each, as the
  /// heads of `net` make them of what they read.
  using Gaussian = std::pair<torch::Tensor, torch::Tensor>;
  Gaussian heads(const std::string& net, const Inputs& read, double low = -6,
                 double high = 2) const {
    return {join(net + ".mean", read), join(net + ".log_variance", read).clamp(low, high)};
  }

  /// Of networks with one hidden layer of tanh units: that layer, and what their heads make of it.
  Inputs hidden(const std::string& net, const Inputs& parents) const {
    return {{"hidden", join(net + ".trunk.layer1", parents).tanh()}};
  }
  Gaussian gaussian(const std::string& net, const Inputs& parents) const {
    return heads(net, hidden(net, parents), -12, 6);
  }
  torch::Tensor probabilities(const std::string& net, const Inputs& parents) const {
    const auto e = join(net + ".logits", hidden(net, parents)).exp();
    return e / e.sum(-1, true);
  }
};

/// That the terms of a bound have these names and values, one for each point.
inline void expect_terms(const Bound& bound,
                         const std::vector<std::pair<std::string, std::vector<double>>>& by_hand) {
  ASSERT_EQ(bound.terms.size(), by_hand.size());
  for (size_t i = 0; i < by_hand.size(); ++i) {
    const auto& [name, values] = by_hand[i];
    EXPECT_EQ(bound.terms[i].name, name);
    const auto found = bound.terms[i].value.expand({static_cast<int64_t>(values.size())});
    for (size_t b = 0; b < values.size(); ++b) {
      EXPECT_NEAR(found[static_cast<int64_t>(b)].item<double>(), values[b], 1e-9) << name;
    }
  }
}

/// In float64, with weights that make every factor matter.
inline void disturb(torch::nn::Module& model, Generator& generator) {
  model.to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model.parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.4, generator));
  }
}

/// Σ_d log N(z_d; mean_d, e^log_variance_d), in loops. z: [B, d] -> [B].
inline std::vector<double> log_normal_by_hand(const torch::Tensor& z, const torch::Tensor& mean,
                                              const torch::Tensor& log_variance) {
  std::vector<double> sums;
  for (int64_t b = 0; b < z.size(0); ++b) {
    double sum = 0;
    for (int64_t d = 0; d < z.size(1); ++d) {
      const double v = std::exp(log_variance[b][d].item<double>());
      const double e = z[b][d].item<double>() - mean[b][d].item<double>();
      sum -= 0.5 * (std::log(2 * M_PI * v) + e * e / v);
    }
    sums.push_back(sum);
  }
  return sums;
}

/// Σ_d KL(N(m_d, v_d) ‖ N(pm_d, pv_d)), in loops; log-variances. [B, d] each -> [B].
inline std::vector<double> kl_by_hand(const torch::Tensor& m, const torch::Tensor& log_v,
                                      const torch::Tensor& pm, const torch::Tensor& log_pv) {
  std::vector<double> sums;
  for (int64_t b = 0; b < m.size(0); ++b) {
    double sum = 0;
    for (int64_t d = 0; d < m.size(1); ++d) {
      const double lv = log_v[b][d].item<double>(), lpv = log_pv[b][d].item<double>();
      const double e = m[b][d].item<double>() - pm[b][d].item<double>();
      sum += 0.5 * (lpv - lv + (std::exp(lv) + e * e) / std::exp(lpv) - 1);
    }
    sums.push_back(sum);
  }
  return sums;
}

/// Σ_d log Bernoulli(x_d; sigmoid(logits_d)), in loops. [B, D] each -> [B].
inline std::vector<double> log_bits_by_hand(const torch::Tensor& x, const torch::Tensor& logits) {
  std::vector<double> sums;
  for (int64_t b = 0; b < x.size(0); ++b) {
    double sum = 0;
    for (int64_t d = 0; d < x.size(1); ++d) {
      const double on = 1 / (1 + std::exp(-logits[b][d].item<double>()));
      sum += x[b][d].item<double>() > 0.5 ? std::log(on) : std::log(1 - on);
    }
    sums.push_back(sum);
  }
  return sums;
}

/// A draw of each row's category, [B], as the next numbers of `noise` have it, in loops. probs:
/// [B, K].
inline torch::Tensor draw_by_hand(const torch::Tensor& probs, Generator& noise) {
  const auto u = torch::empty({probs.size(0), 1}, probs.options()).uniform_(0, 1, noise);
  const auto y = torch::zeros({probs.size(0)}, torch::kInt64);
  for (int64_t b = 0; b < probs.size(0); ++b) {
    double sum = 0;
    for (int64_t k = 0; k + 1 < probs.size(1); ++k) {
      sum += probs[b][k].item<double>();
      if (u[b][0].item<double>() >= sum) y[b] = k + 1;
    }
  }
  return y;
}

/// Responsibilities that are neither sure nor even, [B, K].
inline torch::Tensor soft_responsibilities(int64_t points, int64_t clusters) {
  auto generator = make_generator(13);
  return torch::empty({points, clusters}, torch::kFloat64).normal_(0, 1.5, generator).softmax(-1);
}

/// −Σ_k r_k log q_k, in loops; of r twice, its entropy. [B, K] each -> [B].
inline std::vector<double> cross_entropy_by_hand(const torch::Tensor& r, const torch::Tensor& q) {
  std::vector<double> sums;
  for (int64_t b = 0; b < r.size(0); ++b) {
    double sum = 0;
    for (int64_t k = 0; k < r.size(1); ++k) {
      sum -= r[b][k].item<double>() * std::log(q[b][k].item<double>());
    }
    sums.push_back(sum);
  }
  return sums;
}

/// a − b, of each point.
inline std::vector<double> difference(std::vector<double> a, const std::vector<double>& b) {
  std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::minus<>());
  return a;
}

}  // namespace clade
