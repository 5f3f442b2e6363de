#include <cstdio>
#include <iostream>

#include "app/commands.h"
#include "app/trained_run.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/evaluation/posteriors.h"

namespace {

struct ClusterArguments {
  std::string run, data, labels, out = "clusters.csv", device;
  bool all = false;
};

void cluster(const ClusterArguments& arguments) {
  const TrainedRun run = open_run(arguments.run, arguments.device);
  if (run.trained.model->clusters() == 1) {
    throw clade::ConfigError(
        run.trained.name + " has no clusters to assign points to; clade embed writes its latents");
  }
  const clade::Dataset data = run.points(arguments.data, arguments.labels);
  auto generator = clade::make_generator(clade::derive_seed(run.seed(), "cluster"), run.device);
  const auto q_y = clade::posteriors(*run.trained.model, data.x, generator)
                       .clusters[run.trained.model->main_discrete()]
                       .to(torch::kCPU, torch::kFloat64)
                       .contiguous();  // [N, K]
  const auto [probability, chosen] = q_y.max(1);
  const auto p = q_y.accessor<double, 2>();
  const auto write = [&, best = probability.contiguous(),
                      index = chosen.contiguous()](std::ostream& out) {
    out << "index,cluster,probability";
    for (int64_t k = 0; arguments.all && k < p.size(1); ++k) out << ",p_" << k;
    out << "\n";
    char cell[32];
    const auto number = [&](double value) {
      std::snprintf(cell, sizeof cell, "%.6g", value);
      return cell;
    };
    for (int64_t i = 0; i < p.size(0); ++i) {
      out << i << "," << index.data_ptr<int64_t>()[i] << "," << number(best.data_ptr<double>()[i]);
      for (int64_t k = 0; arguments.all && k < p.size(1); ++k) out << "," << number(p[i][k]);
      out << "\n";
    }
  };
  if (arguments.out == "-") {
    write(std::cout);
  } else {
    clade::write_atomically(arguments.out, write);
    std::printf("%lld points: %s\n", static_cast<long long>(p.size(0)), arguments.out.c_str());
  }
}

}  // namespace

void add_cluster(CLI::App& app) {
  auto* command = app.add_subcommand("cluster", "assign data to the clusters of a trained model");
  auto arguments = std::make_shared<ClusterArguments>();
  command->add_option("RUN", arguments->run, "folder that clade train wrote")->required();
  command->add_option("DATA", arguments->data, "a file, a folder of images or a named set")
      ->required();
  command->add_option("--out", arguments->out, "CSV file to write; - for standard output")
      ->capture_default_str();
  command->add_flag("--all", arguments->all,
                    "add the probability of every cluster, p_0 to p_{K-1}");
  command->add_option("--labels", arguments->labels,
                      "the column of labels, which is left out, of a table without a header");
  command->add_option("--device", arguments->device, "cpu or cuda");
  command->footer(
      "Columns: index, cluster, probability.\n"
      "Example:  clade cluster runs/cp_vae-points-1 new.csv --out clusters.csv");
  command->callback([arguments] { cluster(*arguments); });
}
