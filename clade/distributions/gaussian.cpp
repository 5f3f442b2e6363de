#include "clade/distributions/gaussian.h"

#include "clade/ops/gaussian.h"
#include "clade/ops/noise.h"

namespace clade {
torch::Tensor DiagonalGaussian::log_prob_per_unit(const torch::Tensor& z) const {
  return gaussian_log_prob_per_unit(z, mean_, log_variance_);
}

torch::Tensor DiagonalGaussian::log_prob(const torch::Tensor& z) const {
  return gaussian_log_prob(z, mean_, log_variance_);
}

torch::Tensor DiagonalGaussian::rsample(Generator& generator) const {
  const auto shape = at::infer_size(mean_.sizes(), log_variance_.sizes());
  return mean_ + (0.5 * log_variance_).exp() * draw_normals(shape, mean_, generator);
}

torch::Tensor DiagonalGaussian::rsample(Generator& generator, at::IntArrayRef leading) const {
  const auto own = at::infer_size(mean_.sizes(), log_variance_.sizes());
  auto shape = at::infer_size(at::IntArrayRef(own).slice(0, own.size() - 1), leading);
  shape.push_back(own.back());
  return mean_ + (0.5 * log_variance_).exp() * draw_normals(shape, mean_, generator);
}

torch::Tensor DiagonalGaussian::sample(Generator& generator) const {
  return rsample(generator).detach();
}

DiagonalGaussian StandardNormal::on(const torch::TensorOptions& like) const {
  const auto zeros = torch::zeros({size}, like);
  return {zeros, zeros};
}

DiagonalGaussian merged(const DiagonalGaussian& a, const DiagonalGaussian& b) {
  // 1/σ² = 1/σ_a² + 1/σ_b² in logarithms, where nothing overflows, and the shares of it.
  const auto apart = b.log_variance() - a.log_variance();
  const auto mean = a.mean() * apart.sigmoid() + b.mean() * (-apart).sigmoid();
  return {mean, -torch::logaddexp(-a.log_variance(), -b.log_variance())};
}

torch::Tensor kl_per_unit(const DiagonalGaussian& q, const DiagonalGaussian& p) {
  return gaussian_kl_per_unit(q.mean(), q.log_variance(), p.mean(), p.log_variance());
}

torch::Tensor kl(const DiagonalGaussian& q, const DiagonalGaussian& p) {
  return gaussian_kl(q.mean(), q.log_variance(), p.mean(), p.log_variance());
}

}  // namespace clade
