#include "clade/training/trained_model.h"

#include <torch/torch.h>

#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kShift = "data.shift";
constexpr const char* kScale = "data.scale";
constexpr const char* kConstant = "data.constant";
constexpr const char* kWhole = "data.whole";
const std::string kWide = ".float64";  // beside them, for digits that float32 does not hold

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
  return {{"id", table.id}, {"drop", table.drop}, {"missing", table.missing}, {"words", words}};
}

TableReading table_in(const json& description) {
  TableReading table;
  table.id = description.at("id").get<std::string>();
  table.drop = description.at("drop").get<std::vector<std::string>>();
  table.missing = description.at("missing").get<std::string>();
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

torch::Tensor saved(const std::string& name, const TensorFile& file, const std::string& path) {
  for (const std::string& each : {name + kWide, name}) {
    const auto found = file.tensors.find(each);
    if (found != file.tensors.end()) return found->second;  // [D]
  }
  throw Error(path + " has no tensor " + name);
}

Preprocessing preprocessing_in(const TensorFile& file, const json& description,
                               const std::string& path) {
  Preprocessing how;
  how.binarise = description.at("binarise");
  // Of what follows older files say nothing.
  how.images.resize = description.value("resize", how.images.resize);
  how.images.greyscale = description.value("greyscale", how.images.greyscale);
  how.columns = description.value("columns", how.columns);
  if (description.contains("log_volume")) how.log_volume = description.at("log_volume");
  for (const auto& [name, tensor] : {std::pair{kConstant, &how.constant}, {kWhole, &how.whole}}) {
    if (file.tensors.count(name)) *tensor = file.tensors.at(name);
  }
  if (description.contains("table")) how.table = table_in(description.at("table"));
  how.shift = saved(kShift, file, path);
  how.scale = saved(kScale, file, path);
  return how;
}

void save(const Preprocessing& how, TensorFile& file) {
  save(kShift, how.shift, file);
  save(kScale, how.scale, file);
  if (how.constant.defined()) file.tensors[kConstant] = how.constant;
  if (how.whole.defined()) file.tensors[kWhole] = how.whole;
}

/// The model as `trained` describes it, with fresh weights.
std::shared_ptr<Model> build(const TrainedModel& trained, Generator& generator) {
  const ModelEntry& entry = find_model(trained.name);
  auto model = entry.make(*trained.options, data_parent(trained.shape), generator);
  model->limit_likelihood(trained.preprocessing.constant_as_read(),
                          trained.options->least_deviation);
  return model;
}

Error not_by_clade(const std::filesystem::path& path) {
  return Error(path.string() +
               " was not written by clade: its description of the model is missing");
}

}  // namespace

std::optional<double> TrainedModel::log_volume() const {
  if (options->likelihood != "gaussian") return std::nullopt;
  return preprocessing.log_volume;
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

std::map<std::string, torch::Tensor> state_of(Model& model) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& item : model.named_parameters()) state[item.key()] = item.value().detach();
  for (const auto& item : model.named_buffers()) state[item.key()] = item.value();
  return state;
}

void load_state(Model& model, const std::map<std::string, torch::Tensor>& tensors,
                const std::string& file) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(model)) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      throw Error(file + " has no tensor " + name + ": it belongs to another model");
    }
    if (found->second.sizes() != tensor.sizes()) {
      throw Error(file + ": tensor " + name + " is " + sizes(found->second) +
                  " where this model has " + sizes(tensor) + ": it belongs to another model");
    }
    tensor.copy_(found->second);
  }
}

void save_model(const TrainedModel& trained, const std::filesystem::path& run) {
  json description = {{"format", 1},
                      {"model", trained.name},
                      {"options", to_json(*trained.options)},
                      {"shape", trained.shape},
                      {"binarise", trained.preprocessing.binarise},
                      {"resize", trained.preprocessing.images.resize},
                      {"greyscale", trained.preprocessing.images.greyscale},
                      {"columns", trained.preprocessing.columns},
                      {"table", table_json(trained.preprocessing.table)},
                      {"label_names", trained.label_names},
                      {"provenance", trained.provenance}};
  if (const auto volume = trained.preprocessing.log_volume) description["log_volume"] = *volume;
  TensorFile file;
  file.tensors = state_of(*trained.model);
  save(trained.preprocessing, file);
  file.metadata = description.dump();
  write_safetensors(run / kModelFile, file);
  write_atomically(run / "model.json", description.dump(2) + "\n");
}

std::optional<Preprocessing> kept_preprocessing(const std::filesystem::path& run) {
  const auto path = run / kModelFile;
  if (!std::filesystem::exists(path)) return {};
  const TensorFile file = read_safetensors(path);
  try {
    return preprocessing_in(file, json::parse(file.metadata), path.string());
  } catch (const json::exception&) {
    throw not_by_clade(path);
  }
}

TrainedModel load_model(const std::filesystem::path& run, const torch::Device& device) {
  const auto path = run / kModelFile;
  if (!std::filesystem::exists(path)) {
    throw Error(run.string() +
                " holds no trained model (no model.safetensors); give the folder "
                "that `clade train` wrote");
  }
  TensorFile file = read_safetensors(path);
  TrainedModel trained;
  try {
    const json description = json::parse(file.metadata);
    trained.name = description.at("model");
    const ModelEntry& entry = find_model(trained.name);
    trained.options = entry.options();
    from_json(description.at("options"), *trained.options);
    trained.options->validate();
    trained.shape = description.at("shape").get<std::vector<int64_t>>();
    trained.preprocessing = preprocessing_in(file, description, path.string());
    trained.label_names = description.at("label_names").get<std::vector<std::string>>();
    trained.provenance = description.at("provenance");
  } catch (const json::exception&) {
    throw not_by_clade(path);
  }
  Generator unused = make_generator(0);
  trained.model = build(trained, unused);
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
