#include "clade/data/label_budget.h"

#include <torch/torch.h>

#include <string>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/require.h"
#include "clade/data/dataset.h"

namespace clade {
namespace {

// members: [C] int64, how many points each class has.
[[noreturn]] void refuse_budget(int64_t budget, int64_t share, int64_t label,
                                const torch::Tensor& members,
                                const std::vector<std::string>& classes) {
  const int64_t most = members.min().item<int64_t>() * members.numel();
  throw ConfigError("data.label_budget is " + std::to_string(budget) + ", " +
                    std::to_string(share) + " of class '" + classes[static_cast<size_t>(label)] +
                    "', which has " + std::to_string(members[label].item<int64_t>()) +
                    " labelled training points; " +
                    (most > 0 ? "lower it to " + std::to_string(most) + ", or " : "") +
                    "leave the labels of rare classes empty");
}

}  // namespace

torch::Tensor draw_labelled(const torch::Tensor& labels, int64_t budget,
                            const std::vector<std::string>& classes, Generator& generator) {
  require_at_least("data.label_budget", static_cast<double>(budget), 1);
  const auto C = static_cast<int64_t>(classes.size());
  const auto shuffled = [&](int64_t n) {
    return torch::randperm(n, generator, torch::device(generator.device()).dtype(torch::kInt64))
        .to(torch::kCPU);
  };
  const auto here = labels.to(torch::kCPU);
  const auto members_of = torch::bincount(here.index_select(0, labelled_rows(here)), {}, C);  // [C]
  const auto order = shuffled(C);  // Who gets one of the points that do not divide evenly.
  std::vector<torch::Tensor> drawn;
  for (int64_t i = 0; i < C; ++i) {
    const auto label = order[i].item<int64_t>();
    const int64_t share = budget / C + (i < budget % C ? 1 : 0);
    const auto members = here.eq(label).nonzero().squeeze(1);  // [n of this class]
    if (members.size(0) < share) refuse_budget(budget, share, label, members_of, classes);
    drawn.push_back(members.index_select(0, shuffled(members.size(0)).slice(0, 0, share)));
  }
  return std::get<0>(torch::cat(drawn).sort()).to(labels.device());
}

}  // namespace clade
