#include "clade/run/label_curves.h"

#include <gtest/gtest.h>

#include <cmath>

namespace clade {
namespace {

using nlohmann::json;

json run(double bound, double f_10, double f_50) {
  return {{"metrics",
           {{"test",
             {{"elbo", bound},
              {"log_likelihood",
               {{"value", f_50},
                {"importance_samples", 50},
                {"few", {{"value", f_10}, {"importance_samples", 10}}}}}}}}}};
}

/// Of two seeds, whose figures get better by a nat the more labels there are.
json row(int64_t labels, const json& train = json::object(), double better = 0) {
  const double by = better + (labels == 100 ? 2 : labels == 20 ? 1 : 0);
  return {{"model", "cagem"},
          {"data", "mnist"},
          {"clusters", 10},
          {"labels", labels},
          {"settings", {{"data", {{"name", "mnist"}, {"label_budget", labels}}}, {"train", train}}},
          {"runs",
           json::array({run(-95 + by, -92 + by, -90 + by), run(-95 + by, -94 + by, -90 + by)})}};
}

using Values = std::vector<double>;

TEST(LabelCurves, AreOfEachNumberOfSamples) {
  // In an order that is not that of the labels.
  const auto curves =
      label_curves({{"a/mnist-100", row(100)}, {"a/mnist-20", row(20)}, {"b/mnist-0", row(0)}});
  ASSERT_EQ(curves.size(), 3u);
  EXPECT_EQ(curves[0].name, "cagem on mnist, K = 10, IW 1");
  EXPECT_EQ(curves[1].name, "cagem on mnist, K = 10, IW 10");
  EXPECT_EQ(curves[2].name, "cagem on mnist, K = 10, IW 50");
  for (const LabelCurve& curve : curves) EXPECT_EQ(curve.labels, (Values{0, 20, 100}));
  EXPECT_EQ(curves[0].value, (Values{-95, -94, -93}));
  EXPECT_EQ(curves[1].value, (Values{-93, -92, -91}));
  EXPECT_EQ(curves[2].value, (Values{-90, -89, -88}));
  EXPECT_NEAR(curves[1].deviation[0], std::sqrt(2), 1e-12);
}

TEST(LabelCurves, JoinNoRowsThatDifferInAnythingElse) {
  const json guided = {{"start", "neighbours"}}, summed = {{"label_scale", "sum"}};
  const auto curves = label_curves({{"mnist-0", row(0, guided, 10)},
                                    {"mnist-100", row(100)},
                                    {"mnist-100-sum", row(100, summed, 5)},
                                    {"mnist-20", row(20)},
                                    {"mnist-20-sum", row(20, summed, 5)},
                                    {"svhn-20", {{"model", "cagem"}, {"data", "svhn"}}}});
  ASSERT_EQ(curves.size(), 6u);
  EXPECT_EQ(curves[0].name, "cagem on mnist, K = 10, as mnist-100, IW 1");
  EXPECT_EQ(curves[0].labels, (Values{20, 100})) << "the guided row is of another kind";
  EXPECT_EQ(curves[0].value, (Values{-94, -93}));
  EXPECT_EQ(curves[3].name, "cagem on mnist, K = 10, as mnist-100-sum, IW 1");
  EXPECT_EQ(curves[3].value, (Values{-89, -88}));
}

TEST(LabelCurves, BeginWithoutLabelsWhateverTheirWeight) {
  const json light = {{"start", "neighbours"}, {"label_weight", 0.1}},
             heavy = {{"start", "neighbours"}, {"label_weight", 9}};
  json unsupervised = row(0, {{"start", "neighbours"}}, -1);
  unsupervised.erase("labels");  // as of a model that takes none
  const json all = {{"a-0", unsupervised},
                    {"a-100", row(100, light)},
                    {"a-100-heavy", row(100, heavy, 3)},
                    {"a-every", row(-1, light, 50)}};
  const auto curves = label_curves(all);
  ASSERT_EQ(curves.size(), 6u);
  EXPECT_EQ(curves[0].labels, (Values{0, 100}));
  EXPECT_EQ(curves[0].value, (Values{-96, -93}));
  EXPECT_EQ(curves[3].value, (Values{-96, -90}));
}

TEST(LabelCurves, LeaveOutRowsOfWhichNoSettingsAreKnown) {
  json old = row(20);
  old.erase("settings");
  EXPECT_TRUE(label_curves({{"a", row(100)}, {"b", old}}).empty());
}

TEST(LabelCurves, TellLikelihoodsWithTheClustersSummedApart) {
  json summed = row(100), summed_too = row(20), finer = row(100);
  for (json* one : {&summed, &summed_too}) {
    for (json& run : one->at("runs")) {
      run["metrics"]["test"]["log_likelihood"]["sum_clusters"] = true;
    }
  }
  finer["settings"]["evaluate"] = {{"precision", "bf16"}};
  EXPECT_EQ(label_curves({{"a", row(20)}, {"b", finer}}).size(), 3u);
  EXPECT_EQ(label_curves({{"a", row(20)}, {"b", summed}}).size(), 1u) << "the bound";
  const auto both = label_curves({{"a", summed_too}, {"b", summed}});
  ASSERT_EQ(both.size(), 3u);
  EXPECT_EQ(both[2].name, "cagem on mnist, K = 10, IW 50, y summed");
}

}  // namespace
}  // namespace clade
