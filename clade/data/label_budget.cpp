#include "clade/data/label_budget.h"

#include <torch/torch.h>

#include <string>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/require.h"

namespace clade {

torch::Tensor draw_labelled(const torch::Tensor& labels, int64_t budget, int64_t classes,
                            Generator& generator) {
  require_at_least("the label budget", static_cast<double>(budget), 1);
  require_at_least("the number of classes", static_cast<double>(classes), 1);
  const auto shuffled = [&](int64_t n) {
    return torch::randperm(n, generator, torch::device(generator.device()).dtype(torch::kInt64))
        .to(torch::kCPU);
  };
  const auto here = labels.to(torch::kCPU);
  const auto order = shuffled(classes);  // Who gets one of the points that do not divide evenly.
  std::vector<torch::Tensor> drawn;
  for (int64_t i = 0; i < classes; ++i) {
    const auto label = order[i].item<int64_t>();
    const int64_t share = budget / classes + (i < budget % classes ? 1 : 0);
    const auto members = here.eq(label).nonzero().squeeze(1);  // [n of this class]
    if (members.size(0) < share) {
      throw ConfigError("a budget of " + std::to_string(budget) + " labels is " +
                        std::to_string(share) + " for class " + std::to_string(label) +
                        ", which has " + std::to_string(members.size(0)) +
                        " points; lower the budget");
    }
    drawn.push_back(members.index_select(0, shuffled(members.size(0)).slice(0, 0, share)));
  }
  return std::get<0>(torch::cat(drawn).sort()).to(labels.device());
}

}  // namespace clade
