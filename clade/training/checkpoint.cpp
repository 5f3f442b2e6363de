#include "clade/training/checkpoint.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/safetensors.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kFile = "checkpoint.safetensors";
const std::string kWeights = "model.";

json layout(const std::vector<Term>& terms) {
  json names = json::array(), divergences = json::array(), losses = json::array();
  for (const Term& term : terms) {
    names.push_back(term.name);
    divergences.push_back(term.role == Role::divergence);
    losses.push_back(term.role == Role::classification);
  }
  return {{"terms", names}, {"divergences", divergences}, {"losses", losses}};
}

std::vector<Term> terms_of(const json& layout) {
  const auto names = layout.at("terms").get<std::vector<std::string>>();
  const auto divergences = layout.at("divergences").get<std::vector<bool>>();
  // Of losses on labels, 0.1.0 had none and says nothing.
  const auto losses = layout.value("losses", std::vector<bool>(names.size(), false));
  std::vector<Term> terms;
  for (size_t i = 0; i < names.size(); ++i) {
    terms.push_back({names[i],
                     {},
                     divergences.at(i) ? Role::divergence
                     : losses.at(i)    ? Role::classification
                                       : Role::likelihood});
  }
  return terms;
}

json numbers_of(const TrainingState& state) {
  json numbers = {{"model", state.model},
                  {"options", state.options},
                  {"provenance", state.provenance},
                  {"epoch", state.standing.epoch},
                  {"stage", state.stage},
                  {"position", state.standing.position},
                  {"steps", state.steps},
                  {"best_bound", state.best_bound},
                  {"best_epoch", state.standing.best_epoch},
                  {"validation_drawn", state.validation_drawn},
                  {"epoch_seconds", state.epoch_seconds},
                  {"seconds", state.seconds}};
  numbers.update(layout(state.terms));
  if (!state.labelled_terms.empty()) numbers["labelled"] = layout(state.labelled_terms);
  if (state.standing.stalled_at) numbers["stalled_at"] = *state.standing.stalled_at;
  return numbers;
}

Standing standing_of(const json& numbers) {
  Standing standing{numbers.at("epoch"), numbers.at("position"), numbers.at("best_epoch"), {}};
  if (numbers.contains("stalled_at")) standing.stalled_at = numbers.at("stalled_at").get<int64_t>();
  return standing;
}

TrainingState state_of_numbers(const json& numbers) {
  TrainingState state;
  state.model = numbers.at("model");
  state.options = numbers.at("options");
  state.provenance = numbers.value("provenance", json());
  state.standing = standing_of(numbers);
  state.stage = numbers.value("stage", "");  // of which 0.1.0 says nothing
  state.steps = numbers.at("steps");
  state.best_bound = numbers.at("best_bound");
  state.validation_drawn = numbers.value("validation_drawn", false);
  state.epoch_seconds = numbers.at("epoch_seconds");
  state.seconds = numbers.at("seconds");
  state.terms = terms_of(numbers);
  if (numbers.contains("labelled")) state.labelled_terms = terms_of(numbers.at("labelled"));
  return state;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& folder, const TrainingState& state) {
  const json numbers = numbers_of(state);
  TensorFile file;
  for (const auto& [name, tensor] : state.weights) file.tensors[kWeights + name] = tensor;
  file.tensors["adam.first_moment"] = state.first_moment;
  file.tensors["adam.second_moment"] = state.second_moment;
  file.tensors["generator"] = state.generator;
  if (state.standing.position > 0) {
    file.tensors["epoch.order"] = state.order;
    file.tensors["epoch.totals"] = state.totals;
  }
  file.metadata = numbers.dump();
  write_safetensors(folder / kFile, file);
  write_atomically(folder / "checkpoint.json", numbers.dump(2) + "\n");
}

TrainingState read_checkpoint(const std::filesystem::path& folder) {
  const auto path = folder / kFile;
  if (!std::filesystem::exists(path)) {
    throw Error(folder.string() + " has no " + kFile + " to resume from; train it anew");
  }
  const TensorFile file = read_safetensors(path);
  try {
    TrainingState state = state_of_numbers(json::parse(file.metadata));
    for (const auto& [name, tensor] : file.tensors) {
      if (name.rfind(kWeights, 0) == 0) state.weights[name.substr(kWeights.size())] = tensor;
    }
    state.first_moment = file.tensors.at("adam.first_moment");
    state.second_moment = file.tensors.at("adam.second_moment");
    state.generator = file.tensors.at("generator");
    if (state.standing.position > 0) {
      state.order = file.tensors.at("epoch.order");
      state.totals = file.tensors.at("epoch.totals");
    }
    return state;
  } catch (const json::exception&) {
    throw Error(path.string() + " is damaged: its state cannot be read");
  } catch (const std::out_of_range&) {
    throw Error(path.string() + " is damaged: a tensor is missing");
  }
}

bool is_complete(const json& checkpoint, const TrainOptions& options) {
  const Standing standing = standing_of(checkpoint);
  return standing.epoch >= options.epochs_in_all(options.stalled_at(standing));
}

}  // namespace clade
