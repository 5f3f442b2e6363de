#include <cstdio>

#include "app/commands.h"
#include "app/open.h"
#include "app/say.h"
#include "app/write_table.h"
#include "clade/core/error.h"
#include "clade/core/progress.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/ops/noise.h"

namespace {

// Training points that others are ranked among: enough to tell one in a thousand.
constexpr int64_t kRankedAmong = 10000;

struct ScoreArguments {
  std::string run, data, labels, out = "scores.csv", device;
  int64_t importance_samples = 10;
  double quantile = 0.01;
};

// Of x, [N, D], in nats, a density in the data's units: the bound, or closer to log p(x) with more
// samples, all points by the same draws. [N]
torch::Tensor log_p(const clade::TrainedRun& run, const torch::Tensor& x, int64_t samples,
                    const std::string& said) {
  const clade::SameForEveryRow same;
  auto generator = clade::make_generator(clade::derive_seed(run.seed(), "score"), run.device);
  clade::ProgressLine line;
  const auto of_x =
      clade::log_likelihoods(*run.trained.model, x, samples, generator, /*sum_clusters=*/false,
                             [&](int64_t done, int64_t total) { line.show(said, done, total); });
  // So far from the training points that networks overflow.
  const auto known = of_x.where(of_x.eq(of_x), torch::full_like(of_x, -INFINITY));
  return known - run.trained.log_volume().value_or(0);
}

// Training points as the model was shown them, all or a sample; none of a run that has come here
// without its data, or whose data are others now.
std::optional<torch::Tensor> points_to_rank_among(const clade::TrainedRun& run) {
  try {
    const clade::Splits splits = run.splits();
    auto generator = clade::make_generator(clade::derive_seed(run.seed(), "ranked"), run.device);
    return clade::present(clade::some_rows(splits.train.x, kRankedAmong),
                          splits.preprocessing.binarise, generator);
  } catch (const clade::Error& error) {
    note(std::string("no rank among training points: ") + error.what());
    return std::nullopt;
  }
}

void score(const ScoreArguments& arguments) {
  require_csv(arguments.out);
  const clade::TrainedRun run = open_to_use(arguments.run, arguments.device);
  const clade::Dataset data = points_to_use(run, arguments.data, arguments.labels, arguments.out);
  const auto among = points_to_rank_among(run);
  const auto value = log_p(run, data.x, arguments.importance_samples, "points");
  clade::PointTable table(data);
  if (auto classes = run.classes_of(data); !classes.empty()) table.add("class", std::move(classes));
  table.add("log_p", value);
  if (among) {
    const auto rank = clade::shares_below(
        value, log_p(run, *among, arguments.importance_samples, "training points"));
    const auto unusual = rank < arguments.quantile;
    table.add("rank", rank);
    table.add("unusual", unusual);
    if (arguments.out != "-") {
      std::printf("%lld of %lld points are unusual: %g %% of the training points are more likely\n",
                  static_cast<long long>(unusual.sum().item<int64_t>()),
                  static_cast<long long>(data.size()), 100 * (1 - arguments.quantile));
    }
  }
  write_table(table, arguments.out);
}

}  // namespace

void add_score(CLI::App& app) {
  auto* command =
      app.add_subcommand("score", "log p(x) of each point, and which points are unusual");
  auto arguments = std::make_shared<ScoreArguments>();
  take_run_and_data(*command, arguments->run, arguments->data);
  command->add_option("--out", arguments->out, "CSV file to write; - for standard output")
      ->capture_default_str();
  command
      ->add_option("--importance-samples", arguments->importance_samples,
                   "S of the importance-weighted bound on log p(x); 1 is the bound itself")
      ->check(counts())
      ->capture_default_str();
  command
      ->add_option(
          "--quantile", arguments->quantile,
          "a point is unusual if fewer than this share of the training points are less likely "
          "than it is")
      ->check(CLI::Range(0.0, 1.0) & CLI::Validator(
                                         [](const std::string& text) {
                                           return text.find_first_of("nN") == std::string::npos
                                                      ? ""
                                                      : text + " is no number";
                                         },
                                         ""))
      ->capture_default_str();
  take_labels(*command, arguments->labels);
  take_device(*command, arguments->device);
  command->footer(
      "Columns: index (the row, from 0), the file of an image or the column data.id, label if\n"
      "known, class if the model learned from labels, log_p in nats, rank (the share of training\n"
      "points with a lower one), unusual; without the training points log_p is the last.\n"
      "Example:  clade score runs/cp_vae-points-1 new.csv --out scores.csv --quantile 0.001");
  command->callback([arguments] { score(*arguments); });
}
