#include "clade/models/information.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

namespace clade {

Information information(const JointDraws& draws) {
  const auto log_q_y = draws.q_y.clamp_min(1e-30).log();  // [K]
  const auto mean = [](const torch::Tensor& t) { return t.mean(torch::kFloat64).item<double>(); };
  return {mean(draws.log_q_given_own - draws.log_q),
          mean(draws.log_q - log_q_y.index_select(0, draws.y) - draws.log_p_given_y),
          // max() also turns the -0 of a model without clusters into 0.
          std::max(0.0, -(draws.q_y * log_q_y).sum(torch::kFloat64).item<double>()),
          std::log(static_cast<double>(draws.q_y.numel()))};
}

}  // namespace clade
