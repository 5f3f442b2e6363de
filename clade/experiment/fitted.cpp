#include "clade/experiment/fitted.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "clade/training/start_features.h"

namespace clade {
namespace {

/// Steps that MNIST's 50,000 images need at a batch of 100 (16 epochs), and a table no less.
constexpr int64_t kSteps = 8000;
constexpr int64_t kFewestEpochs = 10, kMostEpochs = 1000;
constexpr int64_t kMostBatch = 100, kLeastBatch = 20, kLeastSteps = 20;  // the last an epoch
constexpr int64_t kMostWidth = 500, kLeastWidth = 64, kMostLatent = 20;
constexpr double kRate = 1e-3;
constexpr int64_t kFirstChannels = 16, kLeastMap = 7;  // of convolutions; a side in pixels
constexpr double kLeastAlpha = 5;  // below it many labels would say next to nothing
constexpr double kCooldown = 0.4, kWarmup = 0.375, kStart = 0.06;  // shares of all epochs

// Of a ladder with clusters on several levels, which first learns what each level says.
constexpr int64_t kLadderSteps = 3 * kSteps;
constexpr double kLadderCooldown = 0.1, kLadderStart = 0.8, kFadeIn = 0.01;

int64_t share(double of, int64_t epochs) {
  return static_cast<int64_t>(std::floor(of * static_cast<double>(epochs)));
}

/// The setting of this name and type among a model's, or null.
template <class T>
T* setting(ModelOptions& options, const std::string& name) {
  for (Option& option : options.options()) {
    if (option.name != name) continue;
    if (auto* field = std::get_if<T*>(&option.value)) return *field;
  }
  return nullptr;
}

/// Of a ladder: `first`, half of it, and so on, but no less than `least`.
void halve(int64_t first, int64_t least, std::vector<int64_t>& sizes) {
  for (int64_t& size : sizes) {
    size = std::max(first, least);
    first /= 2;
  }
}

/// Convolutions that halve an image's sides down to kLeastMap, of twice as many channels each; none
/// of sides that cannot be halved, as no transposed convolution leads back to an odd one.
std::vector<std::string> halving_convolutions(const std::vector<int64_t>& shape) {
  std::vector<std::string> words;
  int64_t channels = kFirstChannels;
  for (int64_t h = shape[0], w = shape[1]; h % 2 == 0 && w % 2 == 0; h /= 2, w /= 2) {
    if (std::min(h, w) < 2 * kLeastMap) break;
    words.push_back(std::to_string(channels) + "c4s2p1");
    channels *= 2;
  }
  return words;
}

/// What the layers of a model start with: convolutions if neighbours are by edges, which dense
/// layers do not find in other places and light.
std::vector<std::string> convolutions_for(const Splits& data, const std::string& start_features,
                                          const ModelEntry& entry) {
  if (!entry.convolutions || !sees_edges(data, start_features)) return {};
  return halving_convolutions(data.train.shape);
}

/// classes: what the model's clusters are to be, 0 if that is not known. Of one class alone it
/// learns what is not of it, too. convolutions: what its layers start with.
void fit_model(int64_t features, size_t classes, std::vector<std::string> convolutions,
               ModelOptions& model) {
  const int64_t width = std::clamp(8 * features, kLeastWidth, kMostWidth);
  const int64_t latent =
      std::clamp<int64_t>(features / 2, std::min<int64_t>(2, features), kMostLatent);
  if (auto* trunk = setting<std::string>(model, "trunk")) *trunk = "dense";
  const std::vector<std::string> dense = {std::to_string(width), std::to_string(width)};
  for (const char* name : {"layers", "upper_layers"}) {
    if (auto* layers = setting<std::vector<std::string>>(model, name)) *layers = dense;
  }
  if (!convolutions.empty()) {
    convolutions.push_back(dense.back());
    *setting<std::vector<std::string>>(model, "layers") = std::move(convolutions);
  }
  for (const char* name : {"latent", "latent1", "latent2", "latent_w", "auxiliary"}) {
    if (auto* size = setting<int64_t>(model, name)) *size = latent;
  }
  using Sizes = std::vector<int64_t>;
  if (auto* latents = setting<Sizes>(model, "latents")) halve(latent, 1, *latents);
  if (auto* widths = setting<Sizes>(model, "widths")) halve(width, kLeastWidth, *widths);
  auto* clusters = setting<int64_t>(model, "clusters");
  if (clusters != nullptr && classes > 0)
    *clusters = std::max<int64_t>(2, static_cast<int64_t>(classes));
}

/// Whether fit_model() chooses the setting of this name.
bool is_size(const std::string& name) {
  static const std::vector<std::string> others = {"layers", "upper_layers", "widths", "auxiliary"};
  return name.rfind("latent", 0) == 0 ||
         std::find(others.begin(), others.end(), name) != others.end();
}

/// How many clusters it divides points into, on the level that has most; 1 for none.
int64_t clusters_of(ModelOptions& model) {
  if (const auto* levels = setting<std::vector<int64_t>>(model, "clusters")) {
    return *std::max_element(levels->begin(), levels->end());
  }
  if (const auto* clusters = setting<int64_t>(model, "clusters")) return *clusters;
  const auto* prior = setting<std::string>(model, "prior");
  if (prior == nullptr || *prior == "standard_normal") return 1;
  return *setting<int64_t>(model, "components");
}

/// Whether it has clusters on several levels.
bool is_ladder_of_clusters(ModelOptions& model) {
  const auto* levels = setting<std::vector<int64_t>>(model, "clusters");
  return levels != nullptr &&
         std::count_if(levels->begin(), levels->end(), [](int64_t K) { return K > 1; }) > 1;
}

void fit_length(int64_t points, bool ladder, TrainOptions& train) {
  const int64_t steps = ladder ? kLadderSteps : kSteps;
  train.batch = std::clamp(points / kLeastSteps, kLeastBatch, kMostBatch);
  train.epochs = std::clamp(steps * train.batch / points, kFewestEpochs, kMostEpochs);
  train.learning_rate = kRate;
}

/// What follows from the epochs there are, for a ladder of clusters; see docs/models/vlac.md.
void fit_stages_of_ladder(ModelOptions& model, TrainOptions& train) {
  train.start = "autoencoder+neighbours";
  train.start_epochs = share(kLadderStart, train.epochs);
  train.start_beta = 1;
  train.warmup = 0;
  train.cooldown = share(kLadderCooldown, train.epochs);
  train.early_stopping_patience = 0;
  *setting<int64_t>(model, "fade_in") = std::max<int64_t>(1, share(kFadeIn, train.epochs));
}

/// What follows from the epochs there are.
void fit_stages(bool can_start, TrainOptions& train) {
  train.warmup = share(kWarmup, train.epochs);
  train.cooldown = share(kCooldown, train.epochs);
  train.early_stopping_patience = std::max<int64_t>(train.epochs / 4, 10);
  train.start_epochs = std::max<int64_t>(1, share(kStart, train.epochs));
  if (can_start && train.start_epochs + train.cooldown < train.epochs) train.start = "neighbours";
}

std::string said_of(const Splits& data, ModelOptions& model, const TrainOptions& train,
                    int64_t clusters) {
  std::ostringstream said;
  said << "chosen for " << data.train.size() << " points of " << data.train.features()
       << " values, but for what is set:";
  for (const Option& option : model.options()) {
    const bool learned = option.name == "clusters" && data.labelled.size() > 0;
    if (is_size(option.name) || learned)
      said << " " << option.name << " " << spelled(option) << ",";
  }
  said << " " << train.epochs << " epochs, batches of " << train.batch << ", rate "
       << train.learning_rate << ", warm-up " << train.warmup << ", cooldown " << train.cooldown
       << ", start " << train.start;
  if (clusters > data.train.size()) said << ", as there are fewer points than clusters";
  if (train.hold > 0) said << " held by " << train.hold;
  const auto* fade_in = setting<int64_t>(model, "fade_in");
  if (fade_in != nullptr && *fade_in > 0) said << ", fade-in " << *fade_in;
  if (train.label_weight != TrainOptions().label_weight) {
    said << ", labels weighed by " << train.alpha(data.train.size(), data.labelled.size());
  }
  return said.str();
}

}  // namespace

double fitted_label_weight(const Splits& data) {
  const auto points = static_cast<double>(data.train.size());
  const auto labelled = static_cast<double>(data.labelled.size());
  return std::max(TrainOptions().label_weight, kLeastAlpha * labelled / points);
}

std::string fit_to_data(ExperimentFile file, const Splits& data, Experiment& experiment) {
  ModelOptions& model = *experiment.model;
  TrainOptions& train = experiment.train;
  const int64_t points = data.train.size();
  const ModelEntry& entry = find_model(experiment.model_name);
  const bool learns = entry.takes_labels && data.labelled.size() > 0;
  fit_model(data.train.features(), learns ? data.labelled.label_names.size() : 0,
            convolutions_for(data, train.start_features, entry), model);
  file.read("model", model);
  model.validate("model");
  const bool ladder = is_ladder_of_clusters(model);
  fit_length(points, ladder, train);
  if (learns) train.label_weight = fitted_label_weight(data);
  file.read("train", train);
  const int64_t K = clusters_of(model);
  if (ladder && K <= points && share(kLadderStart, train.epochs) >= 2) {
    fit_stages_of_ladder(model, train);
    file.read("model", model);
  } else {
    fit_stages(K > 1 && K <= points, train);
  }
  file.read("train", train);
  if (train.has_start() && train.objective == "elbo") train.hold = entry.hold;
  if (train.start.rfind("autoencoder", 0) == 0)
    train.start_epochs = std::max<int64_t>(2, train.start_epochs);
  file.read("train", train);
  train.validate("train");
  train.validate_stages();
  return said_of(data, model, train, K);
}

}  // namespace clade
