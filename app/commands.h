#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

/// Whole numbers from 1 to a million: how many of something.
inline CLI::Range counts() {
  return {1, 1000000};
}

/// What everything random follows from.
inline CLI::Validator seeds() {
  return {[](std::string& word) {
            uint64_t seed = 0;
            const bool whole = word.find_first_not_of("0123456789") == std::string::npos;
            return whole && CLI::detail::lexical_cast(word, seed)
                       ? ""
                       : word + " is no seed; give a whole number from 0";
          },
          "NUMBER"};
}

/// The arguments RUN and DATA, which a command begins with.
inline void take_run(CLI::App& command, std::string& run) {
  command.add_option("RUN", run, "folder that clade train wrote")->required();
}
inline void take_run_and_data(CLI::App& command, std::string& run, std::string& data) {
  take_run(command, run);
  command.add_option("DATA", data, "a file, a folder of images or a named set")->required();
}

/// The option --labels of a command that takes points for a trained model.
inline CLI::Option* take_labels(CLI::App& command, std::string& labels) {
  return command.add_option(
      "--labels", labels,
      "their labels: a file, a column or an array; if left out what the run was "
      "trained with, if it is there; none for none at all");
}

/// The option --set, as often as liked.
inline void take_settings(CLI::App& command, std::vector<std::string>& settings,
                          const std::string& said) {
  command.add_option("--set", settings, said + ", section.key=value")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

/// The option --device, which overrides that of the run or the experiment.
inline void take_device(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
}

// One function a subcommand: it declares its arguments and what runs when it is chosen.
void add_train(CLI::App& app);
void add_bench(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_cluster(CLI::App& app);
void add_embed(CLI::App& app);
void add_score(CLI::App& app);
void add_generate(CLI::App& app);
void add_report(CLI::App& app);
void add_models(CLI::App& app);
void add_data(CLI::App& app);
