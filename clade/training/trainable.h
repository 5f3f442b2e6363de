#pragma once
#include "clade/data/load.h"
#include "clade/training/schedule.h"
#include "clade/training/trained_model.h"

namespace clade {

/// Throws ConfigError, saying what to set, if `trained` cannot be trained so on these data: on an
/// objective that is not for it, from clusters or labels it has no place for, or for fewer epochs
/// than it takes to come in. Throws Error if memory does not hold a step's draws.
void require_trainable(const TrainedModel& trained, const Splits& data,
                       const TrainOptions& options);

}  // namespace clade
