#include "clade/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "clade/core/error.h"
#include "clade/core/joined.h"
#include "clade/ops/precision.h"

namespace clade {

std::string Stage::name() const {
  switch (kind) {
    case StageKind::start:
      return "start";
    case StageKind::run:
      return "run";
    case StageKind::cooldown:
      return "cooldown";
  }
  throw std::logic_error("a stage without a name");
}

const std::vector<std::string>& starts() {
  static const std::vector<std::string> words = {"none", "neighbours", "autoencoder",
                                                 "autoencoder+neighbours", "file"};
  return words;
}

std::vector<Option> TrainOptions::options() {
  return joined({of_steps(), of_clusters(), of_objective(), of_machine()});
}

std::vector<Option> TrainOptions::of_steps() {
  return {
      {"epochs", &epochs, at_least(1),
       "epochs at most, start and cooldown included; early stopping may end training sooner"},
      {"batch", &batch, at_least(1), "data points a step"},
      {"optimiser", &optimiser, any_of({"adam", "adam_norm_grad"}),
       "adam; or adam_norm_grad, Adam on gradients divided by the norm of their own parameter's, "
       "as the VampPrior and CP-VAE code does"},
      {"learning_rate", &learning_rate, above(0), "of the optimiser"},
      {"learning_rate_decay", &learning_rate_decay, above(0),
       "factor on the learning rate every decay_every epochs; 1 for none"},
      {"decay_every", &decay_every, at_least(1), "epochs between two learning-rate decays"},
      {"cooldown", &cooldown, at_least(0),
       "epochs at the end, or after early stopping, over which the learning rate falls linearly "
       "towards zero; 0 for none"},
      {"warmup", &warmup, at_least(0),
       "epochs over which the weight of the KL terms rises linearly to 1; 0 for none"},
      {"early_stopping_patience", &early_stopping_patience, at_least(0),
       "stop after this many epochs past the warm-up without a better validation bound; 0 for "
       "never",
       "look_ahead"},
      {"validation_points", &validation_points, at_least(0),
       "validation points each epoch is judged by, drawn once and the same for every seed; 0 for "
       "all. With many clusters their exact sums cost more than an epoch of sum_and_sample"},
      {"clip_norm", &clip_norm, at_least(0),
       "largest norm of the whole gradient; 0 for no clipping"}};
}

std::vector<Option> TrainOptions::of_clusters() {
  return {
      {"start", &start, any_of(starts()),
       "where clusters come from, without labels, before the bound has its weight: neighbours, a "
       "mixture on a layout of the graph of nearest neighbours, or on the features, or k-means, if "
       "those fit better; autoencoder, a mixture on the latents of a model trained to reconstruct; "
       "autoencoder+neighbours, the layout of those latents; file (clade train --start FILE); or "
       "none, as the papers have it"},
      {"start_file", &start_file,
       "of start = \"file\": codes [N, d], responsibilities [N, K] or labels [N] of the data's "
       "points in their order, .npy or .csv"},
      {"start_features", &start_features, any_of({"auto", "edges", "values"}),
       "what points are neighbours in, of start = \"neighbours\": values; edges, of images of 16 "
       "pixels a side or more, which way edges run in each part of them, whatever their light and "
       "colours (histograms of oriented gradients); or auto, edges if images differ by their light "
       "above all, as photographs do"},
      {"start_epochs", &start_epochs, at_least(1),
       "epochs in which the networks reconstruct and learn the clusters, the divergences weighing "
       "start_beta; with an autoencoder the first half of them comes before the clusters"},
      {"start_beta", &start_beta, between(0, 1),
       "weight of the divergences in those epochs, from which the warm-up goes on. Above 0 the "
       "latents of an autoencoder share out what they know, as levels that are to have clusters of "
       "their own must"},
      {"restarts", &restarts, at_least(1),
       "trainings that are begun, each from a seed of its own, and go as far as the end of the "
       "warm-up; the one with the best validation bound goes on, no label is asked"},
      {"hold", &hold, at_least(0),
       "weight of agreement with the start's clusters for the rest of training, -sum_y r(y|x) log "
       "q(y|x): the bound alone pulls a good clustering apart. 0 lets go of it"},
      {"soft_hold", &soft_hold, at_least(0),
       "that weight during the cooldown, in which the expectation over clusters is the model's own "
       "and no longer the start's: wins back what holding costs the bound. 0 for hold to the end"}};
}

std::vector<Option> TrainOptions::of_objective() {
  return {
      {"objective", &objective, any_of({"elbo", "iwae"}),
       "what is trained on: elbo; or iwae, the tighter importance-weighted bound of `samples` "
       "draws (Burda et al. 2016), in each cluster and expected over clusters. Epochs are chosen "
       "by the same kind of bound of the validation points"},
      {"samples", &samples, at_least(1),
       "draws of the latents for each data point of a step, whose cost grows with them: elbo takes "
       "their mean, iwae the logarithm of their mean weight"},
      {"gradient", &gradient, any_of({"standard", "doubly_reparameterised"}),
       "of iwae: standard; or doubly_reparameterised, which has less variance for q, and still "
       "less with more samples (Tucker et al. 2019); refused if p and q share parameters (lvae, "
       "vampprior) and for relaxed clusters"},
      {"label_weight", &label_weight, at_least(0),
       "of models that learn from labels: what the losses on labels weigh, see label_scale"},
      {"label_scale", &label_scale, any_of({"mean", "sum"}),
       "mean: the mean loss on a step's labels weighs label_weight times N / N_l, for N training "
       "points of which N_l have labels, as in the code of ADGM (Maaloe et al. 2016); sum: it "
       "weighs label_weight, which is CaGeM's objective to the letter, and with 100 labels of "
       "MNIST 500 times less"},
      {"labelled_batch", &labelled_batch, at_least(0),
       "labelled points a step, drawn anew each time; 0 for all of them, but `batch` at most"}};
}

std::vector<Option> TrainOptions::of_machine() {
  return {
      {"checkpoint_every", &checkpoint_every, at_least(1), "epochs between two checkpoints"},
      {"cuda_graph", &cuda_graph,
       "on a CUDA device: capture the step once and replay it, which saves the launches; no effect "
       "elsewhere"},
      {"precision", &precision, any_of(precisions()),
       "of matrix products in training steps: fp32; bf16, about twice as fast where the machine "
       "has it; tf32, on CUDA devices; weights, sums and validation stay in float32"}};
}

void TrainOptions::validate_together() const {
  if (clip_norm > 0 && optimiser != "adam") {
    throw ConfigError("train.clip_norm does nothing to the gradients of " + optimiser +
                      ", whose norms are 1; set one of the two");
  }
  if (gradient != "standard" && objective != "iwae") {
    throw ConfigError("train.gradient is \"" + gradient +
                      "\", which only train.objective = \"iwae\" has; set one of the two");
  }
}

void TrainOptions::validate_stages() const {
  if (soft_hold > 0 && (hold == 0 || cooldown == 0)) {
    throw ConfigError(
        "train.soft_hold takes the place of train.hold during the cooldown; set both "
        "train.hold and train.cooldown, or train.soft_hold to 0");
  }
  if (restarts > 1 && restarts_end() + cooldown >= epochs) {
    throw ConfigError("train.restarts go to the end of the warm-up, " +
                      std::to_string(restarts_end()) + " epochs, and train.epochs = " +
                      std::to_string(epochs) + " leave none to go on; raise those");
  }
  if ((start == "file") != !start_file.empty()) {
    throw ConfigError(start == "file"
                          ? "train.start is \"file\"; set train.start_file to it (--start FILE)"
                          : "train.start_file does nothing when train.start is \"" + start +
                                "\"; set train.start to \"file\"");
  }
  if (!has_start()) {
    if (hold == 0) return;
    throw ConfigError("train.hold has nothing to hold on to: train.start is \"none\"");
  }
  if (clusters_found_at() == start_ends()) {
    throw ConfigError("train.start_epochs is " + std::to_string(start_epochs) + "; \"" + start +
                      "\" needs 2 at least, half of them before the clusters");
  }
  if (start_ends() + cooldown >= epochs) {
    throw ConfigError(
        "train.start_epochs and train.cooldown leave no epoch of the train.epochs = " +
        std::to_string(epochs) + "; raise those");
  }
  if (hold > 0 && objective == "iwae") {
    throw ConfigError(
        "train.hold is for train.objective = \"elbo\"; set it to 0, or the objective to \"elbo\"");
  }
}

double TrainOptions::beta(int64_t epoch) const {
  const double first = has_start() ? start_beta : 0;
  if (epoch < start_ends()) return first;
  const int64_t since_start = epoch - start_ends();
  if (since_start + 1 >= warmup) return 1;
  const double share = static_cast<double>(since_start + 1) / static_cast<double>(warmup);
  return first + (1 - first) * share;
}

double TrainOptions::hold_at(int64_t epoch, std::optional<int64_t> stalled_at) const {
  if (epoch < clusters_found_at()) return 0;
  if (holds_softly(epoch, stalled_at)) return soft_hold;
  return epoch < start_ends() ? std::max(hold, 1.0) : hold;
}

bool TrainOptions::holds_softly(int64_t epoch, std::optional<int64_t> stalled_at) const {
  return soft_hold > 0 && stage_of(epoch, stalled_at).kind == StageKind::cooldown;
}

double TrainOptions::alpha(int64_t points, int64_t labelled) const {
  if (labelled == 0 || label_scale == "sum") return label_weight;
  return label_weight * static_cast<double>(points) / static_cast<double>(labelled);
}

int64_t TrainOptions::restarts_end() const {
  return restarts > 1 ? start_ends() + std::max<int64_t>(warmup, 1) : 0;
}

int64_t TrainOptions::clusters_found_at() const {
  return start.rfind("autoencoder", 0) == 0 ? (start_epochs + 1) / 2 : 0;
}

TrainOptions TrainOptions::once_found(bool used) const {
  TrainOptions options = *this;
  if (!used && clusters_found_at() == 0) options.start = "none";
  return options;
}

double TrainOptions::learning_rate_at(int64_t epoch, std::optional<int64_t> stalled_at) const {
  const double rate =
      learning_rate * std::pow(learning_rate_decay, static_cast<double>(epoch / decay_every));
  const Stage stage = stage_of(epoch, stalled_at);
  if (stage.kind != StageKind::cooldown) return rate;
  return rate * (static_cast<double>(stage.end - epoch) / static_cast<double>(stage.epochs() + 1));
}

std::vector<Stage> TrainOptions::stages(std::optional<int64_t> stalled_at) const {
  const int64_t end = epochs_in_all(stalled_at);
  const int64_t cooldown_begins = std::max<int64_t>(end - cooldown, 0);
  std::vector<Stage> all;
  if (has_start()) all.push_back({StageKind::start, 0, start_ends()});
  all.push_back({StageKind::run, start_ends(), cooldown_begins});
  if (cooldown > 0) all.push_back({StageKind::cooldown, cooldown_begins, end});
  return all;
}

Stage TrainOptions::stage_of(int64_t epoch, std::optional<int64_t> stalled_at) const {
  const std::vector<Stage> all = stages(stalled_at);
  for (const Stage& stage : all) {
    if (epoch < stage.end) return stage;
  }
  return all.back();
}

int64_t TrainOptions::epochs_in_all(std::optional<int64_t> stalled_at) const {
  return stalled_at ? std::min(epochs, *stalled_at + cooldown) : epochs;
}

bool TrainOptions::has_stalled(int64_t done, int64_t best_epoch) const {
  return early_stopping_patience > 0 && done < epochs - cooldown &&
         done - std::max({best_epoch, start_ends() + warmup, restarts_end()}) >=
             early_stopping_patience;
}

std::optional<int64_t> TrainOptions::stalled_at(const Standing& standing) const {
  const bool cooldown_begun =
      standing.stalled_at && (*standing.stalled_at < standing.epoch || standing.position > 0);
  if (cooldown_begun) return standing.stalled_at;
  if (!has_stalled(standing.epoch, standing.best_epoch)) return std::nullopt;
  return standing.epoch;
}

}  // namespace clade
