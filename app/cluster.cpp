#include <cstdio>
#include <iostream>

#include "app/commands.h"
#include "app/trained_run.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/evaluation/posteriors.h"

namespace {

struct ClusterArguments {
  std::string run, data, labels, latent, out = "clusters.csv", device;
  bool all = false;
};

// A discrete latent's columns of the table: what they are called, and q(y | x).
struct Columns {
  std::string cluster, probability, each;
  torch::Tensor q_y;   // [N, K] float64 on the CPU
  torch::Tensor best;  // [N] int64
};

// The latent asked for; if none is, each that has clusters.
std::vector<size_t> chosen_latents(const clade::TrainedModel& trained, const std::string& latent) {
  const auto& discrete = trained.model->discrete();
  const auto all = trained.model->clusterings();
  if (all.empty()) {
    throw clade::ConfigError(
        trained.name + " has no clusters to assign points to; clade embed writes its latents");
  }
  if (latent.empty()) return all;
  std::vector<std::string> names;
  for (const size_t l : all) {
    if (discrete[l].name == latent) return {l};
    names.push_back(discrete[l].name);
  }
  throw clade::ConfigError("the model has no discrete latent \"" + latent + "\"; " +
                           clade::suggest(latent, names));
}

std::vector<Columns> columns_of(const TrainedRun& run, const std::vector<size_t>& latents,
                                const torch::Tensor& x) {
  auto generator = clade::make_generator(clade::derive_seed(run.seed(), "cluster"), run.device);
  const auto q = clade::posteriors(*run.trained.model, x, generator);
  std::vector<Columns> table;
  for (const size_t l : latents) {
    const auto q_y = q.clusters[l].to(torch::kCPU, torch::kFloat64).contiguous();
    const std::string& name = run.trained.model->discrete()[l].name;
    if (latents.size() == 1) {
      table.push_back({"cluster", "probability", "p_", q_y, q_y.argmax(1)});
    } else {
      table.push_back({name, name + "_probability", name + "_p_", q_y, q_y.argmax(1)});
    }
  }
  return table;
}

void write_table(std::ostream& out, const std::vector<Columns>& table, bool all) {
  out << "index";
  for (const Columns& columns : table) {
    out << "," << columns.cluster << "," << columns.probability;
    for (int64_t k = 0; all && k < columns.q_y.size(1); ++k) out << "," << columns.each << k;
  }
  out << "\n";
  char cell[32];
  const auto number = [&](double value) {
    std::snprintf(cell, sizeof cell, "%.6g", value);
    return cell;
  };
  for (int64_t i = 0; i < table.front().q_y.size(0); ++i) {
    out << i;
    for (const Columns& columns : table) {
      const auto p = columns.q_y.accessor<double, 2>()[i];
      const int64_t k = columns.best.data_ptr<int64_t>()[i];
      out << "," << k << "," << number(p[k]);
      for (int64_t j = 0; all && j < p.size(0); ++j) out << "," << number(p[j]);
    }
    out << "\n";
  }
}

void cluster(const ClusterArguments& arguments) {
  const TrainedRun run = open_run(arguments.run, arguments.device);
  const auto latents = chosen_latents(run.trained, arguments.latent);
  const clade::Dataset data = run.points(arguments.data, arguments.labels);
  const auto table = columns_of(run, latents, data.x);
  const auto write = [&](std::ostream& out) { write_table(out, table, arguments.all); };
  if (arguments.out == "-") {
    write(std::cout);
  } else {
    clade::write_atomically(arguments.out, write);
    std::printf("%lld points: %s\n", static_cast<long long>(data.size()), arguments.out.c_str());
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
  command->add_option("--latent", arguments->latent,
                      "of a model with several discrete latents: which; all by default");
  command->add_option("--labels", arguments->labels,
                      "the column of labels, which is left out, of a table without a header");
  command->add_option("--device", arguments->device, "cpu or cuda");
  command->footer(
      "Columns: index, cluster, probability; with several discrete latents a pair each:\n"
      "y2, y2_probability, y3 and so on.\n"
      "Example:  clade cluster runs/cp_vae-points-1 new.csv --out clusters.csv");
  command->callback([arguments] { cluster(*arguments); });
}
