#include "clade/training/trained_model.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/core/memory.h"
#include "clade/core/run_files.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/training/provenance.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kShift = "data.shift";
constexpr const char* kScale = "data.scale";
constexpr const char* kConstant = "data.constant";
constexpr const char* kWhole = "data.whole";
constexpr const char* kRange = "data.range";
constexpr const char* kFill = "data.fill";
const std::string kWide = ".float64";  // beside them, for digits that float32 does not hold
constexpr int64_t kFormat = 1;
constexpr size_t kMostDimensions = 64;  // NumPy has as many

std::string sizes(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

json table_json(const TableReading& table) {
  json words = json::array();
  for (const WordFeatures& features : table.encoded) {
    words.push_back(
        {{"column", features.column}, {"first", features.first}, {"words", features.words}});
  }
  return {{"id", table.id},
          {"drop", table.drop},
          {"missing", table.missing},
          {"words", words},
          {"labels", table.labels}};
}

TableReading table_in(const json& description) {
  TableReading table;
  table.id = description.at("id").get<std::string>();
  table.drop = description.at("drop").get<std::vector<std::string>>();
  table.missing = description.at("missing").get<std::string>();
  table.labels = description.value("labels", "");  // of which older files say nothing
  for (const json& features : description.at("words")) {
    table.encoded.push_back({features.at("column").get<std::string>(),
                             features.at("first").get<int64_t>(),
                             features.at("words").get<std::vector<std::string>>()});
  }
  return table;
}

void save(const std::string& name, const torch::Tensor& values, TensorFile& file) {  // [D]
  file.tensors[name] = values.to(torch::kFloat32);
  if (values.scalar_type() == torch::kFloat64) file.tensors[name + kWide] = values;
}

torch::Tensor saved(const std::string& name, const TensorFile& file) {
  for (const std::string& each : {name + kWide, name}) {
    const auto found = file.tensors.find(each);
    if (found != file.tensors.end()) return found->second;  // [D]
  }
  throw Error("it has no tensor " + name);
}

Preprocessing preprocessing_in(const TensorFile& file, const json& description) {
  Preprocessing how;
  how.binarise = description.at("binarise");
  // Of what follows older files say nothing.
  how.counts = description.value("counts", false);
  how.images.resize = description.value("resize", how.images.resize);
  how.images.greyscale = description.value("greyscale", how.images.greyscale);
  how.images.bits = description.value("bits", int64_t{8});
  how.columns = description.value("columns", how.columns);
  if (description.contains("log_volume")) how.log_volume = description.at("log_volume");
  for (const auto& [name, tensor] : {std::pair{kConstant, &how.constant},
                                     {kWhole, &how.whole},
                                     {kRange, &how.range},
                                     {kFill, &how.fill}}) {
    if (file.tensors.count(name)) *tensor = file.tensors.at(name);
  }
  if (description.contains("table")) how.table = table_in(description.at("table"));
  how.shift = saved(kShift, file);
  how.scale = saved(kScale, file);
  return how;
}

void save(const Preprocessing& how, TensorFile& file) {
  save(kShift, how.shift, file);
  save(kScale, how.scale, file);
  if (how.constant.defined()) file.tensors[kConstant] = how.constant;
  if (how.whole.defined()) file.tensors[kWhole] = how.whole;
  if (how.range.defined()) file.tensors[kRange] = how.range;
  if (how.fill.defined()) file.tensors[kFill] = how.fill;
}

/// The model as `trained` describes it, with fresh weights.
std::shared_ptr<Model> build(const TrainedModel& trained, Generator& generator) {
  const ModelEntry& entry = find_model(trained.name);
  auto model = entry.make(*trained.options, data_parent(trained.shape), generator);
  model->limit_likelihood(trained.preprocessing.constant_as_read(),
                          trained.options->least_deviation);
  return model;
}

/// Whether `values` are one a feature, [D] of `type`, or none.
bool one_each(const torch::Tensor& values, int64_t D, torch::ScalarType type) {
  return !values.defined() ||
         (values.dim() == 1 && values.size(0) == D && values.scalar_type() == type);
}

/// Whether `range` is [2, D], or none.
bool is_range(const torch::Tensor& range, int64_t D) {
  return !range.defined() ||
         (range.sizes() == torch::IntArrayRef({2, D}) && one_each(range[0], D, torch::kFloat64));
}

/// Whether raw data of this shape can be brought to what the model reads.
void require_fitting(const Preprocessing& how, const std::vector<int64_t>& shape) {
  const int64_t D = how.shift.numel();
  int64_t features = 1;
  for (const int64_t size : shape) {
    const bool fits = size >= 1 && size <= D / features;
    features = fits ? features * size : D + 1;
    if (!fits) break;
  }
  if (shape.empty() || shape.size() > kMostDimensions || features != D || how.shift.dim() != 1 ||
      how.scale.sizes() != how.shift.sizes() || !one_each(how.constant, D, torch::kFloat64) ||
      !one_each(how.whole, D, torch::kBool) || !one_each(how.fill, D, torch::kFloat64) ||
      !is_range(how.range, D)) {
    throw Error("the shape of its points and what it says of raw data do not fit together");
  }
  if (!how.scale.gt(0).all().item<bool>()) throw Error("data.scale is not above 0 everywhere");
  if (!how.columns.empty() && static_cast<int64_t>(how.columns.size()) != D) {
    throw Error("it names " + std::to_string(how.columns.size()) + " columns of " +
                std::to_string(D));
  }
}

/// Throws Error for widths and numbers of clusters that the weights in `file` cannot be of: making
/// such a model would take memory without bound.
void require_believable(const json& options, const TensorFile& file) {
  int64_t values = 10000;  // so that a small model may have small numbers that it does not use
  for (const auto& [name, tensor] : file.tensors) values = std::max(values, tensor.numel());
  const auto require = [&](const std::string& name, const json& option) {
    if (!option.is_number_integer() || option.get<int64_t>() <= values) return;
    throw Error("model." + name + " is " + option.dump() + ", more than its tensors have values");
  };
  for (const auto& [name, option] : options.items()) {
    require(name, option);
    if (!option.is_array()) continue;
    for (const json& item : option) require(name, item);
  }
}

json description_in(const std::string& metadata) {
  return parse_json(metadata, "its description", "train anew");
}

/// All tensors but what of shift and scale has lost its digits, or is beyond float32, and the
/// constants, which are NaN for features that vary.
std::map<std::string, torch::Tensor> values_in_use(const TensorFile& file) {
  auto tensors = file.tensors;
  tensors.erase(kConstant);
  for (const std::string name : {kShift, kScale}) {
    if (tensors.count(name + kWide) > 0) tensors.erase(name);
  }
  return tensors;
}

/// What `take` makes of the description in a model's file, which every error names.
template <typename Take>
auto describing(const std::filesystem::path& path, const Take& take) {
  try {
    return with_memory_for("make its model", take);
  } catch (const json::exception&) {
    throw Error(path.string() +
                " was not written by clade: its description of the model is missing or of other "
                "types; train anew");
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  } catch (const c10::Error& error) {
    throw Error(path.string() +
                " describes a model that cannot be made: " + error.what_without_backtrace());
  }
}

/// Everything but the weights.
TrainedModel described(const json& description, const TensorFile& file) {
  if (description.value("format", kFormat) > kFormat) {
    throw Error("it is of format " + description.at("format").dump() +
                ", which a later clade writes; use that one");
  }
  TrainedModel trained;
  trained.name = description.at("model");
  trained.options = options_of_run(trained.name);
  from_json(description.at("options"), *trained.options);
  trained.options->validate("model");
  require_believable(to_json(*trained.options), file);
  trained.shape = description.at("shape").get<std::vector<int64_t>>();
  trained.label_names = description.at("label_names").get<std::vector<std::string>>();
  trained.provenance = checked_provenance(description.at("provenance"));
  trained.preprocessing = preprocessing_in(file, description);
  require_fitting(trained.preprocessing, trained.shape);
  return trained;
}

}  // namespace

std::optional<double> TrainedModel::log_volume() const {
  if (!is_density(options->likelihood)) return std::nullopt;
  return preprocessing.log_volume;
}

std::vector<std::string> TrainedModel::classes() const {
  if (!learned_labels()) return {};
  const auto K = static_cast<size_t>(model->discrete().front().clusters);
  std::vector<std::string> classes = label_names;
  classes.resize(std::min(K, classes.size()));
  while (classes.size() < K) {
    std::string own = "cluster " + std::to_string(classes.size());
    while (std::find(classes.begin(), classes.end(), own) != classes.end()) {
      own = "unnamed " + own;  // a class is called like this cluster
    }
    classes.push_back(own);
  }
  return classes;
}

TrainedModel make_model(const std::string& name, std::shared_ptr<ModelOptions> options,
                        const Splits& data, uint64_t seed, const torch::Device& device) {
  Generator generator = make_generator(derive_seed(seed, "weights"));
  TrainedModel trained;
  trained.name = name;
  trained.options = std::move(options);
  trained.preprocessing = data.preprocessing;
  trained.shape = data.train.shape;
  trained.label_names = data.train.label_names;
  trained.model = build(trained, generator);
  trained.model->to(device);
  return trained;
}

std::string said_of_guidance(const TrainedModel& trained) {
  const json start = trained.provenance.value("start", json::object());
  if (start.empty() || !start.value("used", true)) return "";
  const auto hold = start.value("hold", 0.0);
  std::ostringstream said;
  said << "guided by a clustering: " << start.value("said", "clusters started");
  if (hold > 0) {
    said << ", held to the end by " << hold;
    if (const auto soft = start.value("soft_hold", 0.0); soft > 0) {
      said << ", in the cooldown by " << soft;
    }
  } else {
    said << ", then let go of";
  }
  return said.str();
}

std::map<std::string, torch::Tensor> state_of(Model& model) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& item : model.named_parameters()) state[item.key()] = item.value().detach();
  for (const auto& item : model.named_buffers()) state[item.key()] = item.value();
  return state;
}

void require_state(Model& model, const std::map<std::string, torch::Tensor>& tensors,
                   const std::string& file) {
  for (const auto& [name, tensor] : state_of(model)) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      throw Error(file + " has no tensor " + name + ": it belongs to another model");
    }
    if (found->second.sizes() != tensor.sizes()) {
      throw Error(file + ": tensor " + name + " is " + sizes(found->second) +
                  " where this model has " + sizes(tensor) + ": it belongs to another model");
    }
  }
}

void require_finite(const std::map<std::string, torch::Tensor>& tensors, const std::string& file) {
  for (const auto& [name, tensor] : tensors) {
    // The limits of a likelihood are not finite for features that have none.
    const bool limit = name.ends_with(".constant") || name.ends_with(".least_log_variance");
    if (limit || !tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) continue;
    throw Error(file + " is damaged: tensor " + name +
                " holds a value that is not finite; copy the file again, or train anew");
  }
}

void load_state(Model& model, const std::map<std::string, torch::Tensor>& tensors,
                const std::string& file) {
  require_state(model, tensors, file);
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(model)) tensor.copy_(tensors.at(name));
}

void save_model(const TrainedModel& trained, const std::filesystem::path& run) {
  json description = {{"format", kFormat},
                      {"model", trained.name},
                      {"options", to_json(*trained.options)},
                      {"shape", trained.shape},
                      {"binarise", trained.preprocessing.binarise},
                      {"counts", trained.preprocessing.counts},
                      {"resize", trained.preprocessing.images.resize},
                      {"greyscale", trained.preprocessing.images.greyscale},
                      {"bits", trained.preprocessing.images.bits},
                      {"columns", trained.preprocessing.columns},
                      {"table", table_json(trained.preprocessing.table)},
                      {"label_names", trained.label_names},
                      {"provenance", trained.provenance}};
  if (const auto volume = trained.preprocessing.log_volume) description["log_volume"] = *volume;
  TensorFile file;
  file.tensors = state_of(*trained.model);
  save(trained.preprocessing, file);
  file.metadata = json_text(description);
  write_safetensors(run / run_files::kWeights, file);
  write_json(run / run_files::kModel, description);
}

TrainedModel load_model(const std::filesystem::path& run, const torch::Device& device) {
  const auto path = run / run_files::kWeights;
  if (!std::filesystem::exists(path)) {
    throw Error(run.string() + " holds no trained model (no model.safetensors); " +
                (std::filesystem::exists(run / run_files::kState)
                     ? "go on with: clade train --resume " + run.string()
                     : "give the folder that `clade train` wrote"));
  }
  const TensorFile file = read_safetensors(path);
  require_finite(values_in_use(file), path.string());
  TrainedModel trained = describing(path, [&] {
    TrainedModel model = described(description_in(file.metadata), file);
    Generator unused = make_generator(0);
    model.model = build(model, unused);
    return model;
  });
  load_state(*trained.model, file.tensors, path.string());
  trained.model->to(device);
  if (trained.provenance.contains("epoch")) {
    const int64_t epoch = trained.provenance["epoch"];
    trained.model->begin_epoch(epoch - 1);  // with the temperature it had
  }
  trained.model->eval();
  return trained;
}

}  // namespace clade
