#pragma once

/// \file
/// The library in one include. A program that trains:
///
///     clade::ExperimentFile settings;  // nothing, or a file and what replaces it
///     settings.override("data.path=points.csv");
///     const clade::TrainedRun run = clade::train(settings, "mine");  // which every command opens
///
/// and one that uses what was trained, by this one or by `clade train`:
///
///     const clade::TrainedModel trained = clade::load_model("mine", torch::kCPU);
///     const auto points =
///         clade::load_points("new.csv", /*labels=*/"", trained.preprocessing, trained.shape);
///     const auto q_y = clade::assign(trained, points.x);                              // [N, K]
///     const clade::Metrics metrics = clade::evaluate(trained, points, {}, /*seed=*/1);
///     const auto more = clade::generate(trained, 10, {{"y", torch::tensor(3)}});      // [10, D]
///
/// In memory, step by step, with observers of one's own:
///
///     const clade::Prepared prepared = clade::prepare(settings);  // data, and what fits them
///     clade::TrainedModel trained = clade::train(prepared, {&observer});
///     clade::save_run(trained, prepared.experiment, "mine");
///
/// Whatever cannot be done is an Error, whose message is one line that says what to do.
/// examples/consumer has both programs. The headers that these lead to are installed, for models
/// and parts of one's own; no other is.

#include "clade/clustering/k_means.h"
#include "clade/clustering/mixture.h"
#include "clade/clustering/neighbour_layout.h"
#include "clade/core/error.h"
#include "clade/core/random.h"
#include "clade/data/load.h"
#include "clade/evaluation/evaluate.h"
#include "clade/evaluation/posteriors.h"
#include "clade/experiment/experiment.h"
#include "clade/experiment/prepared.h"
#include "clade/models/registry.h"
#include "clade/run/draws.h"
#include "clade/run/page.h"
#include "clade/run/training_run.h"
#include "clade/training/run_folder.h"
#include "clade/training/trained_model.h"
#include "clade/training/trainer.h"
