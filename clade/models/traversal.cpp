#include "clade/models/traversal.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

/// How far a unit is seen to move: about nineteen of twenty draws of N(0, 1) lie within.
constexpr double kTraversed = 2;

const LatentInfo& moving_latent(Model& model, const std::string& name,
                                const std::vector<Given>& rows) {
  std::vector<std::string> movable;
  for (const LatentInfo& latent : model.latents()) {
    if (latent.is_standard_normal) movable.push_back(latent.name);
  }
  model.check({{name, torch::zeros({})}});  // that there is such a latent
  for (const LatentInfo& latent : model.latents()) {
    if (latent.name != name) continue;
    if (rows.front().count(name) > 0) {
      throw Error("the latent " + name + " cannot both move and be given; leave one out");
    }
    if (latent.is_standard_normal) return latent;
  }
  throw Error("the latent " + name +
              " is not drawn from N(0, I) alone, so no path of it fits all; " +
              (movable.empty() ? "no latent of this model is" : "move " + one_of(movable)));
}

/// Places of the latent on its way, [steps, d].
torch::Tensor line(const LatentInfo& latent, const torch::Tensor& along, Generator& generator) {
  auto direction = torch::randn({latent.size}, generator, along.options());
  // As long as draws are: their squared length is d on average.
  direction = direction * std::sqrt(static_cast<double>(latent.size)) / direction.norm();
  return along.unsqueeze(1) * direction / kTraversed;
}

}  // namespace

torch::Tensor traversal(Model& model, const std::string& latent, const std::vector<Given>& rows,
                        int64_t steps, uint64_t seed) {
  torch::NoGradGuard no_grad;
  const LatentInfo& moving = moving_latent(model, latent, rows);
  const auto along = torch::linspace(-kTraversed, kTraversed, steps);  // [steps]
  std::vector<torch::Tensor> ways;                                     // [steps, d] each
  Generator generator = make_generator(derive_seed(seed, "traversal"));
  if (moving.size == 2 && rows.size() == 1) {
    for (int64_t i = 0; i < steps; ++i) {
      ways.push_back(torch::stack({along, along[steps - 1 - i].expand_as(along)}, 1));
    }
  } else {
    ways.assign(rows.size(), line(moving, along, generator));
  }
  std::vector<torch::Tensor> sheet;
  for (size_t row = 0; row < ways.size(); ++row) {
    const Given& given = rows[rows.size() == 1 ? 0 : row];
    const std::string draw = "row " + std::to_string(rows.size() == 1 ? 0 : row);
    for (int64_t i = 0; i < steps; ++i) {
      Given here = given;
      here[latent] = ways[row][i];
      auto alike = make_generator(derive_seed(seed, draw), model.device());
      sheet.push_back(model.sample_means(1, here, alike));
    }
  }
  return torch::cat(sheet).view({static_cast<int64_t>(ways.size()), steps, -1});
}

}  // namespace clade
