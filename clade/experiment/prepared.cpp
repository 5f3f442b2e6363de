#include "clade/experiment/prepared.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/data/label_budget.h"
#include "clade/data/points.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/experiment/fitted.h"

namespace clade {
namespace {

/// Of a feature under a density, as a share of its own: what an experiment gets that does not say.
constexpr double kLeastDeviation = 0.05;

/// Somebody who gives a model that learns from labels data of his own means it to learn from those
/// they have. Of a named set all are known: how many of them it may see is what is asked.
void learn_from_own_labels(const ExperimentFile& file, Experiment& experiment) {
  const bool own = experiment.data.name.empty();
  if (!own || file.gives("data", "label_budget")) return;
  if (!find_model(experiment.model_name).takes_labels) return;
  experiment.data.label_budget = kEveryLabel;
}

/// Labels of a few points are rarely there for scores alone.
void offer_to_learn_labels(const Experiment& experiment, Splits& data) {
  const torch::Tensor& labels = data.train.labels;
  const bool own = experiment.data.name.empty();
  if (!own || !labels.defined() || find_model(experiment.model_name).takes_labels) return;
  const auto known = labels.ne(kUnknownLabel).sum().item<int64_t>();
  if (known == 0 || 2 * known >= labels.size(0)) return;
  data.said += "; --model m2 would learn classes from the " + std::to_string(known) + " labels";
}

/// A model cannot learn a class of which it sees no label.
void check_label_budget(const Experiment& experiment, const Splits& data) {
  const int64_t budget = experiment.data.label_budget;
  const auto classes = static_cast<int64_t>(data.train.label_names.size());
  if (budget <= 0 || budget >= classes) return;
  throw ConfigError("data.label_budget is " + std::to_string(budget) + ", and " +
                    experiment.data_name() + " has " + std::to_string(classes) +
                    " classes, each of which needs a label; set it to " + std::to_string(classes) +
                    " or more, or to -1 for all that are known");
}

/// More than there are points say nothing, and so many that memory does not hold their networks
/// would end the process.
void check_clusters(Experiment& experiment, const Dataset& train) {
  constexpr int64_t kFew = 1000;
  const nlohmann::json settings = to_json(*experiment.model);
  for (const std::string key : {"clusters", "components"}) {
    const nlohmann::json set = settings.value(key, nlohmann::json());
    const nlohmann::json most = set.is_array() ? *std::max_element(set.begin(), set.end()) : set;
    if (!most.is_number() || most <= std::max(kFew, train.size())) continue;
    throw ConfigError("model." + key + " is " + set.dump() + ", and there are " +
                      std::to_string(train.size()) + " training points; lower it");
  }
}

/// Of points that are all the same a model learns nothing, and says it with fine figures.
void require_variety(const Dataset& train) {
  if (!train.x.eq(train.x[0]).all().item<bool>()) return;
  const std::string n = std::to_string(train.size());
  throw DataError(
      train.name + ": " +
      (n == "1" ? "there is 1 training point" : "the " + n + " training points are all the same") +
      ", so there is nothing to learn; give points that differ");
}

}  // namespace

Prepared prepare(ExperimentFile file, LeftOpen left_open) {
  const bool fits = left_open == LeftOpen::fits_the_data;
  const bool likelihood_given = file.gives("model", "likelihood");
  const bool least_deviation_given = file.gives("model", "least_deviation");
  Prepared prepared{load_experiment(file, fits ? kDefaultModel : ""), {}, ""};
  Experiment& experiment = prepared.experiment;
  Splits& data = prepared.data;

  learn_from_own_labels(file, experiment);
  data = load_new_splits(experiment, likelihood_given);
  check_label_budget(experiment, data);
  check_clusters(experiment, data.train);
  require_variety(data.train);
  offer_to_learn_labels(experiment, data);
  if (!likelihood_given) {
    experiment.model->likelihood = suggested_likelihood(data);
    data.said += "; likelihood " + experiment.model->likelihood;
  } else {
    check_likelihood(experiment.data, data, experiment.model->likelihood);
  }
  if (!least_deviation_given && is_density(experiment.model->likelihood)) {
    experiment.model->least_deviation = kLeastDeviation;
  }
  if (fits) prepared.chosen = fit_to_data(file, data, experiment);
  for (const Dataset* split : {&data.train, &data.validation, &data.test}) {
    if (split->size() == 0) continue;
    check_values(*split, experiment.model->likelihood,
                 "set data.values = \"grey\" for pixels, or model.likelihood = \"gaussian\"");
  }
  make_paths_absolute(experiment);
  static_cast<void>(experiment.toml());  // throws for what it cannot hold: before a folder is made
  return prepared;
}

Splits load_new_splits(const Experiment& experiment, bool likelihood_given) {
  return with_memory_for("read " + experiment.data_name(), [&] {
    return load_splits(experiment.data, static_cast<uint64_t>(experiment.run.seed),
                       likelihood_given ? experiment.model->likelihood : "");
  });
}

}  // namespace clade
