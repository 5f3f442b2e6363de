#include <cmath>
#include <cstdio>

#include "app/commands.h"
#include "app/trained_run.h"
#include "clade/core/error.h"
#include "clade/formats/npy.h"
#include "clade/formats/png.h"
#include "clade/report/sheet.h"

namespace fs = std::filesystem;

namespace {

struct GenerateArguments {
  std::string run, out, device;
  std::optional<int64_t> cluster;
  std::optional<uint64_t> seed;
  bool random = false;
  int64_t count = 0;
};

constexpr int64_t kRandomCount = 100;
constexpr int64_t kClusterCount = 10;

// Tiles in a sheet as square as the count allows; cells left over stay empty.
torch::Tensor as_square(const torch::Tensor& points) {  // [n, D] -> [rows, columns, D]
  const int64_t n = points.size(0);
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  const int64_t rows = (n + columns - 1) / columns;
  const auto empty =
      torch::full({rows * columns - n, points.size(1)}, std::nan(""), points.options());
  return torch::cat({points, empty}).view({rows, columns, points.size(1)});
}

void generate(const GenerateArguments& arguments) {
  const fs::path out = arguments.out;
  if (out.extension() != ".png" && out.extension() != ".npy") {
    throw clade::ConfigError("--out is " + arguments.out + "; its name must end in .png or .npy");
  }
  const TrainedRun run = open_run(arguments.run, arguments.device);
  clade::Model& model = *run.trained.model;
  if (out.extension() == ".png" && !clade::is_image(run.trained.shape)) {
    throw clade::ConfigError("the model's points are not images; give --out a name in .npy");
  }
  auto generator = clade::make_generator(
      clade::derive_seed(arguments.seed.value_or(run.seed()), "generate"), run.device);
  const bool each_cluster = !arguments.cluster && !arguments.random && model.clusters() > 1;
  const int64_t count = arguments.count > 0 ? arguments.count
                        : each_cluster      ? kClusterCount
                                            : kRandomCount;

  torch::NoGradGuard no_grad;
  torch::Tensor sheet;  // [rows, columns, D]
  if (each_cluster) {
    std::vector<torch::Tensor> rows;
    for (int64_t k = 0; k < model.clusters(); ++k)
      rows.push_back(model.sample_means(count, model.given_cluster(k), generator));
    sheet = torch::stack(rows);
  } else {
    sheet =
        model.sample_means(count, model.given_cluster(arguments.cluster), generator).unsqueeze(0);
  }
  if (out.extension() == ".png") {
    clade::write_png(
        out, clade::make_sheet(each_cluster ? sheet : as_square(sheet[0]), run.trained.shape));
  } else {
    // In the units of the data that were read.
    const auto& how = run.trained.preprocessing;
    auto raw = sheet.cpu() * how.scale + how.shift;
    std::vector<int64_t> shape = run.trained.shape;
    shape.insert(shape.begin(), raw.size(0) * raw.size(1));
    clade::write_npy(out, raw.reshape(shape));
  }
  std::printf("%lld points: %s\n", static_cast<long long>(sheet.size(0) * sheet.size(1)),
              out.c_str());
}

}  // namespace

void add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "draw new points, from a cluster or from all");
  auto arguments = std::make_shared<GenerateArguments>();
  command->add_option("RUN", arguments->run, "folder that clade train wrote")->required();
  auto* cluster =
      command->add_option("--cluster", arguments->cluster, "only from this cluster, from 0");
  command
      ->add_flag("--random", arguments->random,
                 "from the whole model; without either, each cluster")
      ->excludes(cluster);
  command->add_option("--count", arguments->count, "how many (of each cluster)")->check(counts());
  command->add_option("--seed", arguments->seed, "another draw")->check(CLI::NonNegativeNumber);
  command
      ->add_option("--out", arguments->out,
                   "a .png sheet (images), or .npy values in the data's units")
      ->required();
  command->add_option("--device", arguments->device, "cpu or cuda");
  command->footer(
      "Examples:\n"
      "  clade generate runs/cp_vae-fashion-mnist-1 --out clusters.png\n"
      "  clade generate runs/cp_vae-points-1 --cluster 3 --count 500 --out more.npy");
  command->callback([arguments] { generate(*arguments); });
}
