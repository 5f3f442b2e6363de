#include "app/commands.h"
#include "app/open.h"
#include "app/write_table.h"
#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/evaluation/posteriors.h"

namespace {

struct ClusterArguments {
  std::string run, data, labels, latent, out = "clusters.csv", device;
  bool all = false;
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

clade::PointTable table_of(const clade::TrainedRun& run, const std::vector<size_t>& latents,
                           const clade::Dataset& data, bool all) {
  clade::Model& model = *run.trained.model;
  const auto q = clade::assignment(model, data.x, run.seed());
  const auto names = run.trained.classes();
  clade::PointTable table(data);
  for (const size_t l : latents) {
    const std::string own = latents.size() == 1 ? "" : model.discrete()[l].name;
    const auto classes = l == 0 ? names : std::vector<std::string>();
    const std::string prefix = own.empty() ? "" : own + "_";
    const auto q_y = q[l].cpu();  // [N, K]
    require_numbers(q_y, data, "clusters");
    const auto [probability, cluster] = q_y.max(1);  // [N]
    if (classes.empty()) {
      table.add(own.empty() ? "cluster" : own, cluster);
    } else {
      table.add(prefix + "class", clade::names_of(cluster, classes));
    }
    table.add(prefix + "probability", probability);
    for (int64_t k = 0; all && k < q_y.size(1); ++k) {
      const auto name = classes.empty() ? std::to_string(k) : classes[static_cast<size_t>(k)];
      table.add(prefix + "p_" + name, q_y.select(1, k));
    }
  }
  return table;
}

void cluster(const ClusterArguments& arguments) {
  require_csv(arguments.out);
  const clade::TrainedRun run = open_to_use(arguments.run, arguments.device);
  const auto latents = chosen_latents(run.trained, arguments.latent);
  const clade::Dataset data = points_to_use(run, arguments.data, arguments.labels, arguments.out);
  write_table(table_of(run, latents, data, arguments.all), arguments.out);
}

}  // namespace

void add_cluster(CLI::App& app) {
  auto* command = app.add_subcommand("cluster", "assign data to the clusters of a trained model");
  auto arguments = std::make_shared<ClusterArguments>();
  take_run_and_data(*command, arguments->run, arguments->data);
  command->add_option("--out", arguments->out, "CSV file to write; - for standard output")
      ->capture_default_str();
  command->add_flag("--all", arguments->all,
                    "add the probability of every cluster, p_0 to p_{K-1}, or class, p_NAME");
  command->add_option("--latent", arguments->latent,
                      "of a model with several discrete latents: which; all by default");
  take_labels(*command, arguments->labels);
  take_device(*command, arguments->device);
  command->footer(
      "Columns: index (the row, from 0), the file of an image or the column data.id, label if\n"
      "known, cluster, probability; with several discrete latents y2, y2_probability, y3, ...\n"
      "Of a model that learned from labels class, its name, stands in the place of cluster.\n"
      "Example:  clade cluster runs/cp_vae-points-1 new.csv --out clusters.csv");
  command->callback([arguments] { cluster(*arguments); });
}
