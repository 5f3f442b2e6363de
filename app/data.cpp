#include <torch/torch.h>

#include <cstdio>

#include "app/commands.h"
#include "app/say.h"
#include "clade/core/options.h"
#include "clade/core/words.h"
#include "clade/data/load.h"
#include "clade/data/named_sets.h"
#include "clade/experiment/prepared.h"

namespace {

struct DataArguments {
  std::string what;
  std::string labels;
  std::vector<std::string> overrides;
};

void list_data() {
  for (const auto& set : clade::named_sets()) {
    std::printf("%-16s%s\n", set.name.c_str(), set.description.c_str());
  }
  clade::DataOptions options;
  std::printf(
      "\nOwn data: .npy, .npz, .mat, .h5ad, .csv, .tsv and IDX files (all but .mat and .h5ad\n"
      "also gzipped), and folders of PNG and JPEG images.\nClusters start from the graph of "
      "nearest neighbours, for tables, digits, cells and photographs. --start\n"
      "autoencoder+neighbours is for other data whose raw values say little of which points\n"
      "are alike; --start none for the bound alone, as papers have it. k-means is faster, and\n"
      "enough for round groups. Figures of each: docs/clusters.md.\n"
      "Settings of [data]:\n\n%s",
      clade::describe(options).c_str());
}

void describe_named(const clade::NamedSet& set) {
  std::printf("%s: %s\n  size    %s\n  split   %s\n  values  %s\n  source  %s\n", set.name.c_str(),
              set.description.c_str(), set.sizes.c_str(), set.split.c_str(),
              set.colours ? "colours, 0 to 255" : set.values.c_str(), set.source.c_str());
  if (!set.labels.empty()) {
    std::printf("  labels  %s, by data.labels; %s by default\n", clade::one_of(set.labels).c_str(),
                set.labels.front().c_str());
  }
}

// "'cat' 20, 'dog' 31, none 4", of all points; the first classes if there are many.
std::string labels_text(const clade::Splits& data) {
  constexpr int64_t kMost = 20;
  const std::vector<std::string>& names = data.train.label_names;
  std::vector<torch::Tensor> labels;
  for (const auto* points : {&data.train, &data.validation, &data.test}) {
    if (points->labels.defined()) labels.push_back(points->labels);
  }
  if (names.empty() || labels.empty()) return "none";
  const auto classes = static_cast<int64_t>(names.size());
  const auto counts =
      torch::bincount(torch::cat(labels) + 1, {}, classes + 1);  // the unknown first
  std::string text;
  for (int64_t c = 0; c < std::min(classes, kMost); ++c) {
    text += (c > 0 ? ", '" : "'") + names[static_cast<size_t>(c)] + "' " +
            std::to_string(counts[c + 1].item<int64_t>());
  }
  if (classes > kMost) text += " and " + std::to_string(classes - kMost) + " more";
  const auto unknown = counts[0].item<int64_t>();
  return text + (unknown > 0 ? ", none " + std::to_string(unknown) : "");
}

// What training would read of data, and choose for them.
void describe_points(const DataArguments& arguments) {
  constexpr size_t kMostFeatures = 40;
  clade::ExperimentFile file = clade::experiment_on(arguments.what);
  if (!arguments.labels.empty()) file.override("data.labels=" + arguments.labels);
  for (const std::string& setting : arguments.overrides) file.override(setting);
  const clade::Prepared prepared = clade::prepare(std::move(file));
  const clade::Splits& data = prepared.data;
  say(prepared.experiment.data_name() + ": " + data.said);
  std::printf("  split     %lld training, %lld validation, %lld test points\n",
              static_cast<long long>(data.train.size()),
              static_cast<long long>(data.validation.size()),
              static_cast<long long>(data.test.size()));
  const auto& features = data.train.columns;
  if (!features.empty()) say("  features  " + clade::quoted(features, kMostFeatures));
  say("  labels    " + labels_text(data));
  if (!prepared.chosen.empty()) say("  training  " + prepared.chosen);
}

}  // namespace

void add_data(CLI::App& app) {
  auto* command =
      app.add_subcommand("data", "list the named data sets, or look at data before training");
  auto arguments = std::make_shared<DataArguments>();
  command->add_option("DATA", arguments->what,
                      "a named data set, a file or a folder of images; all named sets if left out");
  command->add_option("--labels", arguments->labels, "as for clade train");
  take_settings(*command, arguments->overrides, "as for clade train");
  command->footer(
      "Examples:\n"
      "  clade data fashion-mnist\n"
      "  clade data points.csv --labels species --set data.missing=drop");
  command->callback([arguments] {
    const bool asked = !arguments->labels.empty() || !arguments->overrides.empty();
    const auto* set = clade::find_named_set(arguments->what);
    if (arguments->what.empty()) return list_data();
    set != nullptr && !asked ? describe_named(*set) : describe_points(*arguments);
  });
}
