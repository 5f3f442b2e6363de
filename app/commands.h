#pragma once
#include <CLI/CLI.hpp>

/// Whole numbers from 1 to a million: how many of something.
inline CLI::Range counts() {
  return {1, 1000000};
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
