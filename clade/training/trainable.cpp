#include "clade/training/trainable.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/data/points.h"
#include "clade/models/evaluation_mode.h"
#include "clade/training/objective.h"

namespace clade {
namespace {

using nlohmann::json;

/// Refuses draws whose values alone, of the generative networks' layers in one step, are more than
/// there is memory for.
void check_memory(const Model& model, const Splits& data, const TrainOptions& options) {
  if (!data.train.x.device().is_cpu()) return;
  int64_t width = data.train.features();
  for (const auto& item : model.named_parameters()) {
    const bool is_layer = item.key().rfind("p_", 0) == 0 && item.value().dim() == 2;
    if (is_layer) width += item.value().size(0);
  }
  const double rows = static_cast<double>(options.samples) *
                      static_cast<double>(std::min(options.batch, data.train.size()));
  const double bytes = rows * static_cast<double>(width) * sizeof(float);
  require_memory(bytes,
                 "a step of train.samples = " + std::to_string(options.samples) +
                     " at train.batch = " + std::to_string(options.batch),
                 "lower one of them");
}

void check_start(const TrainedModel& trained, const Splits& data, const TrainOptions& options) {
  if (!options.has_start()) return;
  const int64_t K = trained.model->clusters();
  const std::string start = "train.start is \"" + options.start + "\", ";
  if (K < 2) {
    throw ConfigError(start + "but " + trained.name +
                      " has no clusters to start; set it to \"none\"");
  }
  if (K > data.train.size()) {
    throw ConfigError(start + "and there are " + std::to_string(data.train.size()) +
                      " training points for " + std::to_string(K) +
                      " clusters; lower their number");
  }
}

/// Refuses what only losses on labels have.
void check_label_settings(const TrainedModel& trained, TrainOptions options) {
  TrainOptions defaults;
  const json values = to_json(options), usual = to_json(defaults);
  for (const char* name : {"label_weight", "label_scale", "labelled_batch"}) {
    if (values.at(name) == usual.at(name)) continue;
    throw ConfigError("train." + std::string(name) + " is " + values.at(name).dump() + ", but " +
                      trained.name + " does not learn from labels; leave it out");
  }
}

/// Refuses more classes than clusters.
void check_classes(const TrainedModel& trained, const Dataset& labelled) {
  if (labelled.size() == 0) return;
  const int64_t K = trained.model->discrete().front().clusters;
  const auto classes = labelled.labels.max().item<int64_t>() + 1;
  if (classes <= K) return;
  const std::string marks = said_of_marks(labelled.label_names);
  throw ConfigError("the labels know " + std::to_string(classes) + " classes and " + trained.name +
                    " has " + std::to_string(K) + " clusters, and each class needs one; " +
                    (marks.empty() ? "" : marks + ", or ") + "set model.clusters to " +
                    std::to_string(classes) + " or more");
}

void check_objective(const TrainedModel& trained, const torch::Tensor& x,
                     const TrainOptions& options) {
  if (options.objective == "elbo") return;
  Model& model = *trained.model;
  const EvaluationMode evaluation(model);
  auto generator = make_generator(0, x.device());
  const bool infers_clusters = model.infers_clusters() && model.clusters() > 1;
  if (infers_clusters && model.samples_clusters() && !model.clusters_follow_from_latents()) {
    throw ConfigError(
        "train.objective is \"iwae\", inside whose logarithm model.estimator = "
        "\"sum_and_sample\" is biased; set that to \"exact\" or \"gumbel\", or train.objective to "
        "\"elbo\"");
  }
  // Refuses floors.
  importance_weighted_cost(model.bound(x.slice(0, 0, 1), generator, /*samples=*/1), {});
  if (options.gradient == "standard") return;
  const bool shared = model.shares_parameters();
  if (!infers_clusters && !shared) return;
  throw ConfigError("train.gradient is \"doubly_reparameterised\", " +
                    (shared ? "which has more variance, not less, for " + trained.name +
                                  ": p and q share parameters"
                            : "which " + trained.name +
                                  " cannot have: it is for Gaussians alone, and q infers "
                                  "clusters with them") +
                    "; set it to \"standard\"");
}

}  // namespace

void require_trainable(const TrainedModel& trained, const Splits& data,
                       const TrainOptions& options) {
  const Model& model = *trained.model;
  check_objective(trained, data.train.x, options);
  if (model.takes_labels()) {
    check_classes(trained, data.labelled);
  } else {
    check_label_settings(trained, options);
  }
  check_memory(model, data, options);
  check_start(trained, data, options);
  if (const int64_t whole = model.whole_after(); whole > options.epochs) {
    throw ConfigError("the levels of " + trained.name + " take " + std::to_string(whole) +
                      " epochs to come in, and train.epochs is " + std::to_string(options.epochs) +
                      "; raise it or lower model.fade_in");
  }
  if (options.restarts > 1 && options.restarts_end() < model.whole_after()) {
    throw ConfigError("restarts are compared after " + std::to_string(options.restarts_end()) +
                      " epochs (train.start_epochs and train.warmup), when levels of " +
                      trained.name +
                      " are still to come in; lower model.fade_in, or set "
                      "train.restarts to 1");
  }
}

}  // namespace clade
