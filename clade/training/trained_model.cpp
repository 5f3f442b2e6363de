#include "clade/training/trained_model.h"

#include <torch/torch.h>

#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kShift = "data.shift";
constexpr const char* kScale = "data.scale";

std::string sizes(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

TrainedModel make_model(const std::string& name, std::shared_ptr<ModelOptions> options,
                        const Splits& data, uint64_t seed, const torch::Device& device) {
  Generator generator = make_generator(derive_seed(seed, "weights"));
  TrainedModel trained;
  trained.name = name;
  trained.model = find_model(name).make(*options, data_parent(data.train.shape), generator);
  trained.model->to(device);
  trained.options = std::move(options);
  trained.preprocessing = data.preprocessing;
  trained.shape = data.train.shape;
  trained.label_names = data.train.label_names;
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
                      {"label_names", trained.label_names},
                      {"provenance", trained.provenance}};
  TensorFile file;
  file.tensors = state_of(*trained.model);
  file.tensors[kShift] = trained.preprocessing.shift;
  file.tensors[kScale] = trained.preprocessing.scale;
  file.metadata = description.dump();
  write_safetensors(run / "model.safetensors", file);
  write_atomically(run / "model.json", description.dump(2) + "\n");
}

TrainedModel load_model(const std::filesystem::path& run, const torch::Device& device) {
  const auto path = run / "model.safetensors";
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
    trained.preprocessing.binarise = description.at("binarise");
    ImageReading& images = trained.preprocessing.images;  // of which older files say nothing
    images.resize = description.value("resize", images.resize);
    images.greyscale = description.value("greyscale", images.greyscale);
    trained.preprocessing.columns = description.value("columns", trained.preprocessing.columns);
    trained.label_names = description.at("label_names").get<std::vector<std::string>>();
    trained.provenance = description.at("provenance");
  } catch (const json::exception&) {
    throw Error(path.string() +
                " was not written by clade: its description of the model is missing");
  }
  for (const char* name : {kShift, kScale}) {
    if (!file.tensors.count(name)) throw Error(path.string() + " has no tensor " + name);
  }
  trained.preprocessing.shift = file.tensors[kShift];
  trained.preprocessing.scale = file.tensors[kScale];
  Generator unused = make_generator(0);
  trained.model =
      find_model(trained.name).make(*trained.options, data_parent(trained.shape), unused);
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
