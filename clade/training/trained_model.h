#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "clade/data/dataset.h"
#include "clade/models/registry.h"

namespace clade {

/// A model with all that is needed to use it again: its settings, the shape of a data point, how
/// raw values become what it reads, and the names of the labels it was shown.
///
/// On disk it is `model.safetensors`: weights under the names of `Model::named_parameters()` and
/// buffers, `data.shift` and `data.scale` (and, in double precision, `data.shift.float64` and
/// `data.scale.float64`), `data.constant`, `data.whole`, `data.range` and `data.fill`, and
/// everything else as JSON in the file's metadata. `model.json` beside it repeats that JSON for
/// people and other programs.
struct TrainedModel {
  std::string name;  ///< In the registry.
  std::shared_ptr<ModelOptions> options;
  std::shared_ptr<Model> model;
  Preprocessing preprocessing;
  std::vector<int64_t> shape;  ///< Of one data point.
  std::vector<std::string> label_names;
  nlohmann::json provenance;  ///< Data, seed, epoch, bound: what a reader wants to know.

  /// Whether it learned classes from labels: its clusters then have the numbers of label_names.
  bool learned_labels() const { return provenance.contains("labels"); }
  int64_t learned_classes() const {
    return learned_labels() ? static_cast<int64_t>(label_names.size()) : 0;
  }

  /// What each cluster of the first discrete latent is called, [K], if the model learned from
  /// labels what they are: "setosa", or "cluster 3" if no label is of it. Else none.
  std::vector<std::string> classes() const;

  /// log p(data in their own units) = log p(what the model reads) − this. None if log p(x) is of a
  /// probability, which has no unit, and in runs of 0.1.0, whose figures are of what the model
  /// reads.
  std::optional<double> log_volume() const;
};

/// A fresh model; weights follow from `seed` alone.
TrainedModel make_model(const std::string& name, std::shared_ptr<ModelOptions> options,
                        const Splits& data, uint64_t seed, const torch::Device& device);

/// Writes RUN/model.safetensors and RUN/model.json.
void save_model(const TrainedModel& trained, const std::filesystem::path& run);

/// Throws Error naming the file when it is missing, damaged, of a later format or of a model this
/// build does not know; when its parts do not fit together; and when a value in it is not finite.
TrainedModel load_model(const std::filesystem::path& run, const torch::Device& device);

/// That the model is guided by a clustering and by which, a sentence without its full stop; "" for
/// one trained on its bound alone.
std::string said_of_guidance(const TrainedModel& trained);

/// Every parameter and buffer by name, as views.
std::map<std::string, torch::Tensor> state_of(Model& model);

/// Throws Error, naming `file` and the tensor, unless `tensors` hold what state_of(model) does.
void require_state(Model& model, const std::map<std::string, torch::Tensor>& tensors,
                   const std::string& file);

/// Throws Error, naming `file` and the tensor, for a value that is NaN or infinite.
void require_finite(const std::map<std::string, torch::Tensor>& tensors, const std::string& file);

/// Copies `tensors` into the model; throws as require_state().
void load_state(Model& model, const std::map<std::string, torch::Tensor>& tensors,
                const std::string& file);

}  // namespace clade
