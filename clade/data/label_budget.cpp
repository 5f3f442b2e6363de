#include "clade/data/label_budget.h"

#include <torch/torch.h>

#include <string>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/range.h"
#include "clade/core/words.h"
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
  at_least(1).check("data.label_budget", static_cast<double>(budget));
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

torch::Tensor spread_over_labels(const torch::Tensor& labels) {
  const auto here = labels.to(torch::kCPU).contiguous();
  const auto members_of = torch::bincount(here + 1);  // [C + 1], unknown ones first
  std::vector<int64_t> before(static_cast<size_t>(members_of.numel()), 0);
  auto place = torch::empty(here.sizes(), torch::kFloat64);  // among those of the same label
  for (int64_t i = 0; i < here.numel(); ++i) {
    const int64_t label = here.data_ptr<int64_t>()[i];
    const auto members = members_of.data_ptr<int64_t>()[label + 1];
    const int64_t rank = before[static_cast<size_t>(label + 1)]++;
    const bool first = label != kUnknownLabel && rank == 0;
    place.data_ptr<double>()[i] =
        first ? 0 : (static_cast<double>(rank) + 0.5) / static_cast<double>(members);
  }
  return std::get<1>(place.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false));
}

std::string said_of_held_back(const torch::Tensor& learned, const torch::Tensor& all,
                              const std::vector<std::string>& classes) {
  const auto count = [&](const torch::Tensor& labels) {  // [n] -> [C]
    return torch::bincount(labels.index_select(0, labelled_rows(labels)), {},
                           static_cast<int64_t>(classes.size()));
  };
  const auto of_class = count(learned), known = count(all);
  constexpr size_t kNamed = 12;
  std::string each;
  std::vector<std::string> unmeasured, untold;
  for (size_t c = 0; c < classes.size(); ++c) {
    const auto n = of_class[static_cast<int64_t>(c)].item<int64_t>();
    each += (each.empty() ? "" : ", ") + classes[c] + " " + std::to_string(n);
    if (n == 0) untold.push_back(classes[c]);
    if (n < known[static_cast<int64_t>(c)].item<int64_t>()) continue;
    unmeasured.push_back(classes[c]);
  }
  if (classes.size() > kNamed) {
    each = std::to_string(of_class.min().item<int64_t>()) + " to " +
           std::to_string(of_class.max().item<int64_t>()) + " a class";
  }
  const auto total = known.sum().item<int64_t>(), used = of_class.sum().item<int64_t>();
  std::string said = "of " + std::to_string(total) + " labels " + std::to_string(used) +
                     " are learned from (" + each + "), ";
  const std::string of_none = untold.empty() ? ""
                                             : "; nothing tells the model what " + quoted(untold) +
                                                   (untold.size() == 1 ? " is" : " are") +
                                                   ": what it calls so is a cluster like any other";
  if (used == total) return said + "none could be held back to measure what is learned" + of_none;
  said += std::to_string(total - used) + " are held back to measure what is learned";
  return said + (unmeasured.empty() ? "" : ", none of " + quoted(unmeasured)) + of_none;
}

}  // namespace clade
