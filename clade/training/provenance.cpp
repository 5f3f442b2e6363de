#include "clade/training/provenance.h"

#include <array>

#include "clade/core/error.h"

namespace clade {
namespace {

struct RecordedPart {
  const char* key;
  std::string Fingerprint::*of;
  const char* differs;  ///< What is to be said of data whose part is another, and what to do.
};

constexpr std::array<RecordedPart, 5> kParts = {{
    {"fingerprint", &Fingerprint::values,
     " no longer holds the points this run was trained on: test points could be among those "
     "trained on; give the old file back, or train anew"},
    {"all_labels", &Fingerprint::all_labels,
     ": its labels (data.labels) have changed since this run was trained, and with them which "
     "points it may learn from and which measure it; give the old labels back, or train anew to "
     "learn from the new ones"},
    {"split", &Fingerprint::split,
     " is split otherwise than this run was trained on, so that test points could be among those "
     "trained on; give data.validation and data.test in experiment.toml their old values back, and "
     "the labels theirs if it learned from labels, or train anew"},
    {"preprocessing", &Fingerprint::preprocessing,
     ": its values become other numbers than those this run was trained on; give data.values and "
     "data.binarise in experiment.toml their old values back, or train anew"},
    {"labels", &Fingerprint::labels,
     ": the labels to learn from are not those this run learned from; give data.label_budget and "
     "data.labels in experiment.toml their old values back, or train anew"},
}};

constexpr std::array<BoundKind, 3> kKinds = {BoundKind::elbo, BoundKind::relaxed,
                                             BoundKind::weighted};

}  // namespace

const char* key_of_bound(BoundKind kind) {
  if (kind == BoundKind::relaxed) return "relaxed_bound";
  return kind == BoundKind::weighted ? "weighted_bound" : "bound";
}

void record_bound(nlohmann::json& provenance, BoundKind kind, double bound) {
  for (const BoundKind other : kKinds) provenance.erase(key_of_bound(other));
  provenance[key_of_bound(kind)] = bound;
}

BoundKind kind_of_bound(const nlohmann::json& provenance) {
  for (const BoundKind kind : kKinds) {
    if (provenance.contains(key_of_bound(kind))) return kind;
  }
  return BoundKind::elbo;
}

void record_data(TrainedModel& trained, const Splits& data, uint64_t seed) {
  trained.provenance["seed"] = static_cast<int64_t>(seed);
  for (const RecordedPart& part : kParts) {
    const bool of_labels = part.of == &Fingerprint::labels || part.of == &Fingerprint::all_labels;
    const bool unused = of_labels && !trained.model->takes_labels();
    const std::string& now = data.fingerprint.*part.of;
    if (!now.empty() && !unused) trained.provenance[part.key] = now;
  }
}

void require_same_data(const nlohmann::json& provenance, const Splits& data, uint64_t seed) {
  if (!provenance.is_object()) return;
  const int64_t seed_then = provenance.value("seed", static_cast<int64_t>(seed));
  if (seed_then != static_cast<int64_t>(seed)) {
    throw DataError("seed is " + std::to_string(seed) + ", but this run was trained with seed " +
                    std::to_string(seed_then) +
                    ", which its split and its draws follow from; give it back in experiment.toml, "
                    "or train anew");
  }
  for (const RecordedPart& part : kParts) {
    const std::string then = provenance.value(part.key, std::string());
    const std::string& now = data.fingerprint.*part.of;
    if (then.empty() || now.empty() || then == now) continue;
    const bool tells_size = part.of == &Fingerprint::values;
    throw DataError(data.train.name + part.differs +
                    (tells_size ? " (" + then + ", now " + now + ")" : ""));
  }
}

nlohmann::json checked_provenance(const nlohmann::json& provenance) {
  if (provenance.is_null()) return provenance;  // of a model that no run made, or of 0.1.0
  static_cast<void>(provenance.value("data", std::string()));
  for (const RecordedPart& part : kParts)
    static_cast<void>(provenance.value(part.key, std::string()));
  for (const BoundKind kind : kKinds) static_cast<void>(provenance.value(key_of_bound(kind), 0.0));
  static_cast<void>(provenance.value("seed", int64_t{0}));
  if (provenance.value("epoch", int64_t{1}) < 1) throw Error("provenance.epoch is below 1");
  return provenance;
}

bool of_same_data(const nlohmann::json& one, const nlohmann::json& other) {
  const auto differs = [&](const char* key) {
    const std::string a = one.value(key, std::string()), b = other.value(key, std::string());
    return !a.empty() && !b.empty() && a != b;
  };
  const bool both_known = one.contains("fingerprint") && other.contains("fingerprint");
  return !differs(both_known ? "fingerprint" : "data") && !differs("split");
}

}  // namespace clade
