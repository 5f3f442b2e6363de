#include "clade/nets/prior.h"

#include <torch/torch.h>

#include "clade/nets/batch_norm.h"

namespace clade {
std::vector<Option> PriorOptions::of_given_y() {
  return {
      {"prior_spread", &spread, at_least(0),
       "standard deviation of the learned means of the prior at the start: means that start near "
       "each other move apart as z learns, far ones tell clusters apart at once"},
      {"trainable_prior", &trainable, "learn the prior; false leaves it as it starts"}};
}

std::vector<Option> PriorOptions::options() {
  std::vector<Option> all = {
      {"prior", &kind, any_of({"standard_normal", "mixture", "vampprior"}),
       "p(z): standard_normal; mixture, of learned Gaussians; or vampprior, the mean of the "
       "posteriors of learned pseudo-inputs (each step encodes them too)"},
      {"components", &components, at_least(1),
       "components of a mixture, pseudo-inputs of a vampprior"},
      {"pseudo_inputs", &pseudo_inputs, any_of({"noise", "data"}),
       "what the pseudo-inputs of a vampprior start as: noise, or data, points of the training set "
       "(with trainable_prior=false they stay: a prior of exemplars, though without the shared "
       "variance and the leaving out of a point's own that Norouzi et al. 2020 train with)"},
  };
  for (const Option& option : of_given_y()) all.push_back(option);
  return all;
}

PriorImpl::PriorImpl(const PriorOptions& options, int64_t latent, int64_t features, bool bounded,
                     const LogVarianceRange& range, Posterior posterior, Generator& generator)
    : latent_(latent),
      bounded_(bounded),
      start_as_data_(options.pseudo_inputs == "data"),
      posterior_(std::move(posterior)) {
  if (options.kind == "mixture") {
    components_ = register_module(
        "components", GaussianPerCluster(options.components, latent, range, options.spread,
                                         options.trainable, generator));
  } else if (options.kind == "vampprior") {
    // Tomczak & Welling start at N(0.05, 0.01²), a dark picture; standardised values start at 0.
    const auto u = torch::empty({options.components, features})
                       .normal_(bounded ? 0.05 : 0, bounded ? 0.01 : 1, generator);
    pseudo_inputs_ = register_parameter("pseudo_inputs", u, options.trainable);
  }
}

GaussianMixture PriorImpl::forward(const torch::TensorOptions& like) {
  if (pseudo_inputs_.defined()) {
    const StatisticsScope not_data(Statistics::running);
    return GaussianMixture(posterior_(bounded_ ? pseudo_inputs_.clamp(0, 1) : pseudo_inputs_));
  }
  if (!components_.is_empty()) return GaussianMixture(components_->all());
  return GaussianMixture::of_one(StandardNormal{latent_}.on(like));
}

void PriorImpl::start_from(const torch::Tensor& x, Generator& generator) {
  if (!pseudo_inputs_.defined() || !start_as_data_) return;
  torch::NoGradGuard no_grad;
  const int64_t M = pseudo_inputs_.size(0), N = x.size(0);
  const auto rows =
      M <= N ? torch::randperm(N, generator, torch::dtype(torch::kInt64).device(x.device()))
                   .slice(0, 0, M)
             : random_rows(M, N, x.device(), generator);  // some twice
  pseudo_inputs_.copy_(x.index_select(0, rows));
}

void PriorImpl::start_from(const torch::Tensor& weight, const torch::Tensor& x) {
  if (!pseudo_inputs_.defined() || x.sizes() != pseudo_inputs_.sizes()) return;
  torch::NoGradGuard no_grad;
  pseudo_inputs_.copy_(
      torch::where(weight.gt(0).unsqueeze(-1), x.to(pseudo_inputs_.dtype()), pseudo_inputs_));
}

torch::Tensor component_probabilities(const DiagonalGaussian& q_z, const GaussianMixture& p_z,
                                      Generator& generator, int64_t draws) {
  if (p_z.size() == 1) return torch::ones_like(q_z.mean().slice(-1, 0, 1));
  torch::Tensor sum;  // [B, M]
  for (int64_t draw = 0; draw < draws; ++draw) {
    const auto probs = p_z.component_given(q_z.rsample(generator)).probs();
    sum = sum.defined() ? sum + probs : probs;
  }
  return sum / static_cast<double>(draws);
}

}  // namespace clade
