#include "clade/distributions/bernoulli.h"

#include "clade/ops/bernoulli.h"
#include "clade/ops/noise.h"

namespace clade {

torch::Tensor Bernoulli::log_prob(const torch::Tensor& x) const {
  return bernoulli_log_prob(logits_, x);
}

torch::Tensor Bernoulli::sample(Generator& generator) const {
  return draw_bits(mean(), generator);
}

}  // namespace clade
