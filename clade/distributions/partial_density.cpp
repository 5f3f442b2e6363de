#include "clade/distributions/partial_density.h"

namespace clade {

torch::Tensor PartialDensity::whole(const torch::Tensor& part) const {
  std::vector<int64_t> sizes = part.sizes().vec();
  sizes.back() = constant_.size(0);
  return constant_.to(part.dtype()).expand(sizes).contiguous().index_copy(-1, varying_, part);
}

torch::Tensor PartialDensity::log_prob(const torch::Tensor& x) const {
  return of_varying_->log_prob(x.index_select(-1, varying_));
}

torch::Tensor PartialDensity::mean() const {
  return whole(of_varying_->mean());
}

torch::Tensor PartialDensity::sample(Generator& generator) const {
  return whole(of_varying_->sample(generator));
}

}  // namespace clade
