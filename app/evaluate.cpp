#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/metrics.h"
#include "app/open.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/run/folder.h"
#include "clade/run/metrics_file.h"

namespace {

struct EvaluateArguments {
  std::string run;
  int64_t importance_samples = 0;
  bool sum_clusters = false;
  std::string split;
  std::string data;
  std::string labels;
  std::string device;
};

void evaluate_run(const EvaluateArguments& arguments) {
  const clade::RunLock lock(arguments.run);
  if (std::filesystem::exists(arguments.run) && ::access(arguments.run.c_str(), W_OK) != 0) {
    throw clade::Error(arguments.run +
                       " is not to be written in, where the figures go; copy the run");
  }
  const clade::TrainedRun run = open_to_use(arguments.run, arguments.device);
  clade::EvaluateOptions options = run.experiment.evaluate;
  if (arguments.importance_samples > 0) options.importance_samples = arguments.importance_samples;
  if (arguments.sum_clusters) {
    if (run.trained.model->decodings() == 1) {
      throw clade::ConfigError(run.trained.name +
                               " infers no clusters to sum; leave --sum-clusters out");
    }
    options.sum_clusters = true;
  }
  options.validate("evaluate");

  clade::Dataset data;
  std::string name = arguments.split;
  if (!arguments.data.empty()) {
    data = points_to_use(run, arguments.data, arguments.labels);
    name = "data " + clade::one_line(arguments.data);
  } else {
    const clade::Splits splits = run.splits();
    if (name.empty()) name = clade::judged_split(splits);
    data = clade::measured_points(run, splits, name);
    if (data.size() == 0) {
      throw clade::DataError("the run's data have no " + name + " points; give --data FILE");
    }
    if (!data.note.empty()) say(data.note);
  }
  if (const auto guided = clade::said_of_guidance(run.trained); !guided.empty()) say(guided);
  const StopOnInterrupt stop;
  const auto shown = measuring("; run the same command again");
  clade::measure(run, name, data, options,
                 [&](int64_t done, int64_t total) { shown(name, done, total); });
  print_metrics({{name, clade::read_metrics(run.folder).at(name)}},
                clade::metrics_path(run.folder));
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto* command =
      app.add_subcommand("evaluate", "measure a trained model: likelihood, clusters, units");
  auto arguments = std::make_shared<EvaluateArguments>();
  take_run(*command, arguments->run);
  command
      ->add_option("--importance-samples", arguments->importance_samples,
                   "S of the importance-weighted bound; as in the experiment by default")
      ->check(counts());
  command->add_flag("--sum-clusters", arguments->sum_clusters,
                    "sum every cluster inside each weight: a tighter bound, at K times the cost");
  auto* split =
      command
          ->add_option("--split", arguments->split,
                       "test, validation or train; by default the first of them that has points")
          ->check(CLI::IsMember({"test", "validation", "train"}));
  auto* data = command
                   ->add_option("--data", arguments->data,
                                "other points: a file, a folder of images or a named set")
                   ->excludes(split);
  take_labels(*command, arguments->labels)->needs(data);
  take_device(*command, arguments->device);
  command->footer(
      "Adds to RUN/metrics.json. Examples:\n"
      "  clade evaluate runs/vae-mnist-1 --importance-samples 5000\n"
      "  clade evaluate runs/cp_vae-points-1 --data new.csv --labels species");
  command->callback([arguments] { evaluate_run(*arguments); });
}
