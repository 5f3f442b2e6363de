#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>

#include "clade/models/mean_bound.h"
#include "clade/training/trained_model.h"

namespace clade {

/// Keeps with a model, in its provenance, what it is trained on: the seed, and the fingerprint of
/// `data`, that of labels only if the model learns from them.
void record_data(TrainedModel& trained, const Splits& data, uint64_t seed);

/// Throws DataError, saying what is another and what to do, if `data` and `seed` are not those that
/// `provenance` records. What it does not record, as earlier versions did not, is taken as it is.
void require_same_data(const nlohmann::json& provenance, const Splits& data, uint64_t seed);

/// Under what name a model keeps the bound of its best epoch: "bound", of another kind
/// "relaxed_bound" or "weighted_bound".
const char* key_of_bound(BoundKind kind);

/// Keeps it, in place of one of another kind.
void record_bound(nlohmann::json& provenance, BoundKind kind, double bound);

/// The kind of the bound that is kept.
BoundKind kind_of_bound(const nlohmann::json& provenance);

/// `provenance` as a file has it. Throws Error, or what nlohmann's JSON throws, if one of its
/// values is of another type than those who read it take.
nlohmann::json checked_provenance(const nlohmann::json& provenance);

/// Whether two models were trained on the same split of the same data, as far as their provenances
/// tell: of named sets, earlier versions noted the name alone.
bool of_same_data(const nlohmann::json& one, const nlohmann::json& other);

}  // namespace clade
