#include "clade/models/bound.h"

#include <torch/torch.h>

namespace clade {

std::string divergence_of(const std::string& latent) {
  return "KL(" + latent + ")";
}

torch::Tensor Bound::mean(const torch::Tensor& of) const {
  if (!share.defined()) return of.mean();
  const auto each = share * of;  // [K…, S or 1, B]
  return each.sum() / static_cast<double>(each.size(-2) * each.size(-1));
}

torch::Tensor Bound::elbo() const {
  torch::Tensor sum;
  for (const Term& term : terms) {
    if (!term.is_in_bound()) continue;
    const auto value = term.sign() > 0 ? term.value : -term.value;
    sum = sum.defined() ? sum + value : value;
  }
  return sum;
}

}  // namespace clade
