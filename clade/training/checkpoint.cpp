#include "clade/training/checkpoint.h"

#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/formats/safetensors.h"
#include "clade/training/provenance.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kAdvice = "copy the file again, or train anew";
const std::string kWeights = "model.";

json layout(const std::vector<Term>& terms) {
  json names = json::array(), divergences = json::array(), losses = json::array(),
       agreements = json::array();
  for (const Term& term : terms) {
    names.push_back(term.name);
    divergences.push_back(term.role == Role::divergence);
    losses.push_back(term.role == Role::classification);
    agreements.push_back(term.role == Role::agreement);
  }
  return {{"terms", names},
          {"divergences", divergences},
          {"losses", losses},
          {"agreements", agreements}};
}

std::vector<Term> terms_of(const json& layout) {
  const auto names = layout.at("terms").get<std::vector<std::string>>();
  const auto divergences = layout.at("divergences").get<std::vector<bool>>();
  // What older versions had none of, they say nothing about.
  const std::vector<bool> none(names.size(), false);
  const auto losses = layout.value("losses", none);
  const auto agreements = layout.value("agreements", none);
  std::vector<Term> terms;
  for (size_t i = 0; i < names.size(); ++i) {
    terms.push_back({names[i],
                     {},
                     divergences.at(i)  ? Role::divergence
                     : losses.at(i)     ? Role::classification
                     : agreements.at(i) ? Role::agreement
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
                  {"learns_labels", state.learns_labels},
                  {"best_bound", state.best_bound},
                  {"best_epoch", state.standing.best_epoch},
                  {"validation_drawn", state.validation_drawn},
                  {"restart", state.standing.restart},
                  {"restart_bounds", state.restart_bounds},
                  {"epoch_seconds", state.epoch_seconds},
                  {"seconds", state.seconds}};
  numbers.update(layout(state.terms));
  if (!state.labelled_terms.empty()) numbers["labelled"] = layout(state.labelled_terms);
  if (!state.starts.empty()) numbers["started_from"] = said_of(state.starts);
  if (state.standing.stalled_at) numbers["stalled_at"] = *state.standing.stalled_at;
  return numbers;
}

Standing standing_of(const json& numbers) {
  Standing standing{numbers.at("epoch"), numbers.at("position"), numbers.at("best_epoch"), {}};
  standing.restart = numbers.value("restart", standing.restart);
  if (numbers.contains("stalled_at")) standing.stalled_at = numbers.at("stalled_at").get<int64_t>();
  return standing;
}

TrainingState state_of_numbers(const json& numbers) {
  TrainingState state;
  state.model = numbers.at("model");
  state.options = numbers.at("options");
  state.provenance = checked_provenance(numbers.value("provenance", json()));
  state.standing = standing_of(numbers);
  state.stage = numbers.value("stage", "");  // of which 0.1.0 says nothing
  state.steps = numbers.at("steps");
  state.best_bound = numbers.at("best_bound");
  state.validation_drawn = numbers.value("validation_drawn", false);
  for (const json& bound : numbers.value("restart_bounds", json::array())) {
    // JSON has no infinity: a restart that diverged is null.
    state.restart_bounds.push_back(bound.is_null() ? -std::numeric_limits<double>::infinity()
                                                   : bound.get<double>());
  }
  state.epoch_seconds = numbers.at("epoch_seconds");
  state.seconds = numbers.at("seconds");
  state.terms = terms_of(numbers);
  if (numbers.contains("labelled")) state.labelled_terms = terms_of(numbers.at("labelled"));
  state.learns_labels = numbers.value("learns_labels", !state.labelled_terms.empty());
  return state;
}

/// Why no training can have been in this state, or "".
std::string impossible(const TrainingState& state) {
  const Standing& now = state.standing;
  if (now.epoch < 0 || now.position < 0 || state.steps < 0 || now.best_epoch < 0 ||
      now.best_epoch > now.epoch || !(state.seconds >= 0) || !(state.epoch_seconds >= 0) ||
      !std::isfinite(state.best_bound)) {
    return "its numbers contradict each other";
  }
  const auto is_flat = [](const torch::Tensor& tensor, torch::ScalarType type) {
    return tensor.dim() == 1 && tensor.scalar_type() == type;
  };
  if (!is_flat(state.first_moment, torch::kFloat32) ||
      !is_flat(state.second_moment, torch::kFloat32) || !is_flat(state.generator, torch::kUInt8)) {
    return "the state of the optimiser or of the random numbers is none";
  }
  if (now.position == 0) return "";
  const auto terms = static_cast<int64_t>(state.terms.size() + state.labelled_terms.size());
  if (!is_flat(state.totals, torch::kFloat64) || state.totals.numel() != terms + 1) {
    return "its sums are not of its terms";
  }
  const int64_t N = state.order.numel();
  const bool ordered = is_flat(state.order, torch::kInt64) && now.position <= N &&
                       torch::equal(std::get<0>(state.order.sort()), torch::arange(N));
  return ordered ? "" : "its order is none of the training points";
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
  file.metadata = json_text(numbers);
  write_safetensors(folder / run_files::kState, file);
  write_checkpoint_copy(folder, state);
}

void write_checkpoint_copy(const std::filesystem::path& folder, const TrainingState& state) {
  write_json(folder / run_files::kStateCopy, numbers_of(state));
}

json read_checkpoint_numbers(const std::filesystem::path& folder) {
  const auto path = folder / run_files::kState;
  if (!std::filesystem::exists(path)) return read_json_object(folder / run_files::kStateCopy);
  return parse_json(read_safetensors_metadata(path), path.string() + ": its state", kAdvice);
}

TrainingState read_checkpoint(const std::filesystem::path& folder) {
  const auto path = folder / run_files::kState;
  if (!std::filesystem::exists(path)) {
    throw Error(folder.string() + " has no " + run_files::kState +
                " to resume from; train it anew");
  }
  const TensorFile file = read_safetensors(path);
  require_finite(file.tensors, path.string());
  const auto damaged = [&](const std::string& why) {
    return Error(path.string() + " is damaged: " + why + "; " + kAdvice);
  };
  try {
    const json numbers = parse_json(file.metadata, path.string(), kAdvice);
    TrainingState state = state_of_numbers(numbers);
    if (numbers.contains("started_from")) state.starts = read_starts(folder);
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
    const std::string why = impossible(state);
    if (!why.empty()) throw damaged(why);
    return state;
  } catch (const json::exception&) {
    throw damaged("its state cannot be read");
  } catch (const std::out_of_range&) {
    throw damaged("a tensor is missing");
  }
}

bool is_complete(const json& numbers, const TrainOptions& options) {
  const Standing standing = standing_of(numbers);
  const bool used = numbers.value(json::json_pointer("/provenance/start/used"), true);
  const TrainOptions taken = options.once_found(used);
  return standing.epoch >= taken.epochs_in_all(taken.stalled_at(standing));
}

}  // namespace clade
