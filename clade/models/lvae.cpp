#include "clade/models/lvae.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/joined.h"

namespace clade {
namespace {

/// "z1" is next to the data. level: from 0.
std::string z_of(size_t level) {
  return "z" + std::to_string(level + 1);
}

}  // namespace

std::vector<Option> LvaeOptions::options() {
  const std::vector<Option> own = {
      {"latents", &latents, at_least(1).not_empty(),
       "sizes of z1, z2, ..., from the data up: as many layers as there are"},
      {"widths", &widths, at_least(1),
       "widths of the hidden layers below z1, z2, ...: one for each"},
      {"depth", &depth, at_least(1), "how many hidden layers of its width lie below each latent"}};
  auto hidden = trunk.options();
  std::erase_if(hidden, [](const Option& option) { return option.name == "layers"; });
  return joined({ModelOptions::options(), own, hidden});
}

void LvaeOptions::validate_together() const {
  if (widths.size() != latents.size()) {
    throw ConfigError("model.widths are " + std::to_string(widths.size()) + " and model.latents " +
                      std::to_string(latents.size()) + "; give one width for each latent");
  }
  trunk.validate();
}

TrunkOptions LvaeOptions::trunk_of(size_t level) const {
  TrunkOptions own = trunk;
  own.layers.assign(static_cast<size_t>(depth), std::to_string(widths[level]));
  return own;
}

Lvae::Lvae(const LvaeOptions& options, const Parent& x, Generator& generator)
    : p_z_L{options.latents.back()} {
  const TrunkOptions heads_only{.layers = {}};
  const LogVarianceRange range;
  Parent d = x;  // of the level below
  for (size_t l = 0; l < options.latents.size(); ++l) {
    const std::string level = std::to_string(l + 1);
    q_d.push_back(
        register_module("q_d" + level, Trunk(Parents{d}, options.trunk_of(l), generator)));
    d = q_d.back()->output();
    q_z_given_d.push_back(register_module(
        "q_" + z_of(l) + "_given_d" + level,
        GaussianConditional(Parents{d}, heads_only, options.latents[l], range, generator)));
  }
  for (size_t l = 0; l + 1 < options.latents.size(); ++l) {
    const Parent above{z_of(l + 1), options.latents[l + 1]};
    p_z_given_z.push_back(
        register_module("p_" + z_of(l) + "_given_" + above.name,
                        GaussianConditional(Parents{above}, options.trunk_of(l + 1),
                                            options.latents[l], range, generator)));
  }
  const Parent z1{z_of(0), options.latents.front()};
  p_x_given_z1 = register_module(
      "p_x_given_z1", Likelihood(options, Parents{z1}, options.trunk_of(0), x, generator));
}

void Lvae::infer(Trace& q, const torch::Tensor& x) {
  std::vector<DiagonalGaussian> q_hat;  // N(μ̂_l, σ̂_l), [B, d_l]
  torch::Tensor d = x;
  for (size_t l = 0; l < q_d.size(); ++l) {
    d = q.once(q_d[l], d);
    q_hat.push_back(q.once(q_z_given_d[l], d));
  }
  size_t l = q_d.size() - 1;
  auto z = q.latent(z_of(l), q_hat[l]);
  while (l-- > 0) z = q.latent(z_of(l), merged(q_hat[l], q.shared(p_z_given_z[l], z)));
}

void Lvae::generate(Trace& p) {
  size_t l = q_d.size() - 1;
  auto z = p.latent(z_of(l), p_z_L);
  while (l-- > 0) z = p.latent(z_of(l), p.shared(p_z_given_z[l], z));
  p.data("x|z1", p_x_given_z1(z));  // [B, D]
}

}  // namespace clade
