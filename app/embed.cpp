#include <algorithm>
#include <filesystem>

#include "app/commands.h"
#include "app/open.h"
#include "app/say.h"
#include "app/write_table.h"
#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/evaluation/posteriors.h"
#include "clade/formats/npy.h"
#include "clade/ops/noise.h"

namespace {

struct EmbedArguments {
  std::string run, data, labels, out = "latents.npy", latent, device;
};

// A column a unit: z_0, z_1, ...
clade::PointTable table_of(const clade::TrainedRun& run, const clade::Dataset& data,
                           const clade::LayerSummary& layer) {
  clade::PointTable table(data);
  if (auto classes = run.classes_of(data); !classes.empty()) table.add("class", std::move(classes));
  for (int64_t unit = 0; unit < layer.means.size(1); ++unit) {
    table.add(layer.name + "_" + std::to_string(unit), layer.means.select(1, unit));
  }
  return table;
}

// The one asked for; if none is, the topmost.
std::string chosen_latent(clade::Model& model, const std::string& asked) {
  std::vector<std::string> names;  // from the top down
  for (const clade::LatentInfo& latent : model.latents()) {
    if (!latent.is_cluster) names.push_back(latent.name);
  }
  if (asked.empty()) return names.front();
  if (std::find(names.begin(), names.end(), asked) != names.end()) return asked;
  throw clade::ConfigError("the model has no continuous latent \"" + asked + "\"; it may be " +
                           clade::one_of(names));
}

void embed(const EmbedArguments& arguments) {
  const auto format = std::filesystem::path(arguments.out).extension();
  if (format != ".npy" && format != ".csv") {
    throw clade::ConfigError("--out is " + arguments.out + "; its name must end in .npy or .csv");
  }
  const clade::TrainedRun run = open_to_use(arguments.run, arguments.device);
  const std::string latent = chosen_latent(*run.trained.model, arguments.latent);
  const clade::Dataset data = points_to_use(run, arguments.data, arguments.labels, arguments.out);
  const clade::SameForEveryRow same;
  auto generator = clade::make_generator(clade::derive_seed(run.seed(), "embed"), run.device);
  const auto layers = clade::layers_of(*run.trained.model, data.x, generator);
  const auto layer = *std::find_if(layers.begin(), layers.end(),
                                   [&](const auto& one) { return one.name == latent; });
  require_numbers(layer.means, data, "latents");
  if (format == ".csv") return write_table(table_of(run, data, layer), arguments.out);
  clade::write_npy(arguments.out, layer.means);
  say(layer.name + ", " + std::to_string(layer.means.size(0)) + " x " +
      std::to_string(layer.means.size(1)) + ": " + arguments.out);
}

}  // namespace

void add_embed(CLI::App& app) {
  auto* command = app.add_subcommand("embed", "write the latent means of data");
  auto arguments = std::make_shared<EmbedArguments>();
  take_run_and_data(*command, arguments->run, arguments->data);
  command
      ->add_option("--out", arguments->out,
                   "file to write: .npy, float32 [points, units], or .csv, which names its points")
      ->capture_default_str();
  command->add_option("--latent,--layer", arguments->latent,
                      "which continuous latent; the topmost by default");
  take_labels(*command, arguments->labels);
  take_device(*command, arguments->device);
  command->footer("Example:  clade embed runs/cp_vae-points-1 points.csv --out latents.npy");
  command->callback([arguments] { embed(*arguments); });
}
