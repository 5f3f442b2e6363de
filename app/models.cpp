#include <cstdio>

#include "app/commands.h"
#include "clade/evaluation/evaluate.h"
#include "clade/models/registry.h"
#include "clade/training/trainer.h"

void add_models(CLI::App& app) {
  auto* command = app.add_subcommand("models", "list the models, or the settings of one");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "a model");
  command->footer("Example:  clade models cp_vae");
  command->callback([name] {
    if (name->empty()) {
      for (const auto& model : clade::models()) {
        std::printf("%-12s%s\n", model.name.c_str(), model.summary.c_str());
      }
      std::printf("\nIts settings, with defaults:  clade models NAME\n");
      return;
    }
    const auto& model = clade::find_model(*name);
    clade::TrainOptions train;
    clade::EvaluateOptions evaluate;
    std::printf(
        "%s: %s\nDefaults are those of experiment files. clade train DATA chooses sizes, epochs, "
        "rate, "
        "warm-up, start and\nhold to fit the data, and says which; --set wins.\n\nSettings of "
        "[model]:\n\n%s\nof [train]:\n\n%s\nof [evaluate]:\n\n%s",
        model.name.c_str(), model.summary.c_str(), clade::describe(*model.options()).c_str(),
        clade::describe(train).c_str(), clade::describe(evaluate).c_str());
  });
}
