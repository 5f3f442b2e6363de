#pragma once

/// \file
/// The library in one include. A program that trains:
///
///     clade::ExperimentFile settings;  // nothing, or a file and what replaces it
///     settings.override("data.path=points.csv");
///     clade::Experiment experiment = clade::load_experiment(settings, clade::kDefaultModel);
///     const clade::Splits data = clade::load_splits(experiment.data, /*seed=*/1);
///     experiment.model->likelihood = clade::suggested_likelihood(data);
///     clade::fit_to_data(settings, data, experiment);  // sizes, epochs, where clusters start
///     clade::TrainedModel trained =
///         clade::make_model(experiment.model_name, experiment.model, data, 1, torch::kCPU);
///     clade::Trainer(trained, data, experiment.train, 1).run();
///     clade::save_run(trained, experiment, "mine");  // which every command opens
///
/// and one that uses what was trained, by this one or by `clade train`:
///
///     clade::TrainedModel trained = clade::load_model("mine", torch::kCPU);
///     const auto points =
///         clade::load_points("new.csv", /*labels=*/"", trained.preprocessing, trained.shape);
///     const auto q_y = clade::assignment(trained, points.x);                   // [N, K]
///     const clade::Metrics metrics = clade::evaluate(*trained.model, points, {}, 1);
///     auto generator = clade::make_generator(1);
///     const auto drawn = trained.model->generations(10, {{"y", torch::tensor(3)}}, generator);
///     const auto more = trained.preprocessing.restore(drawn->sample(generator));  // [10, D]
///
/// Whatever cannot be done is an Error, whose message is one line that says what to do.
/// examples/consumer has both programs. Other headers are for new models and new parts.

#include "clade/config/experiment.h"
#include "clade/config/fitted.h"
#include "clade/core/error.h"
#include "clade/core/random.h"
#include "clade/data/load.h"
#include "clade/evaluation/evaluate.h"
#include "clade/evaluation/posteriors.h"
#include "clade/models/registry.h"
#include "clade/training/run_folder.h"
#include "clade/training/trained_model.h"
#include "clade/training/trainer.h"
