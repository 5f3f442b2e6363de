#include "clade/distributions/partial_gaussian.h"

namespace clade {

torch::Tensor PartialGaussian::whole(const torch::Tensor& part) const {
  std::vector<int64_t> sizes = part.sizes().vec();
  sizes.back() = constant_.size(0);
  return constant_.to(part.dtype()).expand(sizes).contiguous().index_copy(-1, varying_, part);
}

torch::Tensor PartialGaussian::log_prob(const torch::Tensor& x) const {
  return gaussian_.log_prob(x.index_select(-1, varying_));
}

torch::Tensor PartialGaussian::mean() const {
  return whole(gaussian_.mean());
}

torch::Tensor PartialGaussian::sample(Generator& generator) const {
  return whole(gaussian_.sample(generator));
}

}  // namespace clade
