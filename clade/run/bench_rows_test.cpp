#include "clade/run/bench_rows.h"

#include <gtest/gtest.h>

namespace clade {
namespace {

TEST(RowName, IsThePathBelowExperimentsOrTheFilesOwn) {
  EXPECT_EQ(row_name("experiments/cp-vae/table-3.toml:mnist-10"), "cp-vae/mnist-10");
  EXPECT_EQ(row_name("/there/experiments/demo.toml"), "demo");
  EXPECT_EQ(row_name("/there/points.csv"), "points");
}

// The name is that of a folder below --out: an empty one would be --out itself, or, with a model
// behind it, a path from the root.
TEST(RowName, OfDataCalledExperimentsIsNotEmpty) {
  for (const char* what : {"experiments", "experiments.csv", "/there/experiments"}) {
    EXPECT_EQ(row_name(what), "experiments") << what;
    EXPECT_EQ(common_name(what, "vae"), "experiments/vae") << what;
  }
}

}  // namespace
}  // namespace clade
