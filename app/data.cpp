#include <cstdio>

#include "app/commands.h"
#include "clade/core/options.h"
#include "clade/core/words.h"
#include "clade/data/load.h"
#include "clade/data/named_sets.h"

void add_data(CLI::App& app) {
  auto* command = app.add_subcommand("data", "list the named data sets, or describe one");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "a named data set");
  command->footer("Example:  clade data fashion-mnist");
  command->callback([name] {
    if (name->empty()) {
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
      return;
    }
    const auto& set = clade::named_set(*name);
    std::printf("%s: %s\n  size    %s\n  split   %s\n  values  %s\n  source  %s\n",
                set.name.c_str(), set.description.c_str(), set.sizes.c_str(), set.split.c_str(),
                set.colours ? "colours, 0 to 255" : set.values.c_str(), set.source.c_str());
    if (!set.labels.empty()) {
      std::printf("  labels  %s, by data.labels; %s by default\n",
                  clade::one_of(set.labels).c_str(), set.labels.front().c_str());
    }
  });
}
